"""Seam energy: whether the borders of tiles or windows can be seen in what was done.

What was done is d = Y_result - Y_source, so that edges of the picture itself don't count.

- In space: mean |d(x) - d(x - 1)| across the borders of tiles, over its mean at all other columns
  (rows) within 8 pixels of a border.
- In time: mean |d_t - d_{t-1}| at the first frames of windows, over its mean at all other frames.

0 to infinity, 1 = a border is like any other place, lower is better. Where the borders are not
known, `largest_jump` compares the largest step in time with the median one. (This project's
definitions.)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from relight.metrics.frames import Frames, luminance, mean, paired

NEAR = 8  # pixels around a border
LEAST = 0.05  # levels: steps below are rounding, and count as this much


def tile_seams(
    source: Frames, result: Frames, *, columns: Iterable[int] = (), rows: Iterable[int] = ()
) -> float:
    """Seam energy in space; `columns` and `rows` are the first pixels after each border.

    >>> grey = np.full((1, 32, 32, 3), 100.0) + np.arange(32).reshape(1, 32, 1)  # a slope
    >>> tiled = grey + 10 * (np.arange(32) >= 16).reshape(1, 1, 32, 1)
    >>> tile_seams(grey, grey, columns=[16]), tile_seams(grey, tiled, columns=[16]) > 100
    (1.0, True)
    """
    return mean(
        _frame_seams(luminance(b) - luminance(a), sorted(set(columns)), sorted(set(rows)))
        for a, b in paired(source, result)
    )


def window_seams(source: Frames, result: Frames, starts: Iterable[int]) -> float:
    """Seam energy in time; `starts` are the numbers of the first frames of windows.

    >>> still = np.full((6, 8, 8, 3), 100.0)
    >>> pulse = still + np.float64([0, 1, 2, 12, 13, 14]).reshape(6, 1, 1, 1)
    >>> round(window_seams(still, pulse, [3]), 3), round(window_seams(still, pulse, [2]), 3)
    (10.0, 0.308)
    """
    return border_ratio(steps_in_time(source, result), [start - 1 for start in starts])


def largest_jump(steps: Sequence[float]) -> float:
    """The largest of the steps in time over the median one; 1 = an even pace.

    >>> largest_jump([1.0, 2.0, 20.0])
    10.0
    """
    if not len(steps):
        return math.nan
    return max(max(steps), LEAST) / max(float(np.median(steps)), LEAST)


def steps_in_time(source: Frames, result: Frames) -> list[float]:
    """Mean |d_t - d_{t-1}| of every pair of successive frames, in levels.

    >>> steps_in_time(np.zeros((2, 4, 4, 3)), np.zeros((2, 4, 4, 3)))
    [0.0]
    """
    done = (luminance(b) - luminance(a) for a, b in paired(source, result))
    return [float(np.abs(after - before).mean()) for before, after in pairwise(done)]


def border_ratio(steps: Sequence[float], at: Iterable[int]) -> float:
    """Mean of the steps with the numbers `at` over the mean of all others; nan without either.

    >>> border_ratio([1.0, 1.0, 3.0, 1.0], [2])
    3.0
    """
    chosen = {i for i in at if 0 <= i < len(steps)}
    seam = mean(steps[i] for i in chosen)
    rest = mean(step for i, step in enumerate(steps) if i not in chosen)
    return max(seam, LEAST) / max(rest, LEAST) if seam == seam and rest == rest else math.nan


def _frame_seams(d: np.ndarray, columns: list[int], rows: list[int]) -> float:
    """Borders of both kinds pooled: energy across them over energy near them."""
    seam, near = [], []
    for image, borders in ((d, columns), (d.T, rows)):
        steps = np.abs(np.diff(image, axis=1)).mean(axis=0)  # steps[i]: from i to i + 1
        at = {border - 1 for border in borders if 0 < border < image.shape[1]}
        around = {i for border in at for i in range(border - NEAR, border + NEAR + 1)}
        seam += [steps[i] for i in at]
        near += [steps[i] for i in around - at if 0 <= i < len(steps)]
    if not seam or not near:
        return math.nan
    return max(float(np.mean(seam)), LEAST) / max(float(np.mean(near)), LEAST)
