"""Means over pixels of like colour: two surfaces in one window are kept apart.

These are the range bins of the bilateral grid (Chen et al., SIGGRAPH 2007) over brightness and two
opponent colours. Bins of each channel by itself would be fewer, but where one channel sees an edge
and another does not (a white chin beside a red collar), each would take its light from another
surface, and the outline would get a colour that neither has.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from relight.methods.gain_and_glow import luma
from relight.methods.spread import spread
from relight.methods.windows import Windows, corners_of, read_at

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
        self._size = at.shape[1:]
        self._pixels = torch.arange(self._size[0] * self._size[1])
        if wanted is not None:
            self._pixels = wanted.cpu().flatten().nonzero()[:, 0]
        keys, likeness = zip(*_bins(_places(guide)), strict=True)
        keys = torch.tensor(keys, dtype=torch.float32)
        places = _places(at).flatten(1)[:, self._pixels].T.clamp(keys.amin(0), keys.amax(0))
        self._bins: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        for key, like in zip(keys, likeness, strict=True):
            share = (1 - (places - key).abs()).clamp_min(0).prod(1)
            own = share.nonzero()[:, 0]
            if len(own):
                self._bins.append((like, own.numpy(), share[own].numpy()))

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
        known = np.concatenate([np.ones_like(values[:1]), values])
        windows = Windows(radii, fine)
        totals = windows.sums(known)
        scale = [own / side for own, side in zip(self._size, values.shape[1:], strict=True)]
        places = [
            corners_of(self._pixels, self._size[1], [block * one for one in scale], total.shape[1:])
            for block, total in zip(windows.blocks, totals, strict=True)
        ]
        outs = [np.zeros((len(known), len(self._pixels)), np.float32) for _ in radii]
        weighted = np.empty_like(known)  # new memory takes its time
        for likeness, own, share in self._bins:
            likes = windows.sums(np.multiply(likeness, known, out=weighted))
            for out, like, total, (at, near) in zip(outs, likes, totals, places, strict=True):
                part = np.square(like[0] / total[0])
                like *= part / (part + LEAST * LEAST) / np.maximum(like[0], 1e-6)
                out[:, own] += share * read_at(like, at[own], near[own])
        found = []
        for out, total, (at, near) in zip(outs, totals, places, strict=True):
            mean = out[1:] + (1 - out[0]) * read_at(total[1:] / total[0], at, near)
            whole = torch.zeros(len(values), self._size.numel())
            whole[:, self._pixels] = torch.from_numpy(mean)
            found.append(whole.unflatten(1, self._size).to(x))
        return found


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
