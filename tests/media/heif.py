"""HEIC and AVIF files made box by box (ISO 23008-12) around pictures that FFmpeg encodes."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from relight.media.scheduling import ordinary_threads


def _box(name, *parts):
    body = b"".join(parts)
    return struct.pack(">I4s", len(body) + 8, name) + body


def _full(name, version, flags, *parts):
    return _box(name, struct.pack(">I", version << 24 | flags), *parts)


# kind of item: encoder, its options, the box of its settings, the brand of the file
_CODERS = {
    b"hvc1": ("libx265", {"x265-params": "log-level=none", "crf": "4"}, b"hvcC", b"heic"),
    b"av01": ("libsvtav1", {"crf": "4", "preset": "10"}, b"av1C", b"avif"),
}


def _coded(image, kind):
    """(settings, the frame's bytes) of an intra-coded picture; uint16: at 10 bits."""
    deep = image.dtype == np.uint16
    form, stored = ("rgb48le", "yuv420p10le") if deep else ("rgb24", "yuv420p")
    encoder, options, *_ = _CODERS[kind]
    with ordinary_threads(), av.open("part.mp4", "w") as out:
        stream = out.add_stream(encoder, rate=25, options=options)
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


def auxiliary(name):
    """The box that says what an auxiliary picture is."""
    return _full(b"auxC", 0, 0, name.encode() + b"\0")


def heic(path, image, columns=1, rows=1, more=(), beside=(), kind=b"hvc1"):
    """Write (H, W, 3) as a HEIC file, as one picture or as a grid of tiles, as phones do.

    more: boxes that describe the whole picture. beside: (how it is linked to the picture, boxes
    that describe it, (h, w, 3) or None for the picture itself) of pictures that are no part of it.
    kind: b"av01" makes an AVIF file.
    """
    height, width = image.shape[0] // rows, image.shape[1] // columns
    tiles = [
        _coded(np.ascontiguousarray(image[y * height :, x * width :][:height, :width]), kind)
        for y in range(rows)
        for x in range(columns)
    ]
    count, grid = len(tiles), len(tiles) > 1
    datas = [data for _, data in tiles]
    if grid:
        datas.append(struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, *image.shape[1::-1]))
    primary = len(datas)
    others = [_coded(other, kind) if other is not None else tiles[0] for _, _, other in beside]
    datas += [data for _, data in others]
    kinds = [kind] * count + [b"grid"] * grid + [kind] * len(others)
    flags = [int(grid)] * count + [0] * (grid + len(others))  # tiles are hidden
    infos = [
        _full(b"infe", 2, flag, struct.pack(">HH4sx", i + 1, 0, k))
        for i, (k, flag) in enumerate(zip(kinds, flags, strict=True))
    ]
    _, _, setting, brand = _CODERS[kind]
    properties = [
        _box(setting, tiles[0][0]),
        _full(b"ispe", 0, 0, struct.pack(">II", width, height)),
        _full(b"ispe", 0, 0, struct.pack(">II", *image.shape[1::-1])),
        *more,
    ]
    described = [[0x81, 2]] * count + [[3]] * grid
    described[-1] = described[-1] + [0x80 | (3 + 1 + i) for i in range(len(more))]
    for (coded, _), (_, boxes, other) in zip(others, beside, strict=True):
        size = image.shape[1::-1] if other is None else other.shape[1::-1]
        own = [_box(setting, coded), _full(b"ispe", 0, 0, struct.pack(">II", *size)), *boxes]
        described.append([len(properties) + 1 + i for i in range(len(own))])
        properties += own
    links = [struct.pack(">HB", i + 1, len(d)) + bytes(d) for i, d in enumerate(described)]
    parts = [
        _full(b"hdlr", 0, 0, struct.pack(">I4s12xx", 0, b"pict")),
        _full(b"pitm", 0, 0, struct.pack(">H", primary)),
        _full(b"iinf", 0, 0, struct.pack(">H", len(kinds)), *infos),
        _box(
            b"iprp",
            _box(b"ipco", *properties),
            _full(b"ipma", 0, 0, struct.pack(">I", len(links)), *links),
        ),
    ]
    refers = []
    if grid:
        tile_ids = struct.pack(f">HH{count}H", primary, count, *range(1, count + 1))
        refers.append(_box(b"dimg", tile_ids))
    for number, (link, _, _) in enumerate(beside, primary + 1):
        if link:
            refers.append(_box(link, struct.pack(">HHH", number, 1, primary)))
    if refers:
        parts.append(_full(b"iref", 0, 0, *refers))
    head = _box(b"ftyp", brand, bytes(4), b"mif1", brand)

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
