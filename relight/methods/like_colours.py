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
        self._bins, self._shares = _between(own, torch.tensor(keys))

    def means(self, x: Tensor, radii: Sequence[int], fine: int = FINE) -> list[Tensor]:
        """Of `x`, over those of (2r + 1)^2 pixels whose colour is like a pixel's own.

        A wide window is summed up over blocks of pixels, and what that gives is interpolated.

        Args:
            x: (c, h, w), of the size of the guide. radii: of the windows, in its pixels, the widest
                first. fine: a radius, in blocks of pixels, that is fine enough.

        Returns:
            (c, h', w') for each window.
        """
        values = x.detach().cpu().float().numpy()
        windows = Windows(radii, fine)
        scale = [own / side for own, side in zip(self._size, values.shape[1:], strict=True)]
        return [
            self._read(table, [block * pixels for pixels in scale]).to(x)
            for table, block in zip(self._tables(values, windows), windows.blocks, strict=True)
        ]

    def _read(self, table: np.ndarray, step: Sequence[float]) -> Tensor:
        """What a table of `_tables` says of each pixel that is wanted, (c, h', w'), where a block
        is `step` pixels (high, wide)."""
        blocks = table.shape[2:]
        each = blocks[0] * blocks[1]
        rows = torch.from_numpy(table).flatten(1).T.contiguous()  # of bins and blocks
        corners, near = corners_of(self._pixels, self._size[1], step, blocks)
        index = (self._bins * each)[:, :, None] + corners[:, None]
        weight = self._shares[:, :, None] * near[:, None]
        like = weighted_sum(rows, index.flatten(1), weight.flatten(1))
        whole = weighted_sum(rows[-each:], corners, near)
        mean = like[:, 1:] + (1 - like[:, :1]) * whole[:, 1:]
        out = torch.zeros(mean.shape[1], self._size.numel())
        out[:, self._pixels] = mean.T
        return out.unflatten(1, self._size)

    def _tables(self, values: np.ndarray, windows: Windows) -> list[np.ndarray]:
        """Of each window, what is known of bins and blocks, (c + 1, bins + 1, rows, columns): how
        much each can be relied on first; the whole window last."""
        tables, reliance = [], []
        for count in windows.sums(self._likeness):
            part = np.square(count / count[-1])
            relied = part / (part + LEAST * LEAST) / np.maximum(count, 1e-6)
            relied[-1] = 1 / count[-1]
            reliance.append(relied)
            tables.append(np.empty((len(values) + 1, *count.shape), np.float32))
            tables[-1][0] = relied * count
        weighted = np.empty_like(self._likeness)  # new memory takes its time
        for channel, plane in enumerate(values, start=1):
            sums = windows.sums(np.multiply(self._likeness, plane, out=weighted))
            for table, one, relied in zip(tables, sums, reliance, strict=True):
                np.multiply(relied, one, out=table[channel])
        return tables


def like_means(guide: Tensor, x: Tensor, r: int) -> Tensor:
    """`LikeColours.means` of several frames, (F, 3, h, w) and (F, c, h, w): (F, c, h, w).

    >>> like_means(torch.full((1, 3, 4, 4), 0.5), torch.ones(1, 2, 4, 4), 4).mean()
    tensor(1.)
    """

    def one(given: tuple[Tensor, Tensor]) -> Tensor:
        return LikeColours(given[0]).means(given[1], [r])[0]

    return torch.stack(list(spread(one, zip(guide, x, strict=True))))


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
