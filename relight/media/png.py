"""PNG at 8 and 16 bits with its tags, and animated PNG written frame by frame.

Source: Portable Network Graphics, third edition (W3C 2025): chunks, APNG.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from fractions import Fraction
from typing import BinaryIO

import cv2
import numpy as np

from relight.media.tags import Tags

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_INCH_METRES = 0.0254


def png(image: np.ndarray, alpha: np.ndarray | None, grey: bool, tags: Tags) -> bytes:
    """(H, W, 3) uint8 or uint16 and its alpha -> a PNG file.

    grey: one channel, where all three are equal.
    """
    data = _encoded(image, alpha, grey)
    return b"".join([data[:33], *_tag_chunks(tags), data[33:]])  # after the header


def _encoded(image: np.ndarray, alpha: np.ndarray | None, grey: bool) -> memoryview:
    if alpha is not None:
        image = np.dstack([image[..., ::-1], alpha])
    elif grey and is_grey(image):
        image = image[..., 0]
    else:
        image = image[..., ::-1]
    done, data = cv2.imencode(".png", np.ascontiguousarray(image))
    if not done:
        raise OSError("the PNG encoder failed")
    return data.data.cast("B")  # files are large: no copy


def is_grey(image: np.ndarray) -> bool:
    """Are the channels of (H, W, 3) equal?"""
    first = image[..., 0]
    return np.array_equal(first, image[..., 1]) and np.array_equal(first, image[..., 2])


def _chunk(name: bytes, data: bytes | memoryview) -> bytes:
    body = name + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def _tag_chunks(tags: Tags) -> Iterator[bytes]:
    if tags.srgb:
        yield _chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(tags.srgb))
    if tags.dpi:
        across, down = (round(x / _INCH_METRES) for x in tags.dpi)
        yield _chunk(b"pHYs", struct.pack(">IIB", across, down, 1))
    if tags.exif:
        yield _chunk(b"eXIf", tags.exif)
    if tags.xmp:
        yield _chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + tags.xmp)
    for name, text in tags.texts.items():
        key = name.encode("latin-1", errors="replace")[:79]
        yield _chunk(b"iTXt", key + b"\0\0\0\0\0" + text.encode())


class Apng:
    """An animated PNG, frame by frame; all frames are whole, of one kind (RGB or RGBA)."""

    def __init__(self, file: BinaryIO, plays: int, has_alpha: bool, tags: Tags) -> None:
        self._file, self._plays, self._has_alpha, self._tags = file, plays, has_alpha, tags
        self._frames = self._number = 0

    def add(self, image: np.ndarray, alpha: np.ndarray | None, duration: Fraction) -> None:
        """Append a frame that is shown for `duration` seconds (to 1/1000, or exactly)."""
        if self._has_alpha and alpha is None:
            alpha = np.full(image.shape[:2], np.iinfo(image.dtype).max, image.dtype)
        data = _encoded(image, alpha if self._has_alpha else None, False)
        if not self._frames:
            self._file.write(data[:33])
            self._control_at = self._file.tell()
            self._file.write(self._control())
            self._file.write(b"".join(_tag_chunks(self._tags)))
        height, width = image.shape[:2]
        time = duration.limit_denominator(1000)
        if time.numerator > 65535:
            time = Fraction(min(round(duration), 65535))
        place = struct.pack(
            ">IIIIIHHBB", self._next(), width, height, 0, 0, *time.as_integer_ratio(), 0, 0
        )
        self._file.write(_chunk(b"fcTL", place))
        for part in _image_data(data):
            if self._frames:
                self._file.write(_chunk(b"fdAT", struct.pack(">I", self._next()) + part))
            else:
                self._file.write(_chunk(b"IDAT", part))
        self._frames += 1

    def finish(self) -> None:
        """Write the end, and the number of frames into the beginning."""
        self._file.write(_chunk(b"IEND", b""))
        self._file.seek(self._control_at)
        self._file.write(self._control())

    def _control(self) -> bytes:
        return _chunk(b"acTL", struct.pack(">II", self._frames, self._plays))

    def _next(self) -> int:
        self._number += 1
        return self._number - 1


def _image_data(data: memoryview) -> Iterator[memoryview]:
    """The bodies of the IDAT chunks of a PNG file."""
    at = len(_SIGNATURE)
    while at + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        if name == b"IDAT":
            yield data[at + 8 : at + 8 + size]
        at += size + 12
