"""Any frame size for models that take multiples only: scale evenly, pad, run, cut back.

Nothing of the frame is cropped away and nothing is stretched: the padding repeats the frame's edge
and is cut off the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

from relight.media import to_uint8


@dataclass(frozen=True, kw_only=True)
class Framing:
    """How frames of (width, height) pixels are shown to a model.

    Attributes:
        width, height: of the scaled frame.
        padded_width, padded_height: of what the model sees: multiples of what it needs.
    """

    width: int
    height: int
    padded_width: int
    padded_height: int

    @classmethod
    def fit(
        cls, width: int, height: int, *, side: float, multiple: int, margin: int = 0
    ) -> Framing:
        """Scale to about the area of a square of `side` pixels, padded to multiples of `multiple`.

        A very long or high frame is scaled further, so that no side passes four times `side`.

        Args:
            margin: pixels of padding on every side at least, which count as part of `side`: what
                a model draws beside a border is worse than what it draws in the middle.
        """
        inner = side - 2 * margin
        scale = min(inner / (width * height) ** 0.5, (4 * side - 2 * margin) / max(width, height))
        # Shrink a little more where that spares padding: a padded pixel costs what a real one does.
        scale *= min(_shrink(x * scale, multiple, 2 * margin) for x in (width, height))
        small = [max(round(x * scale), 1) for x in (width, height)]
        padded = [-(-(x + 2 * margin) // multiple) * multiple for x in small]
        return cls(width=small[0], height=small[1], padded_width=padded[0], padded_height=padded[1])

    def scale(self, image: np.ndarray) -> np.ndarray:
        """(h, w, 3) of any size and depth -> (height, width, 3) uint8, area-averaged."""
        smaller = image.shape[0] * image.shape[1] > self.width * self.height
        method = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
        return to_uint8(cv2.resize(image, (self.width, self.height), interpolation=method))

    def pad(self, frames: np.ndarray) -> np.ndarray:
        """(frames, height, width, 3) -> the same at the padded size, edges repeated."""
        down, right = self.padded_height - self.height, self.padded_width - self.width
        top, left = down // 2, right // 2
        return np.pad(frames, ((0, 0), (top, down - top), (left, right - left), (0, 0)), "edge")

    def filled(self, maps: Tensor) -> Tensor:
        """`pad` for maps (frames, c, height, width): the same at the padded size."""
        down, right = self.padded_height - self.height, self.padded_width - self.width
        top, left = down // 2, right // 2
        from torch.nn import functional

        return functional.pad(maps, (left, right - left, top, down - top), mode="replicate")

    def cut(self, frames: Tensor) -> Tensor:
        """(..., padded_height, padded_width) -> (..., height, width): the padding's inverse."""
        top, left = (self.padded_height - self.height) // 2, (self.padded_width - self.width) // 2
        return frames[..., top : top + self.height, left : left + self.width]


def _shrink(length: float, multiple: int, more: int) -> float:
    """Factor that brings length + more to a multiple, where that loses under a tenth; else 1."""
    down = (length + more) // multiple * multiple - more
    return down / length if down > 0 and length - down < 0.1 * length else 1.0
