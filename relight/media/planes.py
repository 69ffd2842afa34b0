"""Frames of ordinary video as they are stored: brightness at full size, colour at half of it.

Most video is BT.709 in limited range, 4:2:0 and 8 bits, and is written so too. Light that is put on
it as it is takes half the time of light on RGB, and leaves every value as it was where it does
nothing: no colour is enlarged and shrunk again.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from relight.media.clip import Frame
from relight.media.look import EXACT, Look

FORM = "yuv420p"
_RED, _GREEN, _BLUE = 0.2126, 0.7152, 0.0722  # BT.709
_LUMA, _CHROMA = 255 / 219, 255 / 224  # of limited range
_FROM_BLUE, _FROM_RED = 2 * (1 - _BLUE) * _CHROMA, 2 * (1 - _RED) * _CHROMA
_TO_RGB = np.array(  # from (Y - 16, U - 128, V - 128)
    [
        [_LUMA, 0, _FROM_RED],
        [_LUMA, -_BLUE / _GREEN * _FROM_BLUE, -_RED / _GREEN * _FROM_RED],
        [_LUMA, _FROM_BLUE, 0],
    ]
)
BLACK, NEUTRAL = 16, 128


class _Own(threading.local):
    """A thread's converter: a new one for each frame takes three times as long on small frames."""

    def __init__(self) -> None:
        self.converter = VideoReformatter()


_own = _Own()


def own_converter() -> VideoReformatter:
    """The one of this thread."""
    return _own.converter


@dataclass(frozen=True, eq=False)
class Planes:
    """A frame as 4:2:0, BT.709, limited range, 8 bits.

    Attributes:
        y: (H, W) uint8, even sides. u, v: (H / 2, W / 2) uint8.
        packed: (3 H / 2, W), the memory of all three one after the other; None: they are apart.
    """

    y: np.ndarray
    u: np.ndarray
    v: np.ndarray
    packed: np.ndarray | None = None

    @classmethod
    def of(cls, picture: av.VideoFrame, look: Look) -> Planes:
        """Those of a decoded frame, where it has them, upright."""
        rows = (
            np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
            for plane in picture.planes
        )
        found = (x[:, : p.width] for x, p in zip(rows, picture.planes, strict=True))
        if look.is_turned:
            found = (np.ascontiguousarray(look.turned(plane)) for plane in found)
        return cls(*found)

    @classmethod
    def empty(cls, height: int, width: int) -> Planes:
        """Memory for a frame of even sides.

        >>> Planes.empty(4, 6).v.shape
        (2, 3)
        """
        packed = np.empty((height * 3 // 2, width), np.uint8)
        u, v = packed[height:].reshape(2, height // 2, width // 2)
        return cls(packed[:height], u, v, packed)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, 3): what it is as RGB."""
        return (*self.y.shape, 3)

    @property
    def all(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.y, self.u, self.v

    @property
    def nbytes(self) -> int:
        return sum(plane.nbytes for plane in self.all)

    def picture(self) -> av.VideoFrame:
        """For an encoder: of the same memory, where that is in one piece."""
        height, width = self.y.shape
        if self.packed is not None and height % 4 == 0:  # others PyAV takes for smaller ones
            return av.VideoFrame.from_numpy_buffer(self.packed, FORM)
        picture = av.VideoFrame(width, height, FORM)
        for plane, own in zip(picture.planes, self.all, strict=True):
            rows = np.zeros((plane.height, plane.line_size), np.uint8)
            rows[:, : plane.width] = own
            plane.update(rows.tobytes())
        return picture

    def rgb(self) -> np.ndarray:
        """(H, W, 3) uint8, full range."""
        converted = own_converter().reformat(
            self.picture(),
            format="gbrp",
            src_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG,
            interpolation=EXACT,
        )
        return interleaved(converted)

    def half(self) -> np.ndarray:
        """(H / 2, W / 2, 3) uint8: RGB where colour is stored, of the mean of its brightness.

        >>> planes = Planes.empty(4, 4)
        >>> planes.y[:], planes.u[:], planes.v[:] = 235, 128, 128
        >>> planes.half()[0, 0].tolist()
        [255, 255, 255]
        """
        y = cv2.resize(self.y, self.u.shape[::-1], interpolation=cv2.INTER_AREA)
        shift = -_TO_RGB @ (BLACK, NEUTRAL, NEUTRAL)
        return cv2.transform(cv2.merge([y, self.u, self.v]), np.column_stack([_TO_RGB, shift]))


class PlanarFrame(Frame):
    """A frame of 4:2:0 video, whose RGB is made when it is asked for.

    Args:
        planes: as it is stored. time, duration: see `Frame`.
        decoded: makes the RGB of a frame that was read, by all that its file says; None: it is made
            of the planes.
    """

    planes: Planes
    _decoded: Callable[[], np.ndarray]

    def __init__(
        self,
        planes: Planes,
        time: Fraction,
        duration: Fraction | None = None,
        decoded: Callable[[], np.ndarray] | None = None,
    ) -> None:
        given = {"planes": planes, "time": time, "duration": duration}
        for name, value in {**given, "_decoded": decoded or planes.rgb}.items():
            object.__setattr__(self, name, value)

    @functools.cached_property
    def image(self) -> np.ndarray:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._decoded()

    def with_planes(self, planes: Planes) -> PlanarFrame:
        """The same moment with other pixels."""
        return PlanarFrame(planes, self.time, self.duration)

    def at_least(self, height: int, width: int) -> np.ndarray:
        h, w, _ = self.planes.shape
        return self.planes.half() if h >= 4 * height and w >= 4 * width else self.image

    @property
    def nbytes(self) -> int:
        return self.planes.nbytes


def interleaved(planar: av.VideoFrame) -> np.ndarray:
    """(H, W, 3 or 4) of a frame in planes of RGB, 8 bits; PyAV takes longer."""
    codes = ((plane, np.frombuffer(memoryview(plane), np.uint8)) for plane in planar.planes)
    green, blue, red, *alpha = (
        rows.reshape(plane.height, plane.line_size)[:, : plane.width] for plane, rows in codes
    )
    return cv2.merge((red, green, blue, *alpha))


def are_usual(picture: av.VideoFrame, look: Look) -> bool:
    """Are a decoded frame's planes those of `Planes`?"""
    size = picture.width, picture.height
    return (
        picture.format.name == FORM
        and look.matrix == Colorspace.ITU709
        and look.interpolation == EXACT
        and size == (look.width, look.height)
        and picture.planes[0].line_size >= picture.width  # not from the bottom up
        and not (look.full_range or look.is_converted or size[0] % 2 or size[1] % 2)
    )


def brightest(planes: Planes, axis: int) -> np.ndarray:
    """Of each row (axis 1) or column (0): no channel of its RGB is above that, in codes."""
    y = planes.y.max(axis=axis).astype(np.float32)
    tints = [np.abs(x.astype(np.int16) - NEUTRAL).max(axis=axis) for x in (planes.u, planes.v)]
    most = _TO_RGB[2, 1] * tints[0], _TO_RGB[0, 2] * tints[1]
    return _LUMA * (y - BLACK) + np.repeat(np.maximum(*most), 2)
