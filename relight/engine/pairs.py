"""Pairs of neighbouring frames, spread over a clip, at nearly their own size.

They tell how a lit clip shimmers. They are kept while a clip is surveyed: to read them again later
would take the decoding of all that lies before each, which is half a clip on average, or more.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from relight.engine.stored import decoded, encoded
from relight.engine.work import Work
from relight.media import Frame
from relight.media.depth import to_uint8

PAIRS, LOOKED_AT = 5, 540
"""Pairs that are stored at most, and the shorter side of their frames, at most."""
FILE = "pairs"


class Pairs:
    """Takes every frame in order and keeps a few, however many there are.

    >>> from fractions import Fraction
    >>> pairs = Pairs()
    >>> frame = Frame(image=np.zeros((4, 4, 3), np.uint8), time=Fraction(0))
    >>> for number in range(100):
    ...     pairs.add(number, lambda: frame)
    >>> pairs.chosen()
    [0, 32, 48, 64, 96]
    """

    def __init__(self) -> None:
        self._kept: dict[int, np.ndarray] = {}
        self._step = 1

    def add(self, number: int, frame: Callable[[], Frame]) -> None:
        """Look at the next frame, which has this number; it is made where it is kept."""
        if not self._wanted(number):
            return
        self._kept[number] = _reduced(frame())
        if number // self._step > 2 * PAIRS:
            self._step *= 2
            self._kept = {n: image for n, image in self._kept.items() if self._wanted(n)}

    def chosen(self) -> list[int]:
        """The numbers of the first frames of the pairs that are to be stored, rising."""
        first = [n for n in self._kept if n % self._step == 0 and n + 1 in self._kept]
        places = np.linspace(0, len(first) - 1, min(len(first), PAIRS)).round().astype(int)
        return [first[place] for place in places]

    def save(self, work: Work) -> None:
        """Store the chosen pairs, lossless."""
        stored = {}
        for n in self.chosen():
            stored |= {f"{n:07d}-{i}": encoded(self._kept[n + i]) for i in (0, 1)}
        work.save(FILE, stored)

    def _wanted(self, number: int) -> bool:
        return number % self._step == 0 or (number - 1) % self._step == 0


def load_pairs(work: Work) -> dict[int, list[np.ndarray]]:
    """By the number of the first frame: two of (h, w, 3) uint8; none of a clip of one frame."""
    stored = work.load(FILE)
    numbers = sorted({int(name.split("-")[0]) for name in stored})
    return {n: [decoded(stored[f"{n:07d}-{i}"]) for i in (0, 1)] for n in numbers}


def _reduced(frame: Frame) -> np.ndarray:
    image = frame.flat()
    shrink = min(LOOKED_AT / min(image.shape[:2]), 1.0)
    size = [max(round(side * shrink), 1) for side in image.shape[1::-1]]
    return to_uint8(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
