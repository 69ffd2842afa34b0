"""Lean: by how many stops the light comes from the side that was asked for.

    log2((Y_named + 1) / (Y_opposite + 1)) of the result, minus the same of the source

with Y the mean luminance (8-bit levels, all frames pooled) of the third of the frame at the named
side and of the third opposite. Any real number; 0 = as in the source, +1 = the named side gained a
stop on the other, higher is better where a direction was asked for. (This project's definition.)
"""

from __future__ import annotations

import math

import numpy as np

from relight.errors import InputError
from relight.metrics.frames import Frames, luminance, paired

SIDES = ("left", "right", "top", "bottom")


def lean(source: Frames, result: Frames, side: str = "left") -> float:
    """Stops that `side` gained on the opposite side.

    Raises:
        InputError: no such side.

    >>> grey = np.full((1, 6, 6, 3), 99.0)
    >>> lit = grey.copy()
    >>> lit[:, :, :2] = 199.0
    >>> round(lean(grey, lit, "left"), 6), round(lean(grey, lit, "right"), 6)
    (1.0, -1.0)
    """
    tally = Lean(side)
    for one, other in paired(source, result):
        tally.add(luminance(one), luminance(other))
    return tally.value()


class Lean:
    """`lean`, frame by frame: what each third came to so far."""

    def __init__(self, side: str) -> None:
        if side not in SIDES:
            raise InputError(f"unknown side {side!r}: use one of {', '.join(SIDES)}")
        self.side = side
        self.sums = np.zeros((2, 2))  # source and result; named and opposite third
        self.frames = 0

    def add(self, source: np.ndarray, result: np.ndarray) -> None:
        """One frame of each, as luminance (h, w) in levels."""
        self.sums += [thirds(source, self.side), thirds(result, self.side)]
        self.frames += 1

    def value(self) -> float:
        """Lean of the frames so far, in stops; nan when there are none."""
        if not self.frames:
            return math.nan
        (was_named, was_opposite), (named, opposite) = self.sums / self.frames + 1
        return math.log2(named / opposite) - math.log2(was_named / was_opposite)


def thirds(y: np.ndarray, side: str) -> tuple[float, float]:
    """Mean of the third of an image (h, w) at `side`, and of the third opposite.

    >>> thirds(np.float32([[1, 2, 3]]), "right")
    (3.0, 1.0)
    """
    along = y.T if side in ("left", "right") else y
    third = max(1, len(along) // 3)
    first, last = float(along[:third].mean()), float(along[-third:].mean())
    return (first, last) if side in ("left", "top") else (last, first)
