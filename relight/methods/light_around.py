"""Light that is known in places, for the others: from their surroundings of like colour."""

from __future__ import annotations

import torch
from torch import Tensor

from relight.methods.like_colours import LikeColours

REACHES = (0.5, 0.15, 0.05)  # windows' radii, of the shorter side, the widest first
LITTLE = 0.005  # weight of what the wider window knows


def surroundings(planes: Tensor, weight: Tensor, guide: Tensor) -> Tensor:
    """What is known of the light around each pixel, from pixels of like colour first.

    Args:
        planes: (1, c, h, w) or (c, h, w), anything where `weight` is 0.
        weight: (1, h, w) or (1, 1, h, w), how well the light is known.
        guide: the frame at that size, (1, 3, h, w) in [0, 1].

    Returns:
        (1, c, h, w): weighted means over ever smaller windows, each relying on the wider one
        where it knows too little.

    >>> known = torch.zeros(1, 1, 32, 32)
    >>> known[..., :16] = 1
    >>> filled = surroundings(0.3 * known, known, torch.full((1, 3, 32, 32), 0.5))
    >>> round(float(filled[0, 0, 16, 30]), 2)
    0.3
    """
    size = guide.shape[-2:]
    planes, weight = planes.reshape(1, -1, *size), weight.reshape(1, 1, *size)
    total = weight.sum()
    mean = (planes * weight).sum((2, 3), keepdim=True) / total.clamp_min(1e-6)
    mean = mean if float(total) > 1 else planes.mean((2, 3), keepdim=True)
    out, known = mean.expand_as(planes), torch.cat([weight * planes, weight], dim=1)
    # Of its square root: black and dark grey are two kinds, white and light grey one.
    alike = LikeColours(guide[0].clamp_min(0).sqrt())
    for reach in REACHES:
        there = alike.means(known[0], max(1, round(reach * min(size))))[None]
        out = (there[:, :-1] + LITTLE * out) / (there[:, -1:] + LITTLE)
    return out
