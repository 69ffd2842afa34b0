"""Motion preservation: whether the result moves as the source does.

    1 - sum |f_result - f_source| / sum (|f_result| + |f_source| + .1)

over all pixels of a pair of frames (DIS flow, in pixels), mean of all pairs. 0 to 1, 1 = the same
motion, higher is better; the .1 pixel keeps a clip that stands still at 1. Two flows of equal
length at right angles give about .3, a result that stands still gives about 0. By the triangle
inequality it can't leave the range. (This project's definition; published ones need weights.)
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from relight.metrics.flow import dis_flow
from relight.metrics.frames import Frames, mean, paired

STILL = 0.1  # pixels


def motion_preservation(source: Frames, result: Frames) -> float:
    """Agreement of the result's own flow with the source's, 0 to 1, higher is better.

    >>> noise = np.random.default_rng(0).integers(0, 256, (48, 96, 3)).astype(np.uint8)
    >>> from cv2 import GaussianBlur
    >>> wide = GaussianBlur(noise, (0, 0), 2)
    >>> panned = np.stack([wide[:, 4 * i : 4 * i + 64] for i in range(3)])
    >>> motion_preservation(panned, panned)
    1.0
    >>> round(motion_preservation(panned, panned[[0, 0, 0]]), 1)  # frozen
    0.0
    """
    pairs = pairwise(paired(source, result))
    return mean(agreement(dis_flow(b, a), dis_flow(d, c)) for (a, c), (b, d) in pairs)


def agreement(one: np.ndarray, other: np.ndarray) -> float:
    """Agreement of two flows (h, w, 2) in pixels.

    >>> right = np.zeros((2, 2, 2)) + (3.0, 0.0)
    >>> agreement(right, right), round(agreement(right, -right), 2)
    (1.0, 0.02)
    """
    apart = np.linalg.norm(one - other, axis=2).sum(dtype=np.float64)
    lengths = np.linalg.norm(one, axis=2) + np.linalg.norm(other, axis=2)
    return float(1 - apart / (lengths + STILL).sum(dtype=np.float64))
