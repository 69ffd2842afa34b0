"""Black and clipped share: how much of the picture holds no detail any more.

Black: all three channels at most 5; clipped: one channel at least 250 (8-bit levels; the margins
are those of limited-range video and its rounding). Shares of all pixels, 0 to 1. Lower is better
than the source's own share, which every report shows too.
"""

from __future__ import annotations

import numpy as np

from relight.metrics.frames import Frames, mean

BLACK, CLIPPED = 5, 250  # levels


def black_share(frames: Frames) -> float:
    """Share of pixels that are black.

    >>> half = np.zeros((1, 2, 2, 3), np.uint8)
    >>> half[:, 0] = 100
    >>> black_share(half)
    0.5
    """
    return mean(frame_black(frame) for frame in frames)


def clipped_share(frames: Frames) -> float:
    """Share of pixels with a channel at its limit.

    >>> red = np.zeros((1, 2, 2, 3), np.uint8)
    >>> red[:, 0, 0, 0] = 255
    >>> clipped_share(red)
    0.25
    """
    return mean(frame_clipped(frame) for frame in frames)


def frame_black(frame: np.ndarray) -> float:
    """Black share of one frame.

    >>> frame_black(np.zeros((2, 2, 3)))
    1.0
    """
    return float((frame <= BLACK).all(axis=2).mean())


def frame_clipped(frame: np.ndarray) -> float:
    """Clipped share of one frame.

    >>> frame_clipped(np.full((2, 2, 3), 255))
    1.0
    """
    return float((frame >= CLIPPED).any(axis=2).mean())
