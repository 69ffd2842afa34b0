"""Settled maps: what is found anew in every frame, made to agree where nothing moves.

A matte that is cut frame by frame may take in a shadow in some frames and leave it out in others:
in a still scene the shading that is made of it then jumps. Wherever a pixel and what is around it
look the same in most of the frames about a moment, its value is the median of those frames; where
something moves, it is the frame's own. (This project's.)
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from relight.errors import InputError
from relight.methods.gain_and_glow import box_max, box_mean, resized
from relight.methods.spread import spread
from relight.methods.surfaces import Surface, unit

REACH, STEP = 24, 3
"""Frames on either side that are asked, and every which of them: 3 s at 8 frames a second."""
SAME = 5 / 255
"""Difference of blurred values up to which a pixel looks the same."""
BLUR, AROUND = 2, 2
"""Radii, in pixels of the map: of the blur that takes grain off, and of what is around a pixel."""


def settled_surface(surface: Surface, frames: Tensor) -> Surface:
    """A clip's surface, steady where its frames are.

    Args:
        surface: of the frames. frames: (frames, 3, h', w') in [0, 1].

    >>> flat = torch.tensor([0.0, 0.0, 1.0]).view(1, 3, 1, 1).expand(7, 3, 16, 16)
    >>> sure = torch.tensor([1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0])
    >>> found = settled_surface(Surface(flat, torch.ones(7, 1, 16, 16), sure), flat * 0 + 0.5)
    >>> found.confidence.tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """
    sure = surface.confidence.view(-1, 1, 1, 1).expand_as(surface.weight)
    maps = torch.cat([surface.normals, surface.weight, sure], dim=1)
    del surface, sure  # a hundred frames are in hand
    maps = settled(maps, frames)
    normals = unit(maps[:, :3])
    return Surface(normals, maps[:, 3:4], maps[:, 4].mean((1, 2)))


def settled(x: Tensor, frames: Tensor, *, reach: int = REACH, step: int = STEP) -> Tensor:
    """Maps of consecutive frames, steady where the frames are.

    Args:
        x: (frames, c, h, w), any range.
        frames: the source, (frames, 3, h', w') in [0, 1].
        reach: see `REACH`; fewer at the ends. step: see `STEP`.

    Returns:
        (frames, c, h, w).

    Raises:
        InputError: another number of maps than of frames.

    >>> flips = torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0]).view(5, 1, 1, 1).expand(5, 1, 16, 16)
    >>> settled(flips, torch.full((5, 3, 16, 16), 0.5), step=1).unique()
    tensor([0.])
    """
    if len(x) != len(frames):
        raise InputError(f"{len(x)} maps and {len(frames)} frames don't belong together")
    seen = box_mean(resized(frames, x.shape[-2:]), BLUR)
    out = np.empty(x.shape, np.float32)

    def one(t: int) -> None:
        first, last = max(t - reach, t % step), min(t + reach + 1, len(x))
        others = range(first + (t - first) % step, last, step)
        apart = (seen[others.start : last : step] - seen[t]).abs().amax(1, keepdim=True)
        apart = box_max(apart, AROUND)
        values = torch.where(apart <= SAME, x[others.start : last : step], x[t])
        middle = (len(values) - 1) // 2
        out[t] = np.partition(values.numpy(), middle, axis=0)[middle]

    list(spread(one, range(len(x))))
    return torch.from_numpy(out)
