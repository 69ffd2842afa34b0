"""One picture -> the bytes of a TIFF file, with its tags: tifffile writes the pixels, and EXIF,
which it can't, is put into the finished file.
"""

from __future__ import annotations

import io
import struct
from typing import BinaryIO

import numpy as np
import tifffile
from PIL import Image

from relight.media.png import is_grey
from relight.media.tags import Tags

_ENTRY_BYTES = 12


def tiff(image: np.ndarray, alpha: np.ndarray | None, grey: bool, tags: Tags) -> bytes:
    """(H, W, 3) uint8 or uint16, and its alpha, compressed losslessly (deflate)."""
    extra = []
    # Pillow, and what is built on it, can't open grey with transparency at 16 bits.
    one = grey and is_grey(image) and (alpha is None or image.dtype == np.uint8)
    array = image[..., 0] if one else image
    if alpha is not None:
        array = np.dstack([array, alpha])
    if tags.xmp:
        extra.append((700, "B", len(tags.xmp), tags.xmp, True))
    if tags.iptc:
        extra.append((33723, "B", len(tags.iptc), tags.iptc, True))
    data = io.BytesIO()
    tifffile.imwrite(
        data,
        np.ascontiguousarray(array),
        byteorder="<",
        photometric="minisblack" if one else "rgb",
        planarconfig="contig",  # two channels could be two pictures, else
        compression="adobe_deflate",
        predictor=False,
        extrasamples=["unassalpha"] if alpha is not None else None,
        resolution=tags.dpi,
        resolutionunit="INCH" if tags.dpi else None,
        iccprofile=tags.srgb or None,
        extratags=extra,
        metadata=None,
        software=False,
    )
    if tags.exif:
        add_exif(data, tags.exif)
    return data.getvalue()


def add_exif(file: BinaryIO, exif: bytes) -> None:
    """Put the tags of an EXIF block into a little-endian TIFF file, in place.

    An EXIF block is a TIFF directory itself, with others inside (camera, place). It is written
    behind the file, for that place, and the file's own directory is written once more behind it,
    with the new tags; offsets count from the beginning of a file, so that all others stay right.
    """
    block = Image.Exif()
    block.load(b"Exif\0\0" + exif)
    block.endian = "<"
    place = file.seek(0, io.SEEK_END)
    place += file.write(b"\0" * (place % 2))
    added = block.tobytes(place)[len(b"Exif\0\0II*\0....") :]
    file.seek(4)
    file.seek(struct.unpack("<I", file.read(4))[0])
    own = file.read(2)
    own += file.read(_ENTRY_BYTES * struct.unpack("<H", own)[0])
    merged = _entries(added) | _entries(own)
    directory = struct.pack("<H", len(merged)) + b"".join(merged[tag] for tag in sorted(merged))
    added += b"\0" * (len(added) % 2)
    file.seek(place)
    file.write(added + directory + bytes(4))  # no other directory follows
    file.seek(4)
    file.write(struct.pack("<I", place + len(added)))


def _entries(directory: bytes) -> dict[int, bytes]:
    """The entries of a directory by their tags."""
    count = struct.unpack_from("<H", directory)[0]
    found = [directory[2 + _ENTRY_BYTES * i :][:_ENTRY_BYTES] for i in range(count)]
    return {struct.unpack_from("<H", entry)[0]: entry for entry in found}
