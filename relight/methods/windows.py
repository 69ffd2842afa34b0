"""Sums over windows of several sizes, the wide ones in steps of blocks of pixels."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

CACHE = 1 << 18  # bytes that are summed up at once: they stay in the processor's cache


class Windows:
    """Windows of several sizes about every pixel of a frame, or about every block of pixels.

    Args:
        radii: in pixels, the widest first. fine: a radius, in blocks, that is fine enough.

    Attributes:
        blocks: of each window, in pixels: a multiple of the next one's, whose blocks it gathers.

    >>> Windows([60, 20, 6], 3).blocks
    [18, 6, 2]
    """

    def __init__(self, radii: Sequence[int], fine: int) -> None:
        self.blocks: list[int] = []
        for r in reversed(radii):
            finer = self.blocks[0] if self.blocks else 1
            self.blocks.insert(0, max(1, r // fine // finer) * finer)
        self._sides = [
            2 * round(((2 * r + 1) / block - 1) / 2) + 1
            for r, block in zip(radii, self.blocks, strict=True)
        ]

    def sums(self, planes: np.ndarray, times: np.ndarray | None = None) -> list[np.ndarray]:
        """Of (n, h, w) float32, each `times` (h, w), over each window: (n, h', w'), in the unit of
        a block's mean.

        >>> [sums] = Windows([2], 8).sums(np.ones((1, 8, 8), np.float32))
        >>> float(sums[0, 4, 4]), float(sums[0, 0, 0])
        (25.0, 9.0)
        """
        some = max(1, CACHE // planes[0].nbytes)
        found = []
        for first in range(0, len(planes), some):
            part = planes[first : first + some]
            found.append(self._sums(part if times is None else part * times))
        return [np.concatenate(parts) for parts in zip(*found, strict=True)]

    def _sums(self, planes: np.ndarray) -> list[np.ndarray]:
        """`sums` of a few planes."""
        finer, found = 1, []
        for block, side in zip(reversed(self.blocks), reversed(self._sides), strict=True):
            planes, finer = _gathered(planes, block // finer), block
            found.insert(0, _boxed(planes, side))
        return found


def corners_of(
    pixels: Tensor, width: int, step: Sequence[float], blocks: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """The blocks whose middles a pixel is between, and how near it is to each: (n, 4) twice, or
    (n, 1) where a block is a pixel.

    Args:
        pixels: (n,), counted along the rows. width: of a row. step: height and width of a block,
            in pixels. blocks: in a column and in a row.

    >>> corners_of(torch.tensor([3]), 8, (4, 4), (1, 2))
    (tensor([[0, 1, 0, 1]]), tensor([[0.6250, 0.3750, 0.0000, 0.0000]]))
    """
    if step[0] == step[1] == 1:
        return pixels[:, None], torch.ones(len(pixels), 1)
    top, below, down = _between(pixels // width, step[0], blocks[0])
    left, right, across = _between(pixels % width, step[1], blocks[1])
    corners = [row * blocks[1] + column for row in (top, below) for column in (left, right)]
    near = [y * x for y in (1 - down, down) for x in (1 - across, across)]
    return torch.stack(corners, dim=1), torch.stack(near, dim=1)


def weighted_sum(rows: Tensor, index: Tensor, weight: Tensor) -> Tensor:
    """Of some `rows`, (m, c): those of `index`, times `weight`, both (n, k), added up: (n, c).

    >>> weighted_sum(torch.eye(3), torch.tensor([[0, 2]]), torch.tensor([[0.25, 0.75]]))
    tensor([[0.2500, 0.0000, 0.7500]])
    """
    return F.embedding_bag(index, rows, per_sample_weights=weight, mode="sum")


def _between(at: Tensor, step: float, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Of `count` blocks in a row, the two that pixels are between, and the second's share."""
    place = ((at + 0.5) / step - 0.5).clamp(0, count - 1)
    first = place.long()
    return first, (first + 1).clamp_max(count - 1), place - first


def _gathered(planes: np.ndarray, block: int) -> np.ndarray:
    """Means of blocks of (n, h, w); what is beyond the frame is nothing."""
    if block == 1:
        return planes
    tall = _one_below_another(planes, -planes.shape[1] % block, -planes.shape[2] % block)
    size = (tall.shape[1] // block, tall.shape[0] // block)
    small = cv2.resize(tall, size, interpolation=cv2.INTER_AREA)
    return small.reshape(len(planes), -1, size[0])


def _boxed(planes: np.ndarray, side: int) -> np.ndarray:
    """Sums over `side` x `side` of (n, h, w)."""
    tall = _one_below_another(planes, side // 2, 0) if len(planes) > 1 else planes[0]
    sums = cv2.boxFilter(tall, -1, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT)
    return sums.reshape(len(planes), -1, planes.shape[2])[:, : planes.shape[1]]


def _one_below_another(planes: np.ndarray, below: int, right: int) -> np.ndarray:
    """(n, h, w) as one picture, so that OpenCV is called once, with nothing around each."""
    count, height, width = planes.shape
    whole = np.zeros((count, height + below, width + right), np.float32)
    whole[:, :height, :width] = planes
    return whole.reshape(-1, width + right)
