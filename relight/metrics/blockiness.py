"""Blockiness: how far the edges of 8 x 8 blocks stand out, as strong compression leaves them.

    (mean of what a step across the edge of a block has more than its two neighbours)
        / (mean step + a fifth of a level),        the mean of rows and columns

of the luminance. About 0 to 1, lower is better: sources at their own size are at -.05 to .25, a
JPEG of quality 50 at .2 to .7, one of 30 at .35 to 1. (This project's definition.)
"""

from __future__ import annotations

import numpy as np

from relight.metrics.frames import luminance

SIDE = 8
"""Pixels of a block's side, in JPEG and most video."""
SMALLEST = 0.2
"""Levels: keeps flat pictures at 0."""


def blockiness(frame: np.ndarray) -> float:
    """Of one frame (h, w, 3), 0 to 255; 0 where it has no two blocks beside each other.

    >>> blocks = np.random.default_rng(0).integers(90, 100, (8, 8, 1)).repeat(8, 0).repeat(8, 1)
    >>> round(blockiness(blocks.repeat(3, 2)), 1)
    5.8
    >>> abs(blockiness(np.random.default_rng(0).normal(99, 9, (256, 256, 3)))) < 0.05
    True
    """
    y = luminance(frame).astype(np.float32)
    found = [_across(y), _across(y.T)]
    return float(np.mean(found))


def _across(y: np.ndarray) -> float:
    """Across the upright edges of blocks."""
    steps = np.abs(np.diff(y, axis=1))
    edges = steps[:, SIDE - 1 :: SIDE]
    if not edges.size:
        return 0.0
    before = steps[:, SIDE - 2 :: SIDE][:, : edges.shape[1]]
    after = np.pad(steps, ((0, 0), (0, 1)), mode="edge")[:, SIDE::SIDE][:, : edges.shape[1]]
    more = edges.mean() - (before.mean() + after.mean()) / 2
    return float(more / (steps.mean() + SMALLEST))
