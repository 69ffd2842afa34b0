"""Structure: whether the result shows the same things as the source.

Correlation of the gradients (differences of neighbouring pixels, both directions together) of

    log(1 + Y),  Y the luminance in 8-bit levels, blurred by a Gaussian of 1 pixel

of source and result. -1 to 1, 1 = the same edges, higher is better. Light that changes smoothly
costs little, a lost or invented edge costs much. (This project's definition.)
"""

from __future__ import annotations

import cv2
import numpy as np

from relight.metrics.frames import Frames, luminance, mean, paired

SAMPLES = 8  # frames that are looked at, at least, where a clip has as many


def structure(source: Frames, result: Frames) -> float:
    """Correlation of log-luminance gradients, mean of frames 0, k, 2k, ..., k = max(1, F // 8).

    >>> frames = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3))
    >>> round(structure(frames, frames // 2 + 50), 2), round(structure(frames, 255 - frames), 1)
    (1.0, -1.0)
    """
    return sampled_mean([frame_structure(a, b) for a, b in paired(source, result)])


def frame_structure(source: np.ndarray, result: np.ndarray) -> float:
    """Structure of one frame; nan where one of the two is flat.

    >>> frame = np.random.default_rng(0).integers(0, 256, (32, 32, 3))
    >>> round(frame_structure(frame, frame), 6)
    1.0
    """
    a, b = _gradients(source), _gradients(result)
    if not a.size or a.std() == 0 or b.std() == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def sampled_mean(values: list[float]) -> float:
    """Mean of every max(1, F // 8)-th of F values, nan ones left out.

    >>> sampled_mean(list(range(16)))  # 0, 2, ..., 14
    7.0
    """
    chosen = values[:: max(1, len(values) // SAMPLES)]
    return mean(value for value in chosen if not np.isnan(value))


def _gradients(frame: np.ndarray) -> np.ndarray:
    y = np.log1p(cv2.GaussianBlur(luminance(frame), (0, 0), 1))
    return np.concatenate([np.diff(y, axis=1).ravel(), np.diff(y, axis=0).ravel()]).astype(float)
