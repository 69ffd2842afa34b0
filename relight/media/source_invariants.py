"""What holds in the source and must hold in the result: grey, flat areas, letterbox bars, depth.

A diffusion model knows none of these: it tints a black-and-white page, draws grain on a blank
wall, and lights the bars of a film. Each function takes the result and the source it was made of,
(H, W, 3) and (h, w, 3) of any depth (uint8, uint16, float32), and gives the result back, mended.
"""

from __future__ import annotations

import cv2
import numpy as np

from relight.media.depth import like, to_float, to_uint8
from relight.media.planes import Planes, brightest
from relight.types import bands, whole_times

GREY_CODES = 2  # of 255: how far channels may lie apart in what counts as grey (video chroma)
FLAT_CODES = 1  # of 255: how much pixels may differ in what counts as flat
FLAT_RADIUS = 4  # source pixels around one that must be flat too
CUBIC_RADIUS = 4  # source pixels around one that decide its enlargement, and one to spare
BLACK_CODES = 8  # of 255: the brightest pixel of a letterbox bar
FRINGE = 2  # rows of a bar's edge that compression mixes with the picture, and light would raise
FRINGE_CODES = 64  # of 255: the brightest pixel of such a row
_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)  # BT.709


def finished(result: np.ndarray, source: np.ndarray) -> np.ndarray:
    """An enlarged picture of any depth made true to its source, as the source's type.

    Fine levels that the model didn't see come back, flat areas are the source's, grey is grey. What
    is a whole number of times larger is mended in bands, and codes of the source's type in place:
    memory is that of the result.
    """
    times = whole_times(source.shape, result.shape)
    grey = is_grey(source)
    if times is None:
        return like(keep_bars(_mended(result, source, grey), source), source)
    own = result.dtype == source.dtype and result.dtype.kind == "u"
    made = result if own else np.empty(result.shape, source.dtype)
    for band in bands(source.shape[0], source.shape[1], times, FLAT_RADIUS + CUBIC_RADIUS):
        near = slice(band.near.start * times, band.near.stop * times)
        part = _mended(result[near], source[band.near], grey)
        made[band.rows] = like(part[band.made], source)
    return keep_bars(made, source)


def _mended(result: np.ndarray, source: np.ndarray, grey: bool) -> np.ndarray:
    """Float32 in [0, 1]: depth, flat areas and grey."""
    mended = keep_flat(keep_depth(to_float(result), source), source)
    return _greyed(mended) if grey else mended


def with_bars(result: np.ndarray, source: np.ndarray) -> np.ndarray:
    """An enlarged picture, float32 in [0, 1], as the source's type, with the source's bars."""
    return like(keep_bars(result, source), source)


def at_depth(result: np.ndarray, source: np.ndarray) -> np.ndarray:
    """An enlarged picture, float32 in [0, 1], as the source's type, otherwise as it is."""
    return like(keep_depth(result, source), source)


def keep_depth(result: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Add what 8 bits left out of a deep source (levels between codes, highlights above 1)."""
    if source.dtype == np.uint8:
        return result
    lost = to_float(source) - to_float(to_uint8(source))
    return to_float(result) + _scaled(lost, result)


def _greyed(result: np.ndarray) -> np.ndarray:
    luma = to_float(result) @ _LUMA
    return like(np.repeat(luma[..., None], 3, axis=2), result)


def is_grey(image: np.ndarray) -> bool:
    """Do the channels agree everywhere, but for the rounding of a video's chroma?"""
    return all(_spread(image[top : top + 128]) <= GREY_CODES for top in range(0, len(image), 128))


def _spread(rows: np.ndarray) -> int:
    """The most that channels lie apart, in codes of 255."""
    codes = to_uint8(rows)
    return int((codes.max(axis=2) - codes.min(axis=2)).max())


def keep_flat(result: np.ndarray, source: np.ndarray) -> np.ndarray:
    """The source's own values where it is flat in a wide surrounding.

    >>> wall, grainy = np.full((16, 16, 3), 90, np.uint8), np.full((32, 32, 3), 90, np.uint8)
    >>> grainy[::2] += 5
    >>> np.unique(keep_flat(grainy, wall)).tolist()
    [90]
    """
    mask = _flat(to_uint8(source))
    if not mask.any():
        return result
    weight = cv2.resize(mask.astype(np.float32), result.shape[1::-1])[..., None]
    mixed, values = _scaled(to_float(source), result), to_float(result)
    if mixed.shape == source.shape:
        mixed = mixed.copy()  # not the source's own memory
    mixed -= values  # in place: these are large
    mixed *= weight
    mixed += values
    return like(mixed, result)


def _flat(image: np.ndarray) -> np.ndarray:
    """(h, w) bool: no pixel nearby differs by more than FLAT_CODES."""
    window = np.ones((2 * FLAT_RADIUS + 1,) * 2, np.uint8)
    spread = cv2.subtract(cv2.dilate(image, window), cv2.erode(image, window))
    return spread.max(axis=2) <= FLAT_CODES


def keep_bars(result: np.ndarray, source: np.ndarray, fringe: int = 0) -> np.ndarray:
    """Letterbox and pillarbox bars as they are in the source, of the same size or smaller.

    fringe: rows at the edge of a bar that are kept with it where they are dark.

    >>> film = np.zeros((20, 20, 3), np.uint8)
    >>> film[4:16] = 100
    >>> keep_bars(np.full((20, 20, 3), 50, np.uint8), film)[[0, 3, 4, 19], 0, 0].tolist()
    [0, 0, 50, 0]
    """
    found = bars(source, fringe)
    if not any(found):
        return result
    height, width = result.shape[:2]
    down, across = height / source.shape[0], width / source.shape[1]
    top, bottom, left, right = (
        int(length * times)
        for length, times in zip(found, (down, down, across, across), strict=True)
    )
    # Nearest: nothing of the picture runs into a bar.
    kept = cv2.resize(like(source, result), (width, height), interpolation=cv2.INTER_NEAREST)
    inner = slice(top, height - bottom), slice(left, width - right)
    kept[inner] = result[inner]
    return kept


def keep_planes_bars(result: Planes, source: Planes, fringe: int = 0) -> None:
    """`keep_bars` of a frame of video, in place.

    >>> film, lit = Planes.empty(20, 20), Planes.empty(20, 20)
    >>> film.packed[:], lit.packed[:] = 128, 128
    >>> film.y[[0, 1, 2, 3, 16, 17, 18, 19]] = 16
    >>> keep_planes_bars(lit, film)
    >>> lit.y[[0, 3, 4, 19], 0].tolist()
    [16, 16, 128, 16]
    """
    top, bottom, left, right = bars_of(brightest(source, 1), brightest(source, 0), fringe)
    for made, own, times in (
        (result.y, source.y, 1),
        (result.u, source.u, 2),
        (result.v, source.v, 2),
    ):
        height, width = own.shape
        outside = (
            np.s_[: top // times],
            np.s_[height - bottom // times :],
            np.s_[:, : left // times],
            np.s_[:, width - right // times :],
        )
        for part in outside:
            made[part] = own[part]


def bars(image: np.ndarray, fringe: int = 0) -> tuple[int, int, int, int]:
    """(top, bottom, left, right): rows and columns of black bars, with a dark fringe of so many.

    A bar has another of its size (within two pixels) on the other side: a dark sky has not.
    """
    codes = to_uint8(image)  # the brightest of rows and columns: a hundredth of the time of pixels
    rows = codes.reshape(len(codes), -1).max(axis=1)
    return bars_of(rows, codes.max(axis=0).max(axis=1), fringe)


def bars_of(rows: np.ndarray, columns: np.ndarray, fringe: int) -> tuple[int, int, int, int]:
    """`bars` of the brightest codes of rows and of columns.

    >>> bars_of(np.array([0, 0, 90, 90, 0, 0]), np.full(8, 90), 0)
    (2, 2, 0, 0)
    """
    if rows.max() <= BLACK_CODES:
        return 0, 0, 0, 0
    return *_pair(rows, fringe), *_pair(columns, fringe)


def _pair(light: np.ndarray, fringe: int) -> tuple[int, int]:
    """Lengths of the bars at both ends of the brightest values of rows, or of columns."""
    ends = light, light[::-1]
    first, last = (int((end > BLACK_CODES).argmax()) for end in ends)
    if min(first, last) < 2 or abs(first - last) > 2:
        return 0, 0
    return _with_fringe(light, first, fringe), _with_fringe(light[::-1], last, fringe)


def _with_fringe(light: np.ndarray, length: int, fringe: int) -> int:
    bright = light[length : length + fringe] > FRINGE_CODES
    return length + (int(bright.argmax()) if bright.any() else len(bright))


def _scaled(image: np.ndarray, result: np.ndarray) -> np.ndarray:
    if image.shape == result.shape:
        return image
    return cv2.resize(image, result.shape[1::-1], interpolation=cv2.INTER_CUBIC)
