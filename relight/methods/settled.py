"""Settled maps: what is found anew in every frame, made to agree where nothing moves.

A matte that is cut frame by frame may take in a shadow in some frames and leave it out in others:
in a still scene the shading that is made of it then jumps. Wherever a pixel and what is around it
look the same in most of the frames about a moment, its value is the median of those frames; where
something moves, it is the frame's own. (This project's.)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from relight.errors import InputError
from relight.methods.gain_and_glow import box_max, box_mean, resized
from relight.methods.spread import spread

REACH, STEP, MOST = 72, 8, 18
"""Frames on either side that are asked, 9 s at 8 frames a second; every which of them in a long
clip; and about how many in a shorter one. Maps of neighbours come from much the same frames, so
that only those farther off are another opinion."""
SAME = 5 / 255
"""Difference of blurred values up to which a pixel looks the same."""
BLUR, AROUND = 2, 2
"""Radii, in pixels of the map: of the blur that takes grain off, and of what is around a pixel."""


def step_of(count: int) -> int:
    """Every which frame of a clip of `count` is asked.

    They are counted from the clip's first, so that neighbours ask the same ones.

    >>> step_of(5), step_of(40), step_of(1000)
    (1, 2, 8)
    """
    return min(max(count // MOST, 1), STEP)


def asked(first: int, last: int, count: int) -> list[int]:
    """The frames of a clip of `count` that `settled` needs for those from `first` to `last`.

    >>> asked(10, 12, 80)
    [0, 4, 8, 10, 11, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 64, 68, 72, 76]
    """
    step = step_of(count)
    begin, end = max(first - REACH, 0), min(last + REACH, count)
    return sorted({*range(first, last), *range(-(-begin // step) * step, end, step)})


def settled(x: Tensor, frames: Tensor, numbers: Sequence[int], step: int) -> Tensor:
    """Maps of some of a clip's frames, steady where the frames are.

    Args:
        x: (frames, c, h, w), any range.
        frames: the source, (frames, 3, h', w') in [0, 1].
        numbers: of the frames in the clip, rising; see `asked`.
        step: see `step_of`.

    Returns:
        (frames, c, h, w).

    Raises:
        InputError: another number of maps than of frames.

    >>> flips = torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0]).view(5, 1, 1, 1).expand(5, 1, 16, 16)
    >>> settled(flips, torch.full((5, 3, 16, 16), 0.5), range(5), 1).unique()
    tensor([0.])
    """
    if not len(x) == len(frames) == len(numbers):
        raise InputError(f"{len(x)} maps and {len(frames)} frames don't belong together")
    seen = box_mean(resized(frames, x.shape[-2:]), BLUR)

    def one(t: int) -> np.ndarray:
        here = numbers[t]
        far = [i for i, n in enumerate(numbers) if n % step == 0 and abs(n - here) <= REACH]
        apart = (seen[far] - seen[t]).abs().amax(1, keepdim=True)
        apart = box_max(apart, AROUND)
        values = torch.where(apart <= SAME, x[far], x[t])
        values = torch.cat([values, x[t : t + 1]]) if here % step else values
        middle = (len(values) - 1) // 2
        return np.partition(values.numpy(), middle, axis=0)[middle]

    return torch.from_numpy(np.stack(list(spread(one, range(len(x))))))
