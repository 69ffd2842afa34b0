"""The colours of a cut-out: what a subject's edge looks like without the ground it was before.

At a soft edge a pixel is I = a F + (1 - a) B. Laid over another ground, F is needed, not I, or hair
keeps a seam of the old ground. F and B are estimated from their surroundings by blurs and made to
agree with the pixel (Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021, eq. 4-6).
"""

from __future__ import annotations

import cv2
import numpy as np

WIDE, NEAR = 0.2, 0.03
"""Windows of the two rounds, of the shorter side."""
OUT_OF_FOCUS = 0.08
"""Blur that hides the blotches which a small model draws, of the shorter side."""


def foreground(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """The subject's own colours.

    Args:
        image: (h, w, 3) float32 in [0, 1]. alpha: (h, w) in [0, 1].

    Returns:
        (h, w, 3) float32 in [0, 1]; where alpha is 1, the image itself.

    >>> alpha = ((np.arange(64) - 30) / 4).clip(0, 1)[None].repeat(64, 0)
    >>> red, blue = np.array([0.8, 0.1, 0.1]), np.array([0.1, 0.1, 0.8])
    >>> image = alpha[..., None] * red + (1 - alpha[..., None]) * blue
    >>> found = foreground(image.astype(np.float32), alpha)
    >>> bool(np.abs(found[:, 32] - red).max() < 0.1)
    True
    """
    inside = alpha.astype(np.float32)[..., None]
    own, ground = image, image
    for window in (WIDE, NEAR):
        side = max(3, round(window * min(alpha.shape)) | 1)
        size = (side, side)
        weight = _blurred(inside, size)
        own_mean = _blurred(own * inside, size) / (weight + 1e-4)
        ground_mean = _blurred(ground * (1 - inside), size) / (1 - weight + 1e-4)
        rest = image - inside * own_mean - (1 - inside) * ground_mean
        own, ground = (own_mean + inside * rest).clip(0, 1), ground_mean
    return np.where(inside == 1, image, own).astype(np.float32)


def soft_ground(image: np.ndarray, alpha: np.ndarray, blur: float = OUT_OF_FOCUS) -> np.ndarray:
    """What is behind a subject, out of focus and without anything of the subject.

    Args:
        image: (h, w, 3) float32. alpha: the subject's, (h, w) in [0, 1]. blur: of the shorter side.

    Returns:
        (h, w, 3) float32; inside of the subject what is nearest around it.

    >>> alpha = np.zeros((64, 64))
    >>> alpha[20:44, 20:44] = 1
    >>> image = np.full((64, 64, 3), 0.4, np.float32)
    >>> image[alpha == 1] = 1
    >>> bool(np.abs(soft_ground(image, alpha) - 0.4).max() < 1e-3)
    True
    """
    outside = (1 - alpha.astype(np.float32))[..., None] + 1e-6
    sigma = blur * min(alpha.shape)
    total = cv2.GaussianBlur(image * outside, (0, 0), sigma)
    weight = cv2.GaussianBlur(outside, (0, 0), sigma)
    return (total / weight[..., None]).astype(np.float32)


def _blurred(x: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    out = cv2.blur(np.ascontiguousarray(x, np.float32), size)
    return out[..., None] if out.ndim == 2 else out
