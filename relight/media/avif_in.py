"""AVIF pictures at more than 8 bits: Pillow gives 8 of them, dav1d (in PyAV) all."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange

from relight.media.clip import PIXEL_LIMIT, check_size
from relight.media.items import Item, Items, items_of
from relight.media.look import EXACT, matrix_of
from relight.media.pictures_in import Pixels, straight
from relight.media.pixels import DEEP

_ALPHA = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"
_UNKNOWN = 2  # of a matrix, in H.273
_MOST_TILES = 1024


def bits_of(path: Path) -> int:
    """Bits a channel of an AVIF file's picture: 8, 10 or 12; 8 where it doesn't say."""
    found = items_of(path)
    main = found.items.get(found.primary) if found else None
    if found is None or main is None:
        return 8
    tiles = [found.items[n] for n in main.links.get("dimg", ()) if n in found.items]
    for item in (main, *tiles[:1]):
        coded = item.property("av1C")
        if coded and len(coded) > 2 and coded[2] & 0x40:
            return 12 if coded[2] & 0x20 else 10
    return 8


def read_deep(path: Path) -> Pixels:
    """The picture of an AVIF file as uint16, whole, as it is stored: not turned.

    Raises ValueError, or what FFmpeg raises, for a damaged file.
    """
    found = items_of(path)
    if found is None or found.primary not in found.items:
        raise ValueError("its items can't be read")
    main = found.items[found.primary]
    image = _assembled(found, main, path, False)
    masks = (i for i in found.of("auxl", main.number) if _ALPHA in (i.property("auxC") or b""))
    if (mask := next(masks, None)) is None:
        return Pixels(image)
    alpha = _assembled(found, mask, path, True)
    if alpha.shape != image.shape[:2]:
        raise ValueError("its transparency is of another size")
    if mask.number in main.links.get("prem", ()):
        image = straight(image, alpha)
    return Pixels(image, alpha)


def _assembled(found: Items, item: Item, path: Path, is_alpha: bool) -> np.ndarray:
    """(h, w, 3), or (h, w) of a mask: the item, or the grid of tiles that it is."""
    if item.kind != "grid":
        return _decoded(found, item, item, is_alpha)
    data = found.content(item)
    rows, columns = data[2] + 1, data[3] + 1
    width, height = struct.unpack_from(">II" if data[1] & 1 else ">HH", data, 4)
    check_size(path, width, height)
    tiles = [found.items[number] for number in item.links.get("dimg", ())]
    if len(tiles) != rows * columns or len(tiles) > _MOST_TILES:
        raise ValueError(f"a grid of {rows} x {columns} has {len(tiles)} tiles")
    made = [_decoded(found, tile, item, is_alpha) for tile in tiles]
    lines = [np.concatenate(made[i : i + columns], 1) for i in range(0, len(made), columns)]
    return np.ascontiguousarray(np.concatenate(lines)[:height, :width])


def _decoded(found: Items, item: Item, whole: Item, is_alpha: bool) -> np.ndarray:
    """The pixels of an AV1 item. whole: the picture it is a part of, whose colours count."""
    context = av.CodecContext.create("libdav1d", "r")
    assert isinstance(context, av.VideoCodecContext)
    context.options = {"max_pixels": str(PIXEL_LIMIT)}
    data = found.content(item)
    if item.kind != "av01" or not data:
        raise ValueError(f"a picture is stored as {item.kind!r}")
    frame = next(iter([*context.decode(av.Packet(data)), *context.decode(None)]))
    if is_alpha:
        return _levels(frame)
    matrix, is_full = frame.colorspace, frame.color_range == 2
    content = whole.property("colr") or item.property("colr") or b""
    if content[:4] == b"nclx" and len(content) >= 11:
        named = int.from_bytes(content[8:10], "big")
        matrix, is_full = matrix if named == _UNKNOWN else named, bool(content[10] & 0x80)
    return frame.reformat(
        format=DEEP,
        src_colorspace=matrix_of(matrix),
        src_color_range=ColorRange.JPEG if is_full else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        interpolation=EXACT,
    ).to_ndarray()


def _levels(frame: av.VideoFrame) -> np.ndarray:
    """The first plane as (h, w) uint16 of the full range."""
    bits, plane = frame.format.components[0].bits, frame.planes[0]
    values = np.frombuffer(bytes(plane), np.uint8 if bits == 8 else "<u2")
    values = values.reshape(plane.height, -1)[:, : plane.width].astype(np.float32)
    top = (1 << bits) - 1
    if frame.color_range == 1:  # limited
        scale = 1 << (bits - 8)
        values = (values - 16 * scale) * np.float32(top / (219 * scale))
    return (values.clip(0, top) * np.float32(65535 / top) + 0.5).astype(np.uint16)
