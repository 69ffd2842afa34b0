"""Light that is known in places, for the others: from their surroundings of like brightness."""

from __future__ import annotations

import torch
from torch import Tensor

from relight.methods.gain_and_glow import box_mean, luma

REACHES = (
    0.5,
    0.15,
    0.05,
)  # how far surroundings are looked for, of the shorter side, widest first
SHADES = 9  # ranges of brightness whose surroundings count by themselves


def surroundings(planes: Tensor, weight: Tensor, guide: Tensor) -> Tensor:
    """What is known of the light around each pixel, from pixels of like brightness first.

    Args:
        planes: (1, c, h, w) or (c, h, w), anything where `weight` is 0.
        weight: (1, h, w) or (1, 1, h, w), how well the light is known.
        guide: the frame at that size, (1, 3, h, w).

    Returns:
        (1, c, h, w): weighted means over ever smaller windows, each relying on the wider one
        where it knows too little.

    >>> known = torch.zeros(1, 1, 32, 32)
    >>> known[..., :16] = 1
    >>> filled = surroundings(0.3 * known, known, torch.full((1, 3, 32, 32), 0.5))
    >>> round(float(filled[0, 0, 16, 30]), 2)
    0.3
    """
    planes, weight = (
        planes.reshape(1, -1, *guide.shape[-2:]),
        weight.reshape(1, 1, *guide.shape[-2:]),
    )
    total = weight.sum()
    mean = (planes * weight).sum((2, 3), keepdim=True) / total.clamp_min(1e-6)
    mean = mean if float(total) > 1 else planes.mean((2, 3), keepdim=True)
    out, place = mean.expand_as(planes), luma(guide).clamp_min(0).sqrt() * (SHADES - 1)
    for reach in REACHES:
        r = max(1, round(reach * min(guide.shape[-2:])))
        wide, out = out, torch.zeros_like(planes)
        for shade in range(SHADES):
            away = (place - shade).abs()
            like = weight * (1 - away / 1.5).clamp_min(0.002)
            there = box_mean(like, r)
            value = (box_mean(like * planes, r) + 0.005 * wide) / (there + 0.005)
            out = out + (1 - away).clamp_min(0) * value
    return out
