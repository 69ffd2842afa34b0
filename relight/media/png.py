"""PNG at 8 and 16 bits with its tags, and animated PNG written frame by frame.

Source: Portable Network Graphics, third edition (W3C 2025): chunks, APNG.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from fractions import Fraction
from typing import BinaryIO

import numpy as np

from relight.media.tags import Tags

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_INCH_METRES = 0.0254
_GREY, _RGB, _GREY_ALPHA, _RGBA = 0, 2, 4, 6  # colour types
_SUB = 1  # a filter
_LEVEL = 1  # of zlib: with Z_RLE others pack no better
_ROWS_BYTES = 2**20  # packed at a time


def png(image: np.ndarray, alpha: np.ndarray | None, grey: bool, tags: Tags) -> bytearray:
    """(H, W, 3) uint8 or uint16 and its alpha -> a PNG file.

    grey: one channel of colour, where all three are equal.
    """
    grey = grey and is_grey(image)
    colours = (_GREY, _GREY_ALPHA) if grey else (_RGB, _RGBA)
    made = bytearray(_head(image, colours[alpha is not None]))
    for chunk in _tag_chunks(tags):
        made += chunk
    for part in _packed(image, alpha, grey):  # one by one: files are large
        made += _chunk(b"IDAT", part)
    made += _chunk(b"IEND", b"")
    return made


def _head(image: np.ndarray, colour: int) -> bytes:
    """The signature and the first chunk."""
    height, width = image.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 8 * image.itemsize, colour, 0, 0, 0)
    return _SIGNATURE + _chunk(b"IHDR", header)


def _packed(image: np.ndarray, alpha: np.ndarray | None, grey: bool) -> Iterator[bytes]:
    """The bodies of the image's chunks, some rows at a time: pictures are large."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, 15, 9, zlib.Z_RLE)
    step = max(_ROWS_BYTES // image[:1].nbytes, 1)
    for top in range(0, len(image), step):
        rows = image[top : top + step]
        if grey:
            rows = rows[..., :1]
        if alpha is not None:
            rows = np.dstack([rows, alpha[top : top + step]])
        part = packer.compress(_differences(rows).data)
        if part:
            yield part
    yield packer.flush()


def _differences(rows: np.ndarray) -> np.ndarray:
    """(n, w, channels) uint8 or uint16 -> the bytes of their rows, each less the pixel before it.

    The filter Sub (chapter 9), whose number begins each row.
    """
    count, _, channels = rows.shape
    pixel = channels * rows.itemsize
    codes = np.ascontiguousarray(rows, rows.dtype.newbyteorder(">")).view(np.uint8)
    codes = codes.reshape(count, -1)
    made = np.empty((count, 1 + codes.shape[1]), np.uint8)
    made[:, 0] = _SUB
    made[:, 1 : 1 + pixel] = codes[:, :pixel]
    np.subtract(codes[:, pixel:], codes[:, :-pixel], out=made[:, 1 + pixel :])
    return made


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
        alpha = alpha if self._has_alpha else None
        if not self._frames:
            self._file.write(_head(image, _RGBA if self._has_alpha else _RGB))
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
        for part in _packed(image, alpha, False):
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
