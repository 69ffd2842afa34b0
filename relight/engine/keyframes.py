"""Which of a clip's small frames are its keyframes: where it changes most, some in each scene.

What is judged are thumbnails that the survey stored, so nothing is decoded again. Torch-free.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

EVERY_S = 2.0
"""Seconds between keyframes where a clip changes steadily."""
FEWEST = 3
"""Keyframes of a scene, if it has so many frames: what one sees badly another may see well."""
CUT = 0.12
"""Mean difference of two thumbnails, of the full range, that can only be a cut."""
THUMB = 16
"""Side of a thumbnail, in pixels."""


def scenes(thumbs: np.ndarray) -> list[range]:
    """The scenes of a clip.

    Args:
        thumbs: (frames, THUMB, THUMB, 3) uint8.

    >>> two = np.repeat(np.uint8([10, 200]), 4)[:, None, None, None]
    >>> scenes(two * np.ones((1, 16, 16, 3), np.uint8))
    [range(0, 4), range(4, 8)]
    """
    change = changes(thumbs)
    typical = np.median(change) if len(change) else 0.0
    cuts = [i + 1 for i, c in enumerate(change) if c > max(CUT, 4 * typical)]
    ends = [0, *cuts, len(thumbs)]
    return [range(a, b) for a, b in pairwise(ends)]


def changes(thumbs: np.ndarray) -> np.ndarray:
    """Mean difference of each frame to the one before, in [0, 1]: (frames - 1,)."""
    values = thumbs.astype(np.float32) / 255
    return np.abs(np.diff(values, axis=0)).mean((1, 2, 3))


def keyframes(thumbs: np.ndarray, seconds: float) -> list[int]:
    """Indices of the keyframes, rising.

    Each scene is cut into parts of equal change, and the middle of each is taken.

    Args:
        thumbs: (frames, THUMB, THUMB, 3) uint8. seconds: that they last.

    >>> keyframes(np.zeros((9, 16, 16, 3), np.uint8), 1.0)
    [1, 4, 7]
    """
    found = []
    for scene in scenes(thumbs):
        length = seconds * len(scene) / len(thumbs)
        count = min(max(math.ceil(length / EVERY_S), FEWEST), len(scene))
        change = changes(thumbs[scene.start : scene.stop])
        # A little for time itself, so that a still scene is divided evenly.
        path = np.cumsum([0.0, *(change + change.mean() + 1e-6)]) if len(change) else np.zeros(1)
        wanted = (np.arange(count) + 0.5) / count * path[-1]
        after = np.searchsorted(path, wanted).clip(min(1, len(path) - 1), len(path) - 1)
        before = np.maximum(after - 1, 0)
        near = np.where(wanted - path[before] <= path[after] - wanted, before, after)
        found += [scene.start + int(i) for i in sorted(set(near.tolist()))]
    return found
