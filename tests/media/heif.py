"""HEIC files made box by box (ISO 23008-12) around a picture that libx265 encodes."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def _box(name, *parts):
    body = b"".join(parts)
    return struct.pack(">I4s", len(body) + 8, name) + body


def _full(name, version, flags, *parts):
    return _box(name, struct.pack(">I", version << 24 | flags), *parts)


def _hevc(image):
    """(hvcC, the frame's bytes) of an intra-coded picture; uint16: at 10 bits."""
    deep = image.dtype == np.uint16
    form, stored = ("rgb48le", "yuv420p10le") if deep else ("rgb24", "yuv420p")
    with av.open("part.mp4", "w") as out:
        options = {"x265-params": "log-level=none", "crf": "4"}
        stream = out.add_stream("libx265", rate=25, options=options)
        stream.height, stream.width = image.shape[:2]
        stream.pix_fmt, stream.codec_context.time_base = stored, Fraction(1, 25)
        frame = av.VideoFrame.from_ndarray(image, form).reformat(format=stored)
        frame.pts = 0
        for packet in stream.encode(frame) + stream.encode(None):
            packet.pts = packet.dts = 0  # x265 leaves the second unset for a single frame
            out.mux(packet)
    with av.open("part.mp4") as container:
        stream = container.streams.video[0]
        found = stream.codec_context.extradata, next(bytes(p) for p in container.demux() if p.size)
    Path("part.mp4").unlink()
    return found


def nclx(primaries, transfer, matrix):
    """The box with the code points of the colours."""
    return _box(b"colr", b"nclx", struct.pack(">HHHB", primaries, transfer, matrix, 0))


def turned(quarters):
    """The box that turns the picture counter-clockwise."""
    return _box(b"irot", bytes([quarters]))


def heic(path, image, columns=1, rows=1, more=()):
    """Write (H, W, 3) as a HEIC file, as one picture or as a grid of tiles, as phones do.

    more: boxes that describe the whole picture.
    """
    height, width = image.shape[0] // rows, image.shape[1] // columns
    tiles = [
        _hevc(np.ascontiguousarray(image[y * height :, x * width :][:height, :width]))
        for y in range(rows)
        for x in range(columns)
    ]
    count, grid = len(tiles), len(tiles) > 1
    datas = [data for _, data in tiles]
    if grid:
        datas.append(struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, *image.shape[1::-1]))
    kinds = [b"hvc1"] * count + [b"grid"] * grid
    infos = [_full(b"infe", 2, 0, struct.pack(">HH4sx", i + 1, 0, k)) for i, k in enumerate(kinds)]
    properties = [
        _box(b"hvcC", tiles[0][0]),
        _full(b"ispe", 0, 0, struct.pack(">II", width, height)),
        _full(b"ispe", 0, 0, struct.pack(">II", *image.shape[1::-1])),
        *more,
    ]
    own = [3 + 1 + i for i in range(len(more))]
    described = [[0x81, 2]] * count + [[3]] * grid
    described[-1] = described[-1] + own
    links = [struct.pack(">HB", i + 1, len(d)) + bytes(d) for i, d in enumerate(described)]
    parts = [
        _full(b"hdlr", 0, 0, struct.pack(">I4s12xx", 0, b"pict")),
        _full(b"pitm", 0, 0, struct.pack(">H", len(kinds))),
        _full(b"iinf", 0, 0, struct.pack(">H", len(kinds)), *infos),
        _box(
            b"iprp",
            _box(b"ipco", *properties),
            _full(b"ipma", 0, 0, struct.pack(">I", len(links)), *links),
        ),
    ]
    if grid:
        tile_ids = struct.pack(f">HH{count}H", count + 1, count, *range(1, count + 1))
        parts.append(_full(b"iref", 0, 0, _box(b"dimg", tile_ids)))
    head = _box(b"ftyp", b"heic\0\0\0\0mif1heic")

    def meta(at):
        places = b""
        for i, data in enumerate(datas):
            places += struct.pack(">HHHII", i + 1, 0, 1, at, len(data))
            at += len(data)
        where = _full(b"iloc", 0, 0, struct.pack(">BBH", 0x44, 0, len(datas)), places)
        return _full(b"meta", 0, 0, *parts, where)

    begin = len(head) + len(meta(0)) + 8
    Path(path).write_bytes(head + meta(begin) + _box(b"mdat", *datas))
    return path
