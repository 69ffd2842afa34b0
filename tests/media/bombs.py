"""Small files that declare a lot."""

import struct
import zlib


def gif_of(frames, side):
    """A GIF of side x side pixels whose frames store one pixel each."""
    head = b"GIF89a" + struct.pack("<HHBBB", side, side, 0x80, 0, 0) + bytes(6)
    frame = b"!\xf9\x04\0\x05\0\0\0," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02D\x01\0"
    return head + frame * frames + b";"


def _chunk(name, data):
    body = name + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def apng_of(frames, side=8):
    """An animated PNG of many small frames, 1/25 s each."""
    pixels = zlib.compress(bytes((3 * side + 1) * side))
    parts = [
        b"\x89PNG\r\n\x1a\n",
        _chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)),
    ]
    parts.append(_chunk(b"acTL", struct.pack(">II", frames, 0)))
    number = 0
    for index in range(frames):
        parts.append(
            _chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, side, side, 0, 0, 1, 25, 0, 0))
        )
        if index:
            parts.append(_chunk(b"fdAT", struct.pack(">I", number + 1) + pixels))
        else:
            parts.append(_chunk(b"IDAT", pixels))
        number += 2 if index else 1
    return b"".join(parts) + _chunk(b"IEND", b"")
