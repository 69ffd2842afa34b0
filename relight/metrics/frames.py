"""What all measures share: luminance, and going through two clips frame by frame.

A frame is an array (h, w, 3) of sRGB-encoded levels, 0 to 255, uint8 or floating point. A clip is
any iterable of frames, so an (F, h, w, 3) array as well as a file that is being decoded. Every
measure takes the frames one at a time and keeps none but the last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from relight.errors import InputError

Frames = Iterable[np.ndarray]
LUMA = np.array([[0.2126, 0.7152, 0.0722]], np.float32)  # ITU-R BT.709
WHITE = 255.0  # the level of white


def luminance(frame: np.ndarray) -> np.ndarray:
    """Y = .2126 R + .7152 G + .0722 B of the encoded values: (h, w) float32, 0 to 255.

    >>> luminance(np.full((1, 1, 3), (100, 0, 0), np.uint8)).astype(float).round(3).tolist()
    [[21.26]]
    """
    if frame.ndim != 3 or frame.shape[2] != 3:
        raise InputError(f"a frame is an array (h, w, 3), not {frame.shape}")
    return cv2.transform(np.asarray(frame, np.float32), LUMA).reshape(frame.shape[:2])


def paired(source: Frames, result: Frames) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The frames of two clips of equal length and size, side by side.

    Raises:
        InputError: one clip ends before the other, or two frames differ in size.

    >>> len(list(paired(np.zeros((2, 4, 4, 3)), np.ones((2, 4, 4, 3)))))
    2
    """
    ones, others, count = iter(source), iter(result), -1
    for count, one in enumerate(ones):
        other = next(others, None)
        if other is None:
            raise InputError(f"the result ends after {count} frames and the source goes on")
        if one.shape != other.shape:
            raise InputError(f"frame {count} is {other.shape}, and {one.shape} in the source")
        yield one, other
    if next(others, None) is not None:
        raise InputError(f"the source ends after {count + 1} frames and the result goes on")


def mean(values: Iterable[float]) -> float:
    """Mean of a stream of numbers; nan when there is none.

    >>> mean([1.0, 2.0]), mean([])
    (1.5, nan)
    """
    total, count = 0.0, 0
    for value in values:
        total, count = total + float(value), count + 1
    return total / count if count else float("nan")
