"""Exposure: one for a whole clip, as a camera set for the new light would have it.

What a light adds on one side is taken from the whole, so that neither the picture nor its flicker
grows. (This project's.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from relight.methods.gain_and_glow import GainGlow, luma, resized

BRIGHTNESS = 0.95
"""Mean luminance of the lit picture relative to the source's, at most: at 1 moving things flicker
more than in the source, as their lit side grows brighter."""
STEADY, DIMMED = 0.93, 0.8
"""Change from frame to frame relative to the source's, at most; and the most of the exposure that
may be given for it."""
UNMOVED = 0.2 / 255
"""Mean change of neighbouring frames, of the full range, below which nothing shimmers."""


def exposure(
    lights: Sequence[GainGlow],
    sources: Sequence[Tensor],
    changes: Sequence[Tensor] = (),
    *,
    brightness: float = BRIGHTNESS,
) -> float:
    """The factor, at most 1, that keeps lit frames at a part of their source's luminance.

    It also keeps what changes from frame to frame at the source's measure: where a light falls on
    moving water or leaves, they shimmer as much more as they are brighter.

    Args:
        lights: of a few frames of the clip, (3, h, w) each.
        sources: those frames, (3, h', w') in [0, 1] each.
        changes: of each to the frame before or after it, absolute, (3, h', w'); none: not looked
            at.
        brightness: mean encoded luminance of all, relative to the sources', at most.

    >>> import torch
    >>> twice = GainGlow(torch.full((3, 8, 8), math.log(2.0)), torch.zeros(3, 8, 8))
    >>> round(exposure([twice], [torch.full((3, 8, 8), 0.3)], brightness=1.0), 2)
    0.5
    """
    lit = before = 1e-6
    for light, source in zip(lights, sources, strict=True):
        small = resized(source[None], light.glow.shape[-2:])[0]
        lit += float(luma((light.log_gain.exp() * small + light.glow).clamp(0, 1)).mean())
        before += float(luma(small).mean())
    factor = min(1.0, brightness * before / lit)
    moved = still = 0.0
    for light, change in zip(lights, changes, strict=bool(changes)):
        small = resized(change[None], light.glow.shape[-2:])[0]
        moved += float(luma(light.log_gain.exp() * small).mean())
        still += float(luma(small).mean())
    if still < UNMOVED * len(changes) or not changes:
        return factor
    return max(min(factor, STEADY * still / max(moved, 1e-6)), DIMMED * factor)


def exposed(light: GainGlow, factor: float) -> GainGlow:
    """The light through an exposure of `factor`, of encoded values.

    >>> import torch
    >>> half = exposed(GainGlow(torch.zeros(3, 2, 2), torch.full((3, 2, 2), 0.2)), 0.5)
    >>> round(float(half.log_gain.exp().mean()), 2), round(float(half.glow.mean()), 2)
    (0.5, 0.1)
    """
    return GainGlow(light.log_gain + math.log(factor), light.glow * factor)
