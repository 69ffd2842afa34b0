"""Means over pixels of like colour: two surfaces in one window are kept apart.

These are the range bins of the bilateral grid (Chen et al., SIGGRAPH 2007) over brightness and two
opponent colours. Bins of each channel by itself would be fewer, but where one channel sees an edge
and another does not (a white chin beside a red collar), each would take its light from another
surface, and the outline would get a colour that neither has.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import cv2
import numpy as np
import torch
from torch import Tensor

from relight.methods.gain_and_glow import luma

SPACING = 0.25  # of the bins, in encoded values
OVERLAP = 1.5  # half width of a bin, in bins
LEAST = 0.07  # part of a window that speaks for half of its own: a few pixels don't for all
FEW = 0.001  # share of a frame below which a bin is left out


def like_means(guide: Tensor, x: Tensor, r: int) -> Tensor:
    """Means of `x` over those of (2r + 1)^2 pixels whose colour is like a pixel's own.

    Args:
        guide: (F, 3, h, w) in [0, 1], whose colours are compared.
        x: (F, c, h, w).
        r: radius of the window, in pixels.

    >>> guide = torch.tensor([0.1, 0.9]).repeat_interleave(8).expand(1, 3, 16, 16)
    >>> [round(float(v), 2) for v in like_means(guide, guide[:, :1], 2)[0, 0, 8, [7, 8]]]
    [0.11, 0.89]
    """
    frames = (_of_one(guide[i : i + 1], x[i], r) for i in range(len(x)))
    return torch.stack(list(frames)).to(x)


def _of_one(guide: Tensor, x: Tensor, r: int) -> Tensor:
    """`like_means` of one frame, (1, 3, h, w) and (c, h, w): (c, h, w)."""
    values = np.ascontiguousarray(x.detach().cpu().float().permute(1, 2, 0).numpy())
    rest = np.ones(values.shape[:2], np.float32)
    area, total = _sum(rest, r), _sum(values, r).reshape(values.shape)
    everything = total / area[..., None]
    out = np.zeros_like(values)
    for share, likeness in _bins(guide.detach().cpu().float()):
        like = np.maximum(_sum(likeness, r), 1e-6)
        own = _sum(likeness[..., None] * values, r).reshape(values.shape) / like[..., None]
        part = np.square(like / area)
        sure = (part / (part + LEAST * LEAST))[..., None]
        out += share[..., None] * (everything + sure * (own - everything))
        rest -= share
    out += rest[..., None] * everything
    return torch.from_numpy(out).permute(2, 0, 1)


def _sum(x: np.ndarray, r: int) -> np.ndarray:
    window = (2 * r + 1, 2 * r + 1)
    return cv2.boxFilter(x, -1, window, normalize=False, borderType=cv2.BORDER_CONSTANT)


def _bins(guide: Tensor) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Of each bin of colours that a frame has: how far every pixel is in it, and is like it.

    Shares (h, w) of all bins add up to 1, linear between neighbours; bins of `FEW` are left out.
    """
    r, g, b = guide[0].numpy()
    grey = luma(guide)[0, 0].numpy()
    found = [(np.ones_like(r), np.ones_like(r))]
    for position in (grey / SPACING, (r - g) / SPACING, (b - (r + g) / 2) / SPACING):
        finer = []
        for i in range(math.floor(position.min()), math.ceil(position.max()) + 1):
            away = np.abs(position - i)
            hat, wide = np.maximum(1 - away, 0), np.maximum(1 - away / OVERLAP, 0)
            finer += [(share * hat, likeness * wide) for share, likeness in found]
        found = [pair for pair in finer if pair[0].mean() > FEW]
    yield from found
