"""A matte at a frame's own size, its edge along that of the picture."""

from __future__ import annotations

import numpy as np
import torch

from relight.masks.files import fitted
from relight.masks.steady import guided, resized
from relight.media.depth import to_uint8
from relight.methods.smoothstep import smoothstep

EDGE = 4e-4
"""Variance of the picture (sRGB values) from which a matte's edge follows it."""
FIRM = (0.2, 0.8)
"""Values of a found matte that become 0 and 1: below is what a filter spread, not the subject."""


def firm(matte: np.ndarray) -> np.ndarray:
    """A matte (h, w) that was found, without the wisps that a filter along edges leaves.

    >>> firm(np.array([[0.1, 0.5, 0.9]])).round(2).tolist()
    [[0.0, 0.5, 1.0]]
    """
    return smoothstep(matte, *FIRM)


def sharpened(matte: np.ndarray, image: np.ndarray) -> np.ndarray:
    """A matte (h, w) at the size of an image (H, W, 3), its edge along that of the image; what fits
    stays.

    >>> image = np.zeros((32, 32, 3), np.uint8)
    >>> image[:, 18:] = 200
    >>> matte = np.repeat([[0.0] * 4 + [1.0] * 4], 8, 0).astype(np.float32)
    >>> full = sharpened(matte, image)
    >>> full.shape, bool(full[16, 30] > 0.9), bool(full[16, 2] < 0.1)
    ((32, 32), True, True)
    """
    height, width = image.shape[:2]
    if matte.shape[0] >= height and matte.shape[1] >= width:
        return fitted(matte, width, height)
    if matte.min() == matte.max():
        return np.full((height, width), matte.flat[0], np.float32)
    full = torch.from_numpy(to_uint8(image)).permute(2, 0, 1)[None].float() / 255
    guide = resized(full, matte.shape)
    small = torch.from_numpy(matte)[None, None].float()
    return guided(small, guide, eps=EDGE, radius=0.012, full=full)[0, 0].numpy()
