"""Means over pixels of like colour: two surfaces in one window are kept apart.

These are the range bins of the bilateral grid (Chen et al., SIGGRAPH 2007) over brightness and two
opponent colours. Bins of each channel by itself would be fewer, but where one channel sees an edge
and another does not (a white chin beside a red collar), each would take its light from another
surface, and the outline would get a colour that neither has.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from relight.methods.gain_and_glow import luma
from relight.methods.spread import spread
from relight.methods.windows import Windows, corners_of, weighted_sum

SPACING = 0.25  # of the bins, in encoded values
OVERLAP = 1.5  # half width of a bin, in bins
LEAST = 0.07  # part of a window that speaks for half of its own: a few pixels don't for all
FEW = 0.001  # share of a frame below which a bin is left out
TABLE = 1 << 24  # bytes of sums that are read at once
FINE = 8  # radius of a window, in blocks of pixels, that is fine enough


class LikeColours:
    """Which pixels of a frame are alike: found once, for means over windows of several sizes.

    Args:
        guide: (3, h, w) in [0, 1], whose colours are compared.
        at: (3, h', w') in [0, 1], the same frame at the size of the means; None: `guide`.
        wanted: (h', w'), where means are asked for; elsewhere they are 0. None: everywhere.

    >>> guide = torch.tensor([0.1, 0.9]).repeat_interleave(8).expand(3, 16, 16)
    >>> (means,) = LikeColours(guide).means(guide[:1], [2])
    >>> [round(float(v), 2) for v in means[0, 8, [7, 8]]]
    [0.11, 0.89]
    """

    def __init__(
        self, guide: Tensor, at: Tensor | None = None, wanted: Tensor | None = None
    ) -> None:
        at = guide if at is None else at
        keys, likeness = zip(*_bins(_places(guide)), strict=True)
        everything = np.ones_like(likeness[0])
        self._likeness = np.stack([*likeness, everything])  # bins + 1, h, w
        self._size = at.shape[1:]
        self._pixels = torch.arange(self._size[0] * self._size[1])
        if wanted is not None:
            self._pixels = wanted.cpu().flatten().nonzero()[:, 0]
        own = _places(at).flatten(1)[:, self._pixels]
        bins, self._shares = _between(own, torch.tensor(keys))
        self._bins = bins.int()

    def means(self, x: Tensor, radii: Sequence[int], fine: int = FINE) -> list[Tensor]:
        """Of `x`, over those of (2r + 1)^2 pixels whose colour is like a pixel's own.

        A wide window is summed up over blocks of pixels, and what that gives is interpolated.

        Args:
            x: (c, h, w), of the size of the guide. radii: of the windows, in its pixels, the widest
                first. fine: a radius, in blocks of pixels, that is fine enough.

        Returns:
            (c, h', w') for each window.
        """
        windows = Windows(radii, fine)
        counts = windows.sums(self._likeness)
        parts = [self._parts(*given) for given in zip(counts, windows.blocks, strict=True)]
        found = [torch.zeros(len(x), self._size.numel()) for _ in parts]
        values = x.detach().cpu().float().numpy()
        some = max(1, TABLE // self._likeness.nbytes)
        for first in range(0, len(values), some):
            each = [windows.sums(self._likeness, plane) for plane in values[first : first + some]]
            for out, sums, part in zip(found, zip(*each, strict=True), parts, strict=True):
                rows = torch.from_numpy(np.stack(sums, axis=-1)).flatten(0, -2)
                mean = weighted_sum(rows, *part.like) + weighted_sum(rows, *part.others)
                out[first : first + some, self._pixels] = mean.T
        return [out.unflatten(1, self._size).to(x) for out in found]

    def _parts(self, count: np.ndarray, block: int) -> _Parts:
        """Of a window, whose sums are of blocks of `block` pixels.

        Args:
            count: how many pixels are alike, (bins + 1, rows, columns).
        """
        blocks = count.shape[1:]
        scale = [own / side for own, side in zip(self._size, self._likeness.shape[1:], strict=True)]
        step = [block * pixels for pixels in scale]
        corners, near = corners_of(self._pixels, self._size[1], step, blocks)
        each, corners = blocks[0] * blocks[1], corners.int()  # blocks of a bin, and half the memory
        index = ((each * self._bins)[:, :, None] + corners[:, None]).flatten(1)
        share = (self._shares[:, :, None] * near[:, None]).flatten(1)
        relied = np.square(count / count[-1])
        relied /= relied + LEAST * LEAST
        known = weighted_sum(torch.from_numpy(relied).reshape(-1, 1), index, share)
        relied /= np.maximum(count, 1e-6)
        like = index, share * _taken(relied, index)
        others = (1 - known) * near / _taken(count[-1], corners)
        return _Parts(like, ((len(count) - 1) * each + corners, others))


@dataclass(frozen=True)
class _Parts:
    """Which sums the mean of each pixel is made of, and the weight of each: (n, k) both.

    like: those over pixels that are alike. others: those over all, as far as these say too little.
    """

    like: tuple[Tensor, Tensor]
    others: tuple[Tensor, Tensor]


def like_means(guide: Tensor, x: Tensor, r: int) -> Tensor:
    """`LikeColours.means` of several frames, (F, 3, h, w) and (F, c, h, w): (F, c, h, w).

    >>> like_means(torch.full((1, 3, 4, 4), 0.5), torch.ones(1, 2, 4, 4), 4).mean()
    tensor(1.)
    """

    def one(given: tuple[Tensor, Tensor]) -> Tensor:
        return LikeColours(given[0]).means(given[1], [r])[0]

    return torch.stack(list(spread(one, zip(guide, x, strict=True))))


def _taken(values: np.ndarray, index: Tensor) -> Tensor:
    """Those of an array with the given numbers; `Tensor.take` takes twice as long."""
    return torch.from_numpy(values).flatten().index_select(0, index.flatten()).view(index.shape)


def _places(frame: Tensor) -> Tensor:
    """Where colours (3, h, w) are among the bins, (3, h, w): brightness and two opponents."""
    r, g, b = frame.detach().cpu().float()
    return torch.stack([luma(torch.stack([r, g, b]))[0], r - g, b - (r + g) / 2]) / SPACING


def _bins(places: Tensor) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    """The bins that a frame has, but for those of `FEW`: which, and how like it pixels are."""
    shape = places.shape[1:]
    found = [((), np.ones(shape, np.float32), np.ones(shape, np.float32))]
    for place in places.numpy():
        finer = []
        for i in range(math.floor(place.min()), math.ceil(place.max()) + 1):
            away = np.abs(place - i)
            hat, wide = np.maximum(1 - away, 0), np.maximum(1 - away / OVERLAP, 0)
            for key, share, likeness in found:
                part = share * hat
                if part.mean() > FEW:
                    finer.append(((*key, i), part, likeness * wide))
        found = finer
    for key, _, likeness in found:
        yield key, likeness


def _between(places: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
    """The bins that colours (3, n) are between: their numbers and shares, (n, 8) each.

    All shares of a colour add up to 1, linear between neighbours; one whose bin was left out is 0.
    """
    first, last = keys.amin(0), keys.amax(0)
    numbers = torch.full((*(last - first + 2).tolist(),), -1)
    numbers[tuple((keys - first).T)] = torch.arange(len(keys))
    own = places.T.clamp(first, last) - first  # n, 3
    low = own.long()
    found, shares = [], []
    for step in itertools.product((0, 1), repeat=3):
        at = low + torch.tensor(step)
        found.append(numbers[tuple(at.T)])
        shares.append((1 - (own - at).abs()).prod(1))
    bins, share = torch.stack(found, dim=1), torch.stack(shares, dim=1)
    return bins.clamp_min(0), torch.where(bins < 0, 0.0, share)
