"""Change: how much was done at all.

    mean |result - source|

over all pixels and channels, in 8-bit levels. 0 to 255. Neither high nor low is better: it says
what every consistency score beside it was paid with. (This project's definition.)
"""

from __future__ import annotations

import cv2
import numpy as np

from relight.metrics.frames import Frames, mean, paired


def change(source: Frames, result: Frames) -> float:
    """Mean absolute difference in 8-bit levels.

    >>> dark = np.full((2, 8, 8, 3), 10, np.uint8)
    >>> change(dark, dark + 30), change(dark, dark)
    (30.0, 0.0)
    """
    return mean(frame_change(a, b) for a, b in paired(source, result))


def frame_change(source: np.ndarray, result: np.ndarray) -> float:
    """Change of one frame.

    >>> frame_change(np.zeros((2, 2, 3)), np.ones((2, 2, 3)))
    1.0
    """
    if source.dtype == result.dtype == np.uint8:
        return float(np.mean(cv2.absdiff(source, result)))
    return float(np.mean(np.abs(np.asarray(result, np.float64) - source)))
