"""Sharpness: the gradient energy of a result relative to its original.

    (mean (Y_x+1 - Y_x)^2 + mean (Y_y+1 - Y_y)^2) of the result / the same of the original

of the luminance Y. 0 to infinity; 1 = as sharp as the original, below is blurred, above is
sharpened or noisy. (This project's definition.)
"""

from __future__ import annotations

import numpy as np

from relight.metrics.frames import Frames, luminance, mean


def sharpness(original: Frames, result: Frames) -> float:
    """Gradient energy of a clip over that of its original; nan where the original is flat.

    >>> frames = np.random.default_rng(0).integers(0, 128, (1, 8, 8, 3))
    >>> round(sharpness(frames, frames * 2), 6), round(sharpness(frames, frames), 6)
    (4.0, 1.0)
    """
    own = mean(gradient_energy(frame) for frame in original)
    return mean(gradient_energy(frame) for frame in result) / own if own > 0 else float("nan")


def gradient_energy(frame: np.ndarray) -> float:
    """Mean squared step of the luminance, in squared levels, across and down added.

    >>> step = np.zeros((2, 2, 3))
    >>> step[:, 1] = 10
    >>> round(gradient_energy(step), 3)
    100.0
    """
    y = luminance(frame).astype(np.float64)
    across, down = np.diff(y, axis=1), np.diff(y, axis=0)
    return sum(float(np.mean(step**2)) for step in (across, down) if step.size)
