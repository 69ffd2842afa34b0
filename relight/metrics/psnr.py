"""PSNR, the peak signal-to-noise ratio: 10 log10(peak^2 / mean square error), in dB.

0 to infinity (equal), higher is better. Like every distance to the source, it rewards doing
nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import zip_longest

import numpy as np

from relight.errors import InputError
from relight.metrics.frames import WHITE


def psnr(a: Iterable[np.ndarray], b: Iterable[np.ndarray], *, peak: float = WHITE) -> float:
    """PSNR in dB of two pictures, clips or streams of frames, the error pooled over all of them.

    Args:
        a, b: arrays of one shape (any), or iterables of as many arrays.
        peak: the span of the values: 255 for levels, 1 for [0, 1], 2 for [-1, 1].

    Returns:
        nan where there is nothing to compare.

    Raises:
        InputError: one ends before the other, or two arrays differ in shape.

    >>> round(psnr(np.zeros((4, 4, 3)), np.full((4, 4, 3), 25.5)), 6)
    20.0
    >>> psnr(np.ones((2, 2)), np.ones((2, 2)), peak=1)
    inf
    """
    total, count = 0.0, 0
    for number, (one, other) in enumerate(zip_longest(a, b)):
        if one is None or other is None:
            raise InputError(f"one ends after {number} frames and the other goes on")
        squares = square_error(one, other)
        total, count = total + squares.sum(), count + squares.size
    return decibels(total / count, peak) if count else math.nan


def square_error(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Squared differences of two arrays of one shape, in float64.

    >>> square_error(np.uint8([1]), np.uint8([3])).tolist()
    [4.0]
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape:
        raise InputError(f"{a.shape} and {b.shape} can't be compared: bring them to one size")
    return (a - b) ** 2


def decibels(error: float, peak: float = WHITE) -> float:
    """PSNR of a mean square error.

    >>> round(decibels(0.01, peak=1), 6)
    20.0
    """
    return math.inf if error == 0 else 10 * math.log10(peak**2 / error)
