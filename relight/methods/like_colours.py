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
from relight.methods.spread import spread

SPACING = 0.25  # of the bins, in encoded values
OVERLAP = 1.5  # half width of a bin, in bins
LEAST = 0.07  # part of a window that speaks for half of its own: a few pixels don't for all
FEW = 0.001  # share of a frame below which a bin is left out
FINE = 8  # radius of a window, in blocks of pixels, that is fine enough


class LikeColours:
    """Which pixels of a frame are alike: found once, for means over windows of several sizes.

    Args:
        guide: (3, h, w) in [0, 1], whose colours are compared.

    >>> guide = torch.tensor([0.1, 0.9]).repeat_interleave(8).expand(3, 16, 16)
    >>> [round(float(v), 2) for v in LikeColours(guide).means(guide[:1], 2)[0, 8, [7, 8]]]
    [0.11, 0.89]
    """

    def __init__(self, guide: Tensor) -> None:
        self._bins = list(_bins(guide.detach().cpu().float()))

    def means(self, x: Tensor, r: int) -> Tensor:
        """Of `x`, (c, h, w), over those of (2r + 1)^2 pixels whose colour is like a pixel's own.

        A wide window is summed up over blocks of pixels, and what that gives is interpolated.
        """
        values = x.detach().cpu().float().numpy()
        known = np.concatenate([np.ones_like(values[:1]), values])
        block = max(1, r // FINE)
        total = _sums(known, r, block)
        out, weighted = np.zeros_like(known), np.empty_like(known)  # new memory takes its time
        for share, likeness in self._bins:
            like = _sums(np.multiply(likeness, known, out=weighted), r, block)
            part = np.square(like[0] / total[0])
            like *= part / (part + LEAST * LEAST) / np.maximum(like[0], 1e-6)
            out += np.multiply(share, _at(like, block, share.shape), out=weighted)
        everything = _at(total[1:] / total[0], block, out.shape[1:])
        return torch.from_numpy(out[1:] + (1 - out[0]) * everything).to(x)


def like_means(guide: Tensor, x: Tensor, r: int) -> Tensor:
    """`LikeColours.means` of several frames, (F, 3, h, w) and (F, c, h, w): (F, c, h, w).

    >>> like_means(torch.full((1, 3, 4, 4), 0.5), torch.ones(1, 2, 4, 4), 4).mean()
    tensor(1.)
    """

    def one(given: tuple[Tensor, Tensor]) -> Tensor:
        return LikeColours(given[0]).means(given[1], r)

    return torch.stack(list(spread(one, zip(guide, x, strict=True))))


def _sums(planes: np.ndarray, r: int, block: int) -> np.ndarray:
    """Over windows of 2r + 1 pixels, one for each block of `block` x `block`: means of blocks."""
    height, width = planes.shape[1:]
    below, right = -height % block, -width % block
    size = ((width + right) // block, (height + below) // block)
    side = 2 * round(((2 * r + 1) / block - 1) / 2) + 1
    sums = np.empty((len(planes), *size[::-1]), np.float32)
    for i, plane in enumerate(planes):
        if block > 1:
            plane = cv2.copyMakeBorder(plane, 0, below, 0, right, cv2.BORDER_CONSTANT)
            plane = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
        whole = {"normalize": False, "borderType": cv2.BORDER_CONSTANT}
        sums[i] = cv2.boxFilter(plane, -1, (side, side), **whole)
    return sums


def _at(planes: np.ndarray, block: int, size: tuple[int, ...]) -> np.ndarray:
    """What is known of blocks, for each pixel of a frame of (h, w)."""
    if block == 1:
        return planes
    height, width = (side * block for side in planes.shape[1:])
    wide = [cv2.resize(plane, (width, height)) for plane in planes]
    return np.stack(wide)[:, : size[0], : size[1]]


def _bins(guide: Tensor) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Of each bin of colours that a frame has: how far every pixel is in it, and is like it.

    Shares (h, w) of all bins add up to 1, linear between neighbours; bins of `FEW` are left out.
    """
    r, g, b = guide.numpy()
    grey = luma(guide[None])[0, 0].numpy()
    found = [(np.ones_like(r), np.ones_like(r))]
    for position in (grey / SPACING, (r - g) / SPACING, (b - (r + g) / 2) / SPACING):
        finer = []
        for i in range(math.floor(position.min()), math.ceil(position.max()) + 1):
            away = np.abs(position - i)
            hat, wide = np.maximum(1 - away, 0), np.maximum(1 - away / OVERLAP, 0)
            for share, likeness in found:
                part = share * hat
                if part.mean() > FEW:
                    finer.append((part, likeness * wide))
        found = finer
    yield from found
