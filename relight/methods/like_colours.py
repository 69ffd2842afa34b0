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
        windows = Windows(radii, fine)
        counts = windows.sums(self._likeness)
        parts = [self._parts(*given) for given in zip(counts, windows.blocks, strict=True)]
        found = [torch.zeros(len(x), self._size.numel()) for _ in parts]
        for channel, plane in enumerate(x.detach().cpu().float().numpy()):  # all would be large
            sums = windows.sums(self._likeness, plane)
            for out, given, (index, weight) in zip(found, sums, parts, strict=True):
                rows = torch.from_numpy(given).reshape(-1, 1)
                out[channel, self._pixels] = weighted_sum(rows, index, weight)[:, 0]
        return [out.unflatten(1, self._size).to(x) for out in found]

    def _parts(self, count: np.ndarray, block: int) -> tuple[Tensor, Tensor]:
        """Which sums the mean of each pixel is made of, and the weight of each: (n, k) both.

        Args:
            count: how many pixels are alike, (bins + 1, rows, columns). block: in pixels.
        """
        blocks = count.shape[1:]
        scale = [own / side for own, side in zip(self._size, self._likeness.shape[1:], strict=True)]
        corners, near = corners_of(
            self._pixels, self._size[1], [block * pixels for pixels in scale], blocks
        )
        first = torch.arange(len(count)) * blocks[0] * blocks[1]  # of a bin's blocks
        index = first[self._bins][:, :, None] + corners[:, None]
        whole = first[-1] + corners
        every = torch.from_numpy(count).flatten()
        like, all_ = every.take(index), every.take(whole)
        part = (like / all_[:, None]).square()
        known = self._shares[:, :, None] * near[:, None] * part / (part + LEAST * LEAST)
        weight = known / like.clamp_min(1e-6)
        left = (1 - known.sum((1, 2)))[:, None] * near / all_  # for all that the window has
        parts = [index, whole[:, None]], [weight, left[:, None]]
        return torch.cat(parts[0], dim=1).flatten(1), torch.cat(parts[1], dim=1).flatten(1)


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
