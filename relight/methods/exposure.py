"""Exposure: one for a whole clip, as a camera set for the new light would have it.

What a light adds on one side is taken from the whole, so that neither the picture nor its flicker
grows. (This project's.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from relight.methods.gain_and_glow import GainGlow, luma, resized
from relight.methods.optical_flow import as_tensor, flow, lengths, warp

BRIGHTNESS = 0.95
"""Mean luminance of the lit picture relative to the source's, at most: at 1 moving things flicker
more than in the source, as their lit side grows brighter."""
STEADY, DIMMED, TRIED = 0.95, 0.8, 0.85
"""Change from frame to frame relative to the source's, at most; the most of the exposure that may
be given for it; and the part of it at which that change is looked at, as highlights roll off."""
UNMOVED = 0.2 / 255
"""Mean change of neighbouring frames, of the full range, below which nothing shimmers."""


def exposure(
    lights: Sequence[GainGlow], sources: Sequence[Tensor], *, brightness: float = BRIGHTNESS
) -> float:
    """The factor, at most 1, that keeps lit frames at a part of their source's brightness.

    Args:
        lights: of a few frames of the clip, (3, h, w) each.
        sources: those frames, (3, h', w') in [0, 1] each.
        brightness: mean encoded brightness of all, relative to the sources', at most.

    >>> import torch
    >>> twice = GainGlow(torch.full((3, 8, 8), math.log(2.0)), torch.zeros(3, 8, 8))
    >>> round(exposure([twice], [torch.full((3, 8, 8), 0.3)], brightness=1.0), 2)
    0.5
    """
    lit = before = 1e-6
    for light, source in zip(lights, sources, strict=True):
        small = resized(source[None], light.glow.shape[-2:])[0]
        lit += float(seen_as((light.log_gain.exp() * small + light.glow).clamp(0, 1)).mean())
        before += float(seen_as(small).mean())
    return min(1.0, brightness * before / lit)


def steadied(factor: float, changes: Sequence[tuple[float, float]]) -> float:
    """An exposure under which the lit clip changes from frame to frame no more than its source.

    Where a light falls on moving water or leaves, or on grain, they shimmer as much more as they
    are brighter; an exposure takes that off, up to `DIMMED`.

    Args:
        factor: the exposure so far.
        changes: mean change of a few frames to their neighbours along the motion, in [0, 1]: under
            the light at `TRIED` of that exposure, and of the source.

    >>> round(steadied(0.8, [(0.0096, 0.01)]), 2), steadied(0.8, [(0.008, 0.01)])
    (0.67, 0.8)
    """
    lit, source = (sum(pair[i] for pair in changes) for i in (0, 1))
    if not changes or source < UNMOVED * len(changes):
        return factor
    return factor * max(min(1.0, TRIED * STEADY * source / max(lit, 1e-9)), DIMMED)


def changes_of(source: Sequence[np.ndarray], lit: Sequence[np.ndarray]) -> tuple[float, float]:
    """Mean change of a frame to its neighbour along the source's motion, in [0, 1]: lit, and as it
    was; where the way there and back ends within half a pixel of where it began, or half its way.

    Args:
        source, lit: two frames each, (h, w, 3) uint8 of one size.

    >>> grey = np.full((32, 32, 3), 51, np.uint8)
    >>> change = changes_of([grey, grey + 51], [grey, grey + 102])
    >>> [round(x, 2) for x in change]
    [0.4, 0.2]
    """
    a, b = source
    there, back = (flow(x, y, max(a.shape)) for x, y in ((a, b), (b, a)))
    way = lengths(there)
    held = (lengths(there + warp(back, there)) < 0.5 + 0.5 * way).float()

    def change(x: np.ndarray, y: np.ndarray) -> float:
        apart = (luma(as_tensor(x)) - warp(luma(as_tensor(y)), there)).abs()
        return float((held * apart).sum() / held.sum().clamp_min(1))

    return change(*lit), change(a, b)


def seen_as(image: Tensor) -> Tensor:
    """How bright colours look: (..., 3, h, w) encoded to (..., 1, h, w), a grey's own value.

    Strong colours look brighter than their luminance is (Helmholtz and Kohlrausch); exposed by
    luminance alone, a lamp of a strong colour would burn out to a pale one.

    >>> import torch
    >>> magenta = torch.tensor([1.0, 0.0, 1.0]).view(3, 1, 1)
    >>> round(float(seen_as(magenta)), 2), round(float(seen_as(magenta * 0 + 0.5)), 2)
    (0.64, 0.5)
    """
    return 0.5 * (luma(image) + image.amax(-3, keepdim=True))


def exposed(light: GainGlow, factor: float) -> GainGlow:
    """The light through an exposure of `factor`, of encoded values.

    >>> import torch
    >>> half = exposed(GainGlow(torch.zeros(3, 2, 2), torch.full((3, 2, 2), 0.2)), 0.5)
    >>> round(float(half.log_gain.exp().mean()), 2), round(float(half.glow.mean()), 2)
    (0.5, 0.1)
    """
    return GainGlow(light.log_gain + math.log(factor), light.glow * factor)
