"""The flow between neighbouring small frames of a clip, found once for all steps that ask for it.

The subject, its form and carried light each follow the motion from a frame to the next, at sizes of
their own. It is found on the frames as they are stored, which show more than those smaller ones.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from relight.masks.steady import Motion, motion_from
from relight.methods.optical_flow import AtWork, Links, link, size_of, way_at
from relight.methods.spread import spread

KEPT = 32 * 2**20
"""Bytes of flows in memory: of fifty pairs and more."""


class Neighbours:
    """Flow and trust between each small frame and the next.

    Args:
        frames: (h, w, 3) uint8 each.

    >>> still = [np.full((32, 48, 3), 90, np.uint8)] * 3
    >>> motion = Neighbours(still).motion(range(3), (16, 24))
    >>> len(motion.ahead), tuple(motion.back[0][0].shape), motion.cuts
    (2, (2, 16, 24), frozenset())
    """

    def __init__(self, frames: Sequence[np.ndarray]) -> None:
        self._frames = frames
        self._found: OrderedDict[int, Links] = OrderedDict()
        self._lock = threading.Lock()

    def motion(self, numbers: range, size: tuple[int, int]) -> Motion:
        """Of some of the frames, which follow one another, at `size` (h, w)."""

        def linked(number: int) -> Links:
            there, back = self._links(number)
            return way_at(*there, size), way_at(*back, size)

        return motion_from(spread(linked, numbers[:-1]))

    def way(self, number: int, other: int, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Flow and trust from a frame to the one before or after it, at `size` (h, w)."""
        there, back = self._links(min(number, other))
        return way_at(*(there if other > number else back), size)

    def _links(self, number: int) -> Links:
        """From a frame to the next, and back, at the size at which flow is found."""
        with self._lock:
            found = self._found.get(number)
            if found is not None:
                self._found.move_to_end(number)
        if found is None:
            one, other = (AtWork(self._frames[at]) for at in (number, number + 1))
            there, back = link(one, other, size_of(one.frame))
            # Halves, as twice as many are kept, and always: kept or found anew is the same.
            found = _as(torch.float16, there), _as(torch.float16, back)
            with self._lock:
                self._found[number] = found
                each = sum(x.nbytes for way in found for x in way)
                while len(self._found) > max(KEPT // each, 1):
                    self._found.popitem(last=False)
        return _as(torch.float32, found[0]), _as(torch.float32, found[1])


def _as(dtype: torch.dtype, way: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return way[0].to(dtype), way[1].to(dtype)
