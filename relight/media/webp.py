"""Animated WebP written frame by frame: each frame is a WebP of its own, packed into one file.

Source: WebP Container Specification (RIFF chunks VP8X, ANIM, ANMF).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from fractions import Fraction
from typing import BinaryIO

from PIL import Image

from relight.media.tags import Tags

_ANIMATION, _XMP, _EXIF, _ALPHA, _ICC = 0x02, 0x04, 0x08, 0x10, 0x20
_NO_BLEND = 0x02  # a frame replaces what was there


class AnimatedWebp:
    """An animated WebP. plays: 0 for ever."""

    def __init__(
        self, file: BinaryIO, size: tuple[int, int], plays: int, has_alpha: bool, tags: Tags
    ) -> None:
        self._file, self._size, self._tags = file, size, tags
        flags = _ANIMATION | (_ALPHA if has_alpha else 0) | (_ICC if tags.srgb else 0)
        flags |= (_EXIF if tags.exif else 0) | (_XMP if tags.xmp else 0)
        file.write(b"RIFF\0\0\0\0WEBP")
        file.write(_chunk(b"VP8X", bytes([flags, 0, 0, 0]) + _canvas(size)))
        if tags.srgb:
            file.write(_chunk(b"ICCP", tags.srgb))
        file.write(_chunk(b"ANIM", struct.pack("<IH", 0, min(plays, 65535))))

    def add(self, image: Image.Image, duration: Fraction, **settings: int | bool) -> None:
        """Append a whole frame, shown for `duration` seconds (to 1/1000)."""
        data = io.BytesIO()
        image.save(data, format="WEBP", **settings)
        time = min(round(duration * 1000), 0xFFFFFF)
        head = bytes(6) + _canvas(self._size) + time.to_bytes(3, "little") + bytes([_NO_BLEND])
        pixels = b"".join(_pixel_chunks(data.getvalue()))
        self._file.write(_chunk(b"ANMF", head + pixels))

    def finish(self) -> None:
        """Write the tags, and the file's size into its beginning."""
        for name, data in ((b"EXIF", self._tags.exif), (b"XMP ", self._tags.xmp)):
            if data:
                self._file.write(_chunk(name, data))
        size = self._file.tell()
        self._file.seek(4)
        self._file.write(struct.pack("<I", size - 8))


def _canvas(size: tuple[int, int]) -> bytes:
    return b"".join((side - 1).to_bytes(3, "little") for side in size)


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _pixel_chunks(data: bytes) -> Iterator[bytes]:
    """The chunks of a WebP file that hold its pixels and transparency."""
    at = 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        end = at + 8 + size + size % 2
        if name in (b"VP8 ", b"VP8L", b"ALPH"):
            yield data[at:end]
        at = end
