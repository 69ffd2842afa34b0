"""Masks that somebody else has made: a picture, a video, or pictures that make a clip."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from relight import media
from relight.errors import InputError
from relight.media import Frame, Reading
from relight.media.depth import to_float

NOISE = 3 / 255
"""What the coding of a video leaves beside black and white."""
CLIP = Reading(as_clip=True)


def matte_of(frame: Frame) -> np.ndarray:
    """What a picture says as a mask: its transparency, if it has any, else how bright it is.

    Returns:
        (h, w) float32 in [0, 1], exactly 0 and 1 where it is nearly so.

    >>> from fractions import Fraction
    >>> picture = np.array([[[1, 2, 1], [128, 128, 128], [254, 253, 255]]], np.uint8)
    >>> matte_of(Frame(picture, Fraction(0))).round(2).tolist()
    [[0.0, 0.5, 1.0]]
    """
    if frame.alpha is not None and to_float(frame.alpha).min() < 1 - NOISE:
        level = to_float(frame.alpha)
    else:
        level = to_float(frame.image).mean(-1).clip(0, 1)
    return ((level - NOISE) / (1 - 2 * NOISE)).clip(0, 1).astype(np.float32)


def is_still(path: Path) -> bool:
    """Whether a mask is one picture, which holds for all frames."""
    return media.probe(path, CLIP).kind == "picture"


def picture_count(path: Path) -> int:
    """How many pictures a mask has; they are counted where the file doesn't say."""
    known = media.probe(path, CLIP).frames
    return known or media.frames_before(path, math.inf, CLIP)


def read_mattes(path: Path, first: int, count: int, *, skip: int = 0) -> Iterator[np.ndarray]:
    """The mattes of a clip's frames, in order, at the mask's own size.

    Args:
        path: the mask's.
        first: index of the first frame wanted. count: of the frames that are lit.
        skip: pictures of the mask before that of the first frame that is lit.

    Raises:
        InputError, MediaError: it can't be read, or has fewer pictures than the clip has frames.
    """
    if is_still(path):
        matte = matte_of(next(media.read(path, how=CLIP)))
        yield from (matte for _ in range(first, count))
        return
    index = -1
    for index, frame in enumerate(media.read(path, how=CLIP, on_note=lambda note: None)):
        if index - skip >= count:
            return
        if index - skip >= first:
            yield matte_of(frame)
    if index + 1 - skip < count:
        raise wrong_count(path, index + 1, skip + count)


def wrong_count(path: Path, there: int, wanted: int) -> InputError:
    """What is said of a mask with another number of pictures than the clip has frames."""
    return InputError(
        f"the mask {path} has {there} pictures, and the clip {wanted} frames: give one for each, "
        "or one picture for all",
        field="mask",
        path=path,
    )


def fitted(matte: np.ndarray, width: int, height: int) -> np.ndarray:
    """A matte (h, w) stretched to (height, width), averaged where that is smaller."""
    if matte.shape == (height, width):
        return matte
    smaller = matte.size > width * height
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return cv2.resize(matte, (width, height), interpolation=how)
