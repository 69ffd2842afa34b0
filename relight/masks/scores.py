"""Where a clip's subject may be, and how clearly what was cut out is one.

Evidence of motion, edges and place is weighed against each other here; each kind by itself is in
`relight.masks.evidence`.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from relight.masks.evidence import against_dominant, apart_from_border, centre_prior, texture
from relight.masks.steady import REACH, Motion, gathered
from relight.methods.smoothstep import smoothstep
from relight.methods.spread import spread

UNDECIDED = (0.5, 0.8)
"""Area that moves half, relative to what moves: below the first what moves is the subject whatever
its edges say, above the second it may be a part of it. A car, a bear and pasted figures have .25 to
.45, heads and arms .7 to 25."""
BESIDE = (1.0, 2.0)
"""Area that stands out and is still, relative to what moves: above it, that may be a head on a
body."""
STILL = 0.97
"""How surely what doesn't move then is not the subject."""


def subject_scores(
    images: np.ndarray,
    motion: Motion,
    frames: slice = slice(None),
    edges: np.ndarray | None = None,
) -> Tensor:
    """Where the subject may be.

    Args:
        images: (frames, h, w, 3) uint8. motion: of those frames.
        frames: those asked for; the others are their neighbours.
        edges: what `apart_from_border` finds in those asked for; None: found here.

    Returns:
        (frames, 1, h, w) in [0, 1].

    >>> still = (torch.zeros(2, 32, 32), torch.ones(1, 32, 32))
    >>> images = np.full((2, 32, 32, 3), 40, np.uint8)
    >>> images[:, 10:24, 10:24] = (250, 30, 30)
    >>> scores = subject_scores(images, Motion([still], [still], frozenset()))
    >>> bool(scores[0, 0, 16, 16] > 0.8), bool(scores[0, 0, 2, 2] < 0.1)
    (True, True)
    """
    centre = torch.from_numpy(centre_prior(*images.shape[1:3]))
    apart = torch.from_numpy(apart_from_border(images[frames]) if edges is None else edges)
    # What is parted from the border almost everywhere has edges everywhere, and no subject.
    apart = apart * torch.stack([1 - smoothstep(a.mean(), 0.6, 0.8) for a in apart]).view(-1, 1, 1)
    textured = torch.from_numpy(np.stack([texture(image) for image in images]))[:, None]
    moving = gathered(_moving(motion, centre) * textured, motion)[frames, 0]
    # Where motion parts the frame cleanly in two and edges don't, edges hardly count; where these
    # do, the place in the frame hardly does.
    parted = torch.stack(
        [smoothstep(m.mean(), 0.02, 0.06) * smoothstep(_clean(m), 0.7, 0.9) for m in moving]
    )
    plain = torch.stack(
        [smoothstep(a.mean(), 0.02, 0.1) * smoothstep(_clean(a), 0.6, 0.8) for a in apart]
    )
    plain = plain.view(-1, 1, 1)
    still = torch.lerp(centre * (0.4 + 0.6 * apart), (0.65 + 0.35 * centre) * apart, plain)
    shows = textured[frames, 0]
    each = zip(moving, apart * shows, strict=True)
    outlined = torch.stack([_outlined(*one) for one in each]).view(-1, 1, 1)
    known = 1 - STILL * outlined * shows  # where a motion would have shown
    still = (1 - 0.85 * parted.view(-1, 1, 1) * (1 - plain)) * known * still
    sure = 0.8 + 0.15 * plain
    return (1 - (1 - 0.9 * moving * (0.5 + 0.5 * centre)) * (1 - sure * still))[:, None]


def _moving(motion: Motion, like: Tensor) -> Tensor:
    """What moves against the dominant motion in each frame, (frames, 1, h, w) in [0, 1]."""
    out = torch.zeros(len(motion.ahead) + 1, 1, *like.shape)
    within = [t for t in range(len(motion.ahead)) if t + 1 not in motion.cuts]
    flows = [flow for t in within for flow in ((t, motion.ahead[t]), (t + 1, motion.back[t]))]

    def found(flow: tuple[int, tuple[Tensor, Tensor]]) -> Tensor:
        return torch.from_numpy(against_dominant(flow[1][0].numpy())).float()

    for (frame, _), moving in zip(flows, spread(found, flows), strict=True):
        out[frame] = torch.maximum(out[frame], moving)
    return out


def _clean(moving: Tensor) -> Tensor:
    """How near to 0 or 1 a map is: 1 all of it, 0 where all of it is undecided."""
    return (2 * moving - 1).abs().mean()


def _outlined(moving: Tensor, apart: Tensor) -> Tensor:
    """Whether what moves is the whole subject, by itself, in [0, 1].

    It ends sharply all around then: a head that turns moves less and less towards its shoulders,
    and grain moves a little everywhere. And little of what stands out is still.
    """
    between = ((moving > 0.2) & (moving < 0.8)).float().mean()
    inside = (moving > 0.5).float().mean()
    still = (apart * (1 - moving)).mean()
    least = inside.clamp_min(1e-3)
    sharp = 1 - smoothstep(between / least, *UNDECIDED)
    alone = 1 - smoothstep(still / least, *BESIDE)
    return sharp * alone * smoothstep(inside, 0.03, 0.06) * (1 - smoothstep(inside, 0.5, 0.7))


def clarity(image: Tensor, raw: Tensor, matte: Tensor, score: Tensor) -> Tensor:
    """How clearly one frame's cut is a subject, in [0, 1].

    Args:
        image: (3, h, w) in [0, 1]. raw: its cut by itself. matte: that cut, steadied. score: where
            the subject may be. All three (1, h, w) in [0, 1].

    >>> nothing = torch.zeros(1, 8, 8)
    >>> float(clarity(torch.rand(3, 8, 8), nothing, nothing, nothing))
    0.0
    """
    area = matte.mean()
    if not 1e-3 < area < 0.999:
        return torch.zeros(())
    inside = (score * matte).sum() / matte.sum()
    outside = (score * (1 - matte)).sum() / (1 - matte).sum()
    gap, apart = inside - outside, 1 - _overlap(image, matte)
    border = torch.cat([matte[0, 0], matte[0, :, 0], matte[0, :, -1]]).mean()
    steady = 1 - (raw - matte).abs().mean() / area
    parts = (
        smoothstep(area, 0.02, 0.06)
        * (1 - smoothstep(area, 0.7, 0.9)),  # neither a speck nor everything
        smoothstep(gap, 0.1, 0.3),  # where the evidence is
        smoothstep(
            apart + 0.5 * gap, 0.3, 0.55
        ),  # of other colours than the rest, or clearly moving
        1 - smoothstep(border, 0.35, 0.7),  # something in the frame, not its surroundings
        smoothstep(steady, 0.4, 0.75),  # the same from frame to frame
    )
    return torch.stack(parts).prod()


def _overlap(image: Tensor, matte: Tensor) -> float:
    """Histogram intersection of the colours inside and outside a matte: 1 the same, 0 apart."""
    codes = (image.clamp(0, 1) * 255).byte().permute(1, 2, 0).numpy()
    lab = cv2.cvtColor(np.ascontiguousarray(codes), cv2.COLOR_RGB2LAB).reshape(-1, 3) // 16
    index = lab.astype(np.int64) @ (256, 16, 1)
    weight = matte.reshape(-1).numpy()
    a, b = (np.bincount(index, wt, minlength=4096) for wt in (weight, 1 - weight))
    return float(np.minimum(a / a.sum(), b / b.sum()).sum())


def over_time(values: Tensor, motion: Motion) -> Tensor:
    """A number a frame, averaged over `REACH` neighbours on either side within its scene.

    >>> still = (torch.zeros(2, 4, 4), torch.ones(1, 4, 4))
    >>> over_time(torch.tensor([0.0, 1.0]), Motion([still], [still], frozenset())).tolist()
    [0.5, 0.5]
    """
    out = []
    for t in range(len(values)):
        near = [t]
        for step in (1, -1):
            for k in range(1, REACH + 1):
                s = t + step * k
                if not 0 <= s < len(values) or max(s, s - step) in motion.cuts:
                    break
                near.append(s)
        out.append(values[near].mean())
    return torch.stack(out)
