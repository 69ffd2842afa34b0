"""Letterbox bars in small frames: the picture is seen as if it reached to the border.

Else a bar is what a subject stands before, no sky is open to the border, and light bleeds across a
bar's edge. At full size bars stay as they are (`relight.media.source_invariants`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from relight.media.source_invariants import FRINGE, bars_of

LOOKED_AT = 16
"""Frames of a clip that tell its bars: what stands in most counts, not a subtitle or a fade."""


@dataclass(frozen=True)
class Letterbox:
    """Rows and columns of a clip's small frames that are bars; none: all of it is picture."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0

    @classmethod
    def of(cls, frames: Sequence[np.ndarray]) -> Letterbox:
        """That of a clip's small frames, (h, w, 3) uint8 each.

        >>> film = np.zeros((24, 40, 3), np.uint8)
        >>> film[4:-4] = 90
        >>> Letterbox.of([film, film * 0, film])
        Letterbox(top=4, bottom=4, left=0, right=0)
        """
        places = np.linspace(0, len(frames) - 1, min(len(frames), LOOKED_AT)).round().astype(int)
        some = [frames[place].max(axis=2) for place in places]
        rows, columns = (np.median([one.max(axis=axis) for one in some], axis=0) for axis in (1, 0))
        return cls(*bars_of(rows, columns, FRINGE))

    def filled(self, image: np.ndarray) -> np.ndarray:
        """(h, w, 3), the nearest row or column of the picture where the bars are.

        >>> film = np.zeros((24, 40, 3), np.uint8)
        >>> film[4:-4] = 90
        >>> int(Letterbox(4, 4).filled(film).min())
        90
        """
        if self == Letterbox():
            return image
        # What touches a bar may be mixed with it: shown instead is what lies one further in.
        ends = self.top, self.bottom, self.left, self.right
        top, bottom, left, right = (end + (end > 0) for end in ends)
        inner = image[top : len(image) - bottom, left : image.shape[1] - right]
        return cv2.copyMakeBorder(inner, top, bottom, left, right, cv2.BORDER_REPLICATE)

    def clear(self, matte: np.ndarray) -> np.ndarray:
        """A small frame's matte, (h, w), 0 where the bars are."""
        if self == Letterbox():
            return matte
        kept, (height, width) = np.zeros_like(matte), matte.shape
        part = slice(self.top, height - self.bottom), slice(self.left, width - self.right)
        kept[part] = matte[part]
        return kept
