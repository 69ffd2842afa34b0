"""What a picture's file holds beside its picture and nothing here keeps, in words."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from relight.media.items import Item, Items, items_of

_AUXILIARY = (  # how the names of auxiliary pictures (HEIF) end, and what they are
    ("hdrgainmap", "a gain map"),
    ("depth", "a depth map"),
    ("auxid:2", "a depth map"),
    ("disparity", "a depth map"),
    ("portraiteffectsmatte", "a matte of the person"),
    ("skinmatte", "a matte of skin"),
    ("hairmatte", "a matte of hair"),
    ("teethmatte", "a matte of teeth"),
    ("glassesmatte", "a matte of glasses"),
    ("skymatte", "a matte of the sky"),
)
_ALPHA = ("auxiliary:alpha", "auxid:1")
_DATA = {"Exif": "", "mime": "", "uri ": "data"}  # tags are kept, or named, by themselves
_ANOTHER = "another picture"
_VIDEO_BRANDS = {b"mp42", b"isom", b"mp41", b"qt  ", b"iso2", b"iso5", b"avc1"}
_EXR_SHOWN = {"R", "G", "B", "A", "Y", "RY", "BY"}
_RAW = 50706  # a tag of digital negatives, their version
_SUB_FILES, _LAYERS, _KIND = 330, 37724, 254  # TIFF tags
_MAPS = {33550, 33922, 34264, 34735, 34736, 34737}  # where a GeoTIFF lies on the Earth


def notes_of(path: Path, kind: str, image: Image.Image | None = None) -> list[str]:
    """A note that names all of it; none where the file holds nothing else.

    image: the file as Pillow has opened it, for kinds that Pillow reads.
    """
    found: Iterable[str] = ()
    if kind in ("HEIF", "AVIF"):
        found = _of_items(path)
    elif kind == "JPEG" and image is not None:
        found = _of_jpeg(path, image)
    elif kind == "EXR":
        found = _of_exr(path)
    return note(found)


def note(names: Iterable[str]) -> list[str]:
    """One note of what is left out, equal names counted.

    >>> note(["a depth map", "a preview", "a preview"])
    ['its file also holds a depth map and 2 previews, left out']
    """
    counted = [_many(name, count) for name, count in Counter(names).items()]
    if not counted:
        return []
    *rest, last = counted
    named = f"{', '.join(rest)} and {last}" if rest else last
    return [f"its file also holds {named}, left out"]


def _many(name: str, count: int) -> str:
    if count == 1:
        return name
    if name == _ANOTHER:
        return f"{count} more pictures"
    head, *tail = name.removeprefix("a ").removeprefix("an ").split(" of ")
    return " of ".join([f"{count} {head}s", *tail])


def _of_items(path: Path) -> Iterator[str]:
    found = items_of(path)
    if found is None or found.primary not in found.items:
        return
    for item in found.items.values():
        if item.number != found.primary and (name := _role(found, item)):
            yield name
    if found.moves and _brand(path) not in (b"avis", b"msf1", b"hevc", b"hevx"):
        yield "a sequence of pictures"


def _brand(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(12)[8:]


def _role(found: Items, item: Item) -> str:
    """What an item is to the picture; "" for its own tiles, transparency and tags."""
    if "auxl" in item.links:
        name = (item.property("auxC") or b"")[4:].split(b"\0")[0].decode("latin-1")
        if name.endswith(_ALPHA):
            return ""
        return next((is_ for end, is_ in _AUXILIARY if name.endswith(end)), "an auxiliary picture")
    if "thmb" in item.links:
        return "a thumbnail"
    if item.kind == "tmap":
        return "a gain map"
    if item.kind in _DATA or "cdsc" in item.links:
        return _DATA.get(item.kind, "")
    is_part = item.hidden or found.of("dimg", item.number)
    return "" if is_part else _ANOTHER


def _of_jpeg(path: Path, image: Image.Image) -> Iterator[str]:
    with path.open("rb") as file:
        head = file.read(1 << 18)
    more = Counter(_kinds_of_mpo(image))
    if b"ns.adobe.com/hdr-gain-map" in head or b"hdrgm:Version" in head:
        more[_ANOTHER] -= 1  # it is one of them
        yield "a gain map"
    if b"google.com/photos/1.0/depthmap" in head or b"/1.0/dynamicdepth" in head:
        yield "a depth map"
    yield from more.elements()
    if holds_video(path):
        yield "a video (a motion photo)"


def _kinds_of_mpo(image: Image.Image) -> list[str]:
    """The pictures behind the first one of a JPEG, by what their index (MPF) says."""
    entries = (getattr(image, "mpinfo", None) or {}).get(0xB002, ())[1:]
    kinds = [str(entry["Attribute"]["MPType"]) for entry in entries]
    return ["a preview" if "Thumbnail" in kind else _ANOTHER for kind in kinds]


def holds_video(path: Path) -> bool:
    """Is a video stored behind the picture? It ends the file, so its beginning is found late."""
    with path.open("rb") as file:
        head = file.read(1 << 16)
        if b"MotionPhoto" in head or b"MicroVideo" in head or b"MotionPhoto_Data" in head:
            return True
        if not head.startswith(b"\xff\xd8"):
            return False
        data = head + file.read()
    end = data.rfind(b"\xff\xd9")
    boxes = data.find(b"ftyp", 0 if end < 0 else data.find(b"\xff\xd9"))
    return boxes > 0 and data[boxes + 4 : boxes + 8] in _VIDEO_BRANDS


def of_tiff(tags: Mapping[int, Any], pages: int, channels: int) -> list[str]:
    """What a TIFF file holds beside its first page.

    tags: of that page. pages: 2 where there are more. channels: beyond colour and transparency.
    """
    found = ["a smaller or partial picture"] * _numbers(tags.get(_SUB_FILES))
    found += ["layers"] * (_LAYERS in tags) + ["more pages"] * (pages > 1)
    found += ["an unshown channel"] * channels
    return found + ["a place on the map (GeoTIFF)"] * bool(_MAPS & set(tags))


def is_raw(tags: Mapping[int, Any]) -> bool:
    """Is a TIFF file the raw data of a camera, and its first page a preview only?"""
    is_preview = int(tags.get(_KIND, 0)) & 1 and _SUB_FILES in tags
    return _RAW in tags or bool(is_preview)


def _numbers(value: object) -> int:
    return len(value) if isinstance(value, tuple) else int(value is not None)


def _of_exr(path: Path) -> Iterator[str]:
    """Channels and layers that are no colour: depth, normals, masks."""
    with path.open("rb") as file:
        head = file.read(1 << 16)
    at = head.find(b"channels\0chlist\0") + 16
    if at < 16:
        return
    end = at + 4 + struct.unpack_from("<I", head, at)[0]
    at += 4
    while at < min(end, len(head)) - 1:
        stop = head.index(b"\0", at)
        name = head[at:stop].decode("latin-1")
        if name not in _EXR_SHOWN:
            yield f"the channel {name[:30]}"
        at = stop + 17
