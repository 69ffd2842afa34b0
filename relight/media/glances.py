"""What a picture looks like at a glance: enough to tell a cut, before any pixel is converted."""

from __future__ import annotations

import av
import numpy as np

FIELDS, POINTS = 8, 8
"""Fields in a row and in a column, and points that are looked at in each, likewise."""


def glance(pixels: np.ndarray) -> np.ndarray:
    """The brightness of a grid of fields, each from some of its pixels: (8, 8) float32 in [0, 1].

    Args:
        pixels: (h, w) or (h, w, channels), uint8, uint16, or float in [0, 1].

    >>> glance(np.full((90, 160, 3), 51, np.uint8)).round(2).max()
    np.float32(0.2)
    """
    grid = (np.arange(FIELDS * POINTS) + 0.5) / (FIELDS * POINTS)
    places = ((grid * side).astype(int) for side in pixels.shape[:2])
    points = pixels[np.ix_(*places)].astype(np.float32)
    if points.ndim == 3:
        points = points.mean(2)
    if pixels.dtype.kind == "u":
        points /= np.iinfo(pixels.dtype).max
    return points.reshape(FIELDS, POINTS, FIELDS, POINTS).mean((1, 3))


def glance_of(picture: av.VideoFrame) -> np.ndarray | None:
    """`glance` of a decoded frame's first plane: its brightness, or a channel or all of RGB.

    None where samples are no whole numbers of 8 to 16 bits, and in packed YUV.

    >>> glance_of(av.VideoFrame.from_ndarray(np.full((32, 48), 255, np.uint8), "gray")).max()
    np.float32(1.0)
    """
    form, plane = picture.format, picture.planes[0]
    bits, channels = form.components[0].bits, 1 if form.is_planar else len(form.components)
    if not 8 <= bits <= 16 or (channels > 1 and not form.is_rgb):
        return None
    kind = np.dtype(np.uint8 if bits == 8 else ">u2" if form.is_big_endian else "<u2")
    if plane.line_size < plane.width * kind.itemsize:  # from the bottom up
        return None
    rows = np.frombuffer(memoryview(plane), kind).reshape(plane.height, -1)
    seen = glance(rows[:, : plane.width * channels])
    return seen if bits == 8 else (seen * (65535 / (2**bits - 1))).clip(0, 1)
