"""Pixels of several depths: uint8, uint16 and float32, each full range; and transparency.

Everything takes (H, W), (H, W, 3) and stacks of them; shapes stay.
"""

from __future__ import annotations

import cv2
import numpy as np

_TOP = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}


def to_float(image: np.ndarray) -> np.ndarray:
    """Any depth -> float32, the range of the integers brought to [0, 1].

    >>> to_float(np.array([0, 255], np.uint8))
    array([0., 1.], dtype=float32)
    """
    if image.dtype in _TOP:
        return image.astype(np.float32) * np.float32(1 / _TOP[image.dtype])
    return image.astype(np.float32, copy=False)


def to_uint8(image: np.ndarray) -> np.ndarray:
    """Any depth -> uint8, what models and screens see; floats are clipped to [0, 1].

    >>> to_uint8(np.array([0, 257, 65535], np.uint16)), to_uint8(np.array([-1.0, 0.5, 2.0]))
    (array([  0,   1, 255], dtype=uint8), array([  0, 128, 255], dtype=uint8))
    """
    if image.dtype == np.uint8:
        return image
    if image.dtype == np.uint16:
        return ((image.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return _rounded(image, np.uint8)


def to_uint16(image: np.ndarray) -> np.ndarray:
    """Any depth -> uint16; floats are clipped to [0, 1].

    >>> to_uint16(np.array([0, 1, 255], np.uint8))
    array([    0,   257, 65535], dtype=uint16)
    """
    if image.dtype == np.uint16:
        return image
    if image.dtype == np.uint8:
        return image.astype(np.uint16) * np.uint16(257)
    return _rounded(image, np.uint16)


def _rounded(image: np.ndarray, kind: type[np.unsignedinteger]) -> np.ndarray:
    """Floats in [0, 1], clipped, as integers; with one copy, as pictures are large."""
    scaled = image.clip(0, 1).astype(np.result_type(image, np.float32), copy=False)
    scaled *= np.iinfo(kind).max
    scaled += 0.5
    return scaled.astype(kind)


def to_depth(image: np.ndarray, depth: int) -> np.ndarray:
    """An image of any depth as the type that holds `depth` bits: 8, up to 16, or 32 (float)."""
    if depth == 8:
        return to_uint8(image)
    return to_uint16(image) if depth <= 16 else to_float(image)


def like(image: np.ndarray, other: np.ndarray) -> np.ndarray:
    """`image` as the type of `other`."""
    depth = {np.dtype(np.uint8): 8, np.dtype(np.uint16): 16}.get(other.dtype, 32)
    return to_depth(image, depth)


def over(image: np.ndarray, alpha: np.ndarray, matte: tuple[int, int, int]) -> np.ndarray:
    """(H, W, 3) laid over a colour (0 to 255 a channel) by its straight alpha (H, W).

    >>> half = np.full((1, 1), 128, np.uint8)
    >>> over(np.full((1, 1, 3), 200, np.uint8), half, (0, 0, 0))[0, 0].tolist()
    [100, 100, 100]
    """
    part = to_float(alpha)[..., None]
    below = np.array(matte, np.float32) / 255
    return like(to_float(image) * part + below * (1 - part), image)


def bled(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """(H, W, 3) with the colours beside it under what is fully transparent.

    Files keep anything there (mostly black), and a model, or a filter, would pull it over the
    edge. Filled from coarser and coarser means of the opaque pixels.
    """
    clear = alpha == 0
    if not clear.any():
        return image
    part = (~clear).astype(np.float32)
    colour = to_float(image) * part[..., None]
    filled = _filled(colour, part)
    result = image.copy()
    result[clear] = like(filled, image)[clear]
    return result


def _filled(colour: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weighted colours (H, W, 3), weights (H, W): the mean of the nearest scale that has one."""
    height, width = weight.shape
    mean = colour / np.maximum(weight, 1e-6)[..., None]
    if max(height, width) == 1 or weight.min() > 0:
        return mean
    half = (max(width // 2, 1), max(height // 2, 1))
    smaller = _filled(
        cv2.resize(colour, half, interpolation=cv2.INTER_AREA),
        cv2.resize(weight, half, interpolation=cv2.INTER_AREA),
    )
    below = cv2.resize(smaller, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.where(weight[..., None] > 0, mean, below)
