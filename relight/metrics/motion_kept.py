"""Motion preservation: whether the result moves as the source does.

    1 - sum |f_result - f_source| / sum (|f_result| + |f_source| + .5)

over all pixels of a pair of frames (DIS flow, in pixels), mean of all pairs. 0 to 1, 1 = the same
motion, higher is better; the half pixel keeps the jitter of a clip that stands still near 1. A
result that stands still while its source moves by v pixels gives .5 / (v + .5). By the triangle
inequality it can't leave the range. (This project's definition; published ones need weights.)
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from relight.metrics.flow import dis_flow
from relight.metrics.frames import Frames, mean, paired

STILL = 0.5  # pixels


def motion_preservation(source: Frames, result: Frames) -> float:
    """Agreement of the result's own flow with the source's, 0 to 1, higher is better.

    >>> noise = np.random.default_rng(0).integers(0, 256, (48, 96, 3)).astype(np.uint8)
    >>> from cv2 import GaussianBlur
    >>> wide = GaussianBlur(noise, (0, 0), 2)
    >>> panned = np.stack([wide[:, 4 * i : 4 * i + 64] for i in range(3)])
    >>> motion_preservation(panned, panned)
    1.0
    >>> round(motion_preservation(panned, panned[[0, 0, 0]]), 1)  # frozen: .5 / (4 + .5)
    0.1
    """
    pairs = pairwise(paired(source, result))
    return mean(agreement(dis_flow(b, a), dis_flow(d, c)) for (a, c), (b, d) in pairs)


def agreement(one: np.ndarray, other: np.ndarray) -> float:
    """Agreement of two flows (h, w, 2) in pixels.

    >>> right = np.zeros((2, 2, 2)) + (3.0, 0.0)
    >>> agreement(right, right), round(agreement(right, -right), 2)
    (1.0, 0.08)
    """
    apart = np.linalg.norm(one - other, axis=2).sum(dtype=np.float64)
    lengths = np.linalg.norm(one, axis=2) + np.linalg.norm(other, axis=2)
    return float(1 - apart / (lengths + STILL).sum(dtype=np.float64))
