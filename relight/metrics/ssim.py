"""SSIM, the structural similarity of two pictures (Wang et al. 2004, doi:10.1109/TIP.2003.819861).

    SSIM = (2 m_x m_y + C1)(2 s_xy + C2) / ((m_x^2 + m_y^2 + C1)(s_x^2 + s_y^2 + C2))

with means m and sample variances s of 7 x 7 windows, C1 = (.01 * 255)^2, C2 = (.03 * 255)^2: what
`skimage.metrics.structural_similarity(a, b, data_range=255)` computes. Range -1 to 1, 1 = equal,
higher is better.
"""

from __future__ import annotations

import cv2
import numpy as np

from relight.metrics.frames import WHITE, Frames, luminance, mean, paired

WINDOW = 7  # pixels


def ssim(source: Frames, result: Frames) -> float:
    """SSIM of the luminance, mean of all frames; a border of three pixels is left out.

    A relit clip is meant to differ from its source: here a high value can mean that nothing was
    done.

    >>> frames = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3))
    >>> ssim(frames, frames)
    1.0
    """
    return mean(frame_ssim(a, b) for a, b in paired(source, result))


def frame_ssim(a: np.ndarray, b: np.ndarray) -> float:
    """SSIM of two frames' luminance.

    >>> flat = np.full((9, 9, 3), 100.0)
    >>> round(frame_ssim(flat, flat + 100), 3)  # flat: (2 m_x m_y + C1) / (m_x^2 + m_y^2 + C1)
    0.8
    """
    found, edge = ssim_map(luminance(a), luminance(b)), WINDOW // 2
    inner = found[edge : found.shape[0] - edge, edge : found.shape[1] - edge]
    return float((inner if inner.size else found).mean())


def ssim_map(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """SSIM at every pixel of two luminance images (h, w), 0 to 255; float64.

    >>> ssim_map(np.eye(8) * 255, np.eye(8) * 255).min().item()
    1.0
    """
    x, y = x.astype(np.float64), y.astype(np.float64)
    mean_x, mean_y = _blur(x), _blur(y)
    sample = WINDOW**2 / (WINDOW**2 - 1)
    var_x = sample * (_blur(x * x) - mean_x**2)
    var_y = sample * (_blur(y * y) - mean_y**2)
    both = sample * (_blur(x * y) - mean_x * mean_y)
    c1, c2 = (0.01 * WHITE) ** 2, (0.03 * WHITE) ** 2
    top = (2 * mean_x * mean_y + c1) * (2 * both + c2)
    return top / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))


def _blur(x: np.ndarray) -> np.ndarray:
    return cv2.blur(x, (WINDOW, WINDOW), borderType=cv2.BORDER_REFLECT)
