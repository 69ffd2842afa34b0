"""Which of a clip's small frames are its keyframes: each speaks for what looks like it.

What is judged are thumbnails that the survey stored, so nothing is decoded again. Torch-free.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

EVERY_S = 2.0
"""Seconds of a clip for each of its keyframes; a part that stands still may have a longer one."""
LIKE = 0.1
"""Mean difference of two thumbnails, of the full range, up to which one keyframe speaks for both.

Below `relight.methods.ways.OTHER`, where light is carried no further: no frame is left without.
"""
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
    return _apart(thumbs[1:], thumbs[:-1])


def _apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Mean difference of thumbnails, in [0, 1]: (frames,)."""
    return np.abs(a.astype(np.float32) - b).mean((1, 2, 3)) / 255


def keyframes(thumbs: np.ndarray, seconds: float) -> list[int]:
    """Indices of the keyframes, rising.

    Each scene is cut into parts of equal change, and those into smaller ones until all of a part
    looks like its middle, which is taken.

    Args:
        thumbs: (frames, THUMB, THUMB, 3) uint8. seconds: that they last.

    >>> keyframes(np.zeros((9, 16, 16, 3), np.uint8), 1.0)
    [4]
    >>> keyframes(np.zeros((9, 16, 16, 3), np.uint8), 6.0)
    [1, 4, 7]
    """
    found = []
    for scene in scenes(thumbs):
        inside = thumbs[scene.start : scene.stop]
        length = seconds * len(scene) / len(thumbs)
        count = min(max(math.ceil(length / EVERY_S), 1), len(scene))
        change = changes(inside)
        # A little for time itself, so that a still scene is divided evenly.
        path = np.cumsum([0.0, *(change + change.mean() + 1e-6)]) if len(change) else np.zeros(1)
        ends = np.searchsorted(path, np.arange(count + 1) / count * path[-1]).tolist()
        ends[-1] = len(scene)
        todo = [range(*part) for part in pairwise(ends) if part[0] < part[1]]
        while todo:
            part = todo.pop()
            middle, at = _middle(inside, change, path, part)
            if at is None:
                found.append(scene.start + middle)
            else:
                todo += [range(part.start, at), range(at, part.stop)]
    return sorted(found)


def _middle(
    thumbs: np.ndarray, change: np.ndarray, path: np.ndarray, part: range
) -> tuple[int, int | None]:
    """Of a part of a scene: its middle frame, and where to cut it; None: all looks like its middle.

    change: of each frame of the scene to the next. path: that, added up, for each frame.
    """
    along, inside = path[part.start : part.stop], change[part.start : part.stop - 1]
    middle = part.start + int(np.abs(along - (along[0] + along[-1]) / 2).argmin())
    if inside.max(initial=0) > LIKE:  # a cut, or a flash
        return middle, part.start + 1 + int(inside.argmax())
    if _apart(thumbs[part.start : part.stop], thumbs[middle]).max() > LIKE:
        return middle, max(middle, part.start + 1)
    return middle, None
