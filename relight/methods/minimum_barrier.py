"""What the border can't reach without crossing an edge: the minimum barrier distance.

Minimum Barrier Salient Object Detection (Zhang et al., ICCV 2015, eq. 1 to 4): of all paths from
the border to a pixel, the one whose values spread least; its barrier is the highest minus the
lowest value on it, summed over the channels. A background that changes slowly or has texture stays
near 0, a thing in it stands out as a whole. As published, the distances are approximated by raster
scans; here a scan moves a whole row or column of all images at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import EllipsisType

import numpy as np

ROUNDS = 3
"""Scans in each of the four directions."""
SIDES = 0.85
"""Part of the left and right border, from the top, that is background: people stand in the frame's
lower edge."""
BAND = 0.02
"""Width of the border, of the shorter side."""


def barrier_distance(images: np.ndarray) -> np.ndarray:
    """How much of a barrier there is between each pixel and the border.

    Args:
        images: (n, h, w, c), any scale; a little blurred, as noise is a barrier too.

    Returns:
        (n, h, w), in units of the images, summed over the channels; 0 along the top border and
        most of the left and right one.

    >>> image = np.zeros((1, 20, 20, 3))
    >>> image[0, 8:14, 8:14] = 5
    >>> distance = barrier_distance(image)
    >>> float(distance[0, 10, 10]), float(distance[0, 19, 10])
    (15.0, 0.0)
    """
    images = np.ascontiguousarray(np.moveaxis(np.asarray(images, np.float32), -1, 0))  # c, n, h, w
    n, h, w = images.shape[1:]
    band = max(1, round(BAND * min(h, w)))
    distance = np.full((n, h, w), np.inf, np.float32)
    distance[:, :band] = 0
    distance[:, : round(SIDES * h), :band] = distance[:, : round(SIDES * h), -band:] = 0
    reached = distance == 0
    high, low = np.where(reached, images, np.inf), np.where(reached, images, -np.inf)
    for _ in range(ROUNDS):
        for before, at in _scans(h, w):
            _step(images, distance, high, low, before, at)
    return distance


Line = tuple[EllipsisType, slice | int, slice | int]


def _scans(h: int, w: int) -> Iterator[tuple[Line, Line]]:
    """Pairs of neighbouring lines: down, to the right, up and to the left."""
    every = slice(None)
    for i in range(1, h):
        yield (..., i - 1, every), (..., i, every)
    for i in range(1, w):
        yield (..., every, i - 1), (..., every, i)
    for i in range(h - 2, -1, -1):
        yield (..., i + 1, every), (..., i, every)
    for i in range(w - 2, -1, -1):
        yield (..., every, i + 1), (..., every, i)


def _step(
    images: np.ndarray,
    distance: np.ndarray,
    high: np.ndarray,
    low: np.ndarray,
    before: Line,
    at: Line,
) -> None:
    """Paths go on from one line to the next, where that makes their barrier lower."""
    highest = np.maximum(high[before], images[at])
    lowest = np.minimum(low[before], images[at])
    barrier = np.add.reduce(highest - lowest)
    better = barrier < distance[at]
    np.copyto(distance[at], barrier, where=better)
    np.copyto(high[at], highest, where=better)
    np.copyto(low[at], lowest, where=better)
