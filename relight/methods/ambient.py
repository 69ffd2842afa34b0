"""What of a scene is lit alone stands in the scene's own light, too. (This project's.)

A lamp that lights all leaves the far side dark, and the eye adapts to that. Beside surroundings
that stay as bright as they were, the same far side looks cut out and burnt.
"""

from __future__ import annotations

import torch
from torch import Tensor

from relight.methods.gain_and_glow import GainGlow, bounded_ratio, box_mean, resized

AMBIENT = 0.5
"""Part of the encoded brightness in the source that shade keeps at least."""
RADIUS = 0.03
"""Of the mean that is compared, as a part of the shorter side."""


def in_ambient(light: GainGlow, guide: Tensor) -> GainGlow:
    """A light, (3, h, w), made brighter where it leaves a thing darker than it was.

    What has s of its brightness left (of its brightest channel) has `AMBIENT` + (1 - `AMBIENT`) s
    then, in the same colour. What is as bright as it was, or brighter, stays.

    Args:
        guide: the source at any size, (3, h', w') in [0, 1].

    >>> import math
    >>> half = GainGlow(torch.full((3, 8, 8), math.log(0.5)), torch.zeros(3, 8, 8))
    >>> lit = in_ambient(half, torch.full((3, 8, 8), 0.4)).log_gain.exp()
    >>> round(float(lit.mean()), 2), in_ambient(GainGlow.none(8, 8), lit).log_gain.any().item()
    (0.74, False)
    """
    size = light.glow.shape[-2:]
    mean = box_mean(resized(guide[None].to(light.glow), size), max(1, round(RADIUS * min(size))))[0]
    lit = light.log_gain.exp() * mean + light.glow
    left = bounded_ratio(lit.amax(-3, keepdim=True), mean.amax(-3, keepdim=True))
    more = torch.where(left < 1, (AMBIENT + (1 - AMBIENT) * left) / left, torch.ones(()))
    return GainGlow(light.log_gain + more.log(), light.glow * more)
