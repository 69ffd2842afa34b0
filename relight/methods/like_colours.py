"""Means over pixels of like colour: two surfaces in one window are kept apart.

These are the range bins of the bilateral grid (Chen et al., SIGGRAPH 2007) over brightness and two
opponent colours. Bins of each channel by itself would be fewer, but where one channel sees an edge
and another does not (a white chin beside a red collar), each would take its light from another
surface, and the outline would get a colour that neither has.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from relight.methods.gain_and_glow import box_mean, luma

SPACING = 0.25  # of the bins, in encoded values
OVERLAP = 1.5  # half width of a bin, in bins
FLOOR = 0.1  # weight of the others: a speck in a window does not get a light of its own


def like_means(guide: Tensor, x: Tensor, r: int) -> Tensor:
    """Means of `x` over those of (2r + 1)^2 pixels whose colour is like a pixel's own.

    Args:
        guide: (F, 3, h, w) in [0, 1], whose colours are compared.
        x: (F, c, h, w).
        r: radius of the window, in pixels.

    >>> guide = torch.tensor([0.1, 0.9]).repeat_interleave(8).expand(1, 3, 16, 16)
    >>> [round(float(v), 2) for v in like_means(guide, guide[:, :1], 2)[0, 0, 8, [7, 8]]]
    [0.15, 0.85]
    """
    return torch.cat([_of_one(guide[i : i + 1], x[i : i + 1], r) for i in range(len(x))])


def _of_one(guide: Tensor, x: Tensor, r: int) -> Tensor:
    """`like_means` of one frame."""
    out = torch.zeros_like(x)
    for share, alike in _bins(guide):
        weight = alike.clamp_min(FLOOR)
        out += share * box_mean(weight * x, r) / box_mean(weight, r).clamp_min(1e-6)
    return out


def _bins(guide: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Of each bin of colours that a frame has: how far every pixel is in it, and is like it.

    Shares (1, 1, h, w) of all bins add up to 1: linear between neighbours.
    """
    r, g, b = guide.split(1, dim=1)
    found = [(torch.ones_like(r), torch.ones_like(r))]
    for place in (luma(guide) / SPACING, (r - g) / SPACING, (b - (r + g) / 2) / SPACING):
        finer = []
        for i in range(int(place.min().floor()), int(place.max().ceil()) + 1):
            away = (place - i).abs()
            hat, wide = (1 - away).clamp_min(0), (1 - away / OVERLAP).clamp_min(0)
            finer += [(share * hat, alike * wide) for share, alike in found]
        found = [pair for pair in finer if float(pair[0].max()) > 0]
    yield from found
