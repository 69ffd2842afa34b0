"""What a photograph's file says about it: EXIF, XMP, IPTC, resolution; read, cleaned, passed on."""

from __future__ import annotations

import re
import struct
import warnings
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from PIL import Image, ImageCms, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from relight.media.heif_in import register
from relight.media.options import Encoding
from relight.media.stills import kind_of
from relight.media.tiff_in import tags_of_tiff

_ORIENTATION, _GPS, _PIXELS, _EXIF = 0x0112, 0x8825, (0xA002, 0xA003), 0x8769
_OF_THE_FILE = {  # TIFF tags of how the old file stored its pixels
    *(0x0100, 0x0101, 0x0102, 0x0103, 0x0106, 0x0111, 0x0115, 0x0116, 0x0117, 0x011C, 0x013D),
    *(0x0140, 0x0142, 0x0143, 0x0144, 0x0145, 0x0152, 0x0153, 0x02BC, 0x83BB, 0x8649, 0x8773),
    *(0x00FE, 0x00FF, 0x0107, 0x010A, 0x0118, 0x0119, 0x0129, 0x014A, 0x014C, 0x014D, 0x014E),
    *(0x0150, 0x0154, 0x0155, 0x015B, 0x0200, 0x0201, 0x0202, 0x0207, 0x0208, 0x0209, 0x0211),
    *(0x0212, 0x0213, 0x0214, 0x935C, 0xC4A5),
    *(0x830E, 0x8482, 0x85D8, 0x87AF, 0x87B0, 0x87B1),  # a map's scale, which enlarging changes
}
_PLACES = rb"exif:GPS\w+|photoshop:(?:City|State|Country)|Iptc4xmpCore:(?:Location|CountryCode)"
_XMP_PLACE = re.compile(
    rb"""\s+(?:%b)=("[^"]*"|'[^']*')|<(?P<tag>%b)[^>]*>.*?</(?P=tag)>""" % (_PLACES, _PLACES),
    re.DOTALL,
)
_IPTC_PLACES = {90, 92, 95, 100, 101}  # city, part of it, state, code and name of the country
# What Pillow shows among the texts of a PNG file and is kept in other ways, or is of the old file.
_NO_TEXTS = {"XML:com.adobe.xmp", "Raw profile type exif", "Raw profile type iptc"}
_XMP_TURN = re.compile(rb"""(tiff:Orientation(?:=["']|>))[1-8]""")


@dataclass(frozen=True)
class Tags:
    """The metadata of a picture, fit for another one of its content.

    Attributes:
        exif: an EXIF block without the header "Exif"; xmp: a packet; iptc: the IIM records.
        dpi: (across, down). srgb: a profile to embed, where the source had one.
        texts: comments by their names.
        placed: the place where it was taken was left out.
    """

    exif: bytes = b""
    xmp: bytes = b""
    iptc: bytes = b""
    dpi: tuple[float, float] | None = None
    srgb: bytes = b""
    texts: dict[str, str] = field(default_factory=dict)
    placed: bool = False

    def held(self) -> dict[str, bool]:
        """Which kinds are there, by the names of `formats.Format.metadata`."""
        return {
            "EXIF": bool(self.exif),
            "XMP": bool(self.xmp),
            "IPTC": bool(self.iptc),
            "DPI": self.dpi is not None,
            "texts": bool(self.texts),
        }


def tags_of(path: Path, size: tuple[int, int], encoding: Encoding) -> Tags:
    """The tags of a picture file, for a result of (width, height) that stands upright."""
    if encoding.keep_metadata is False:
        return Tags()
    place = encoding.keep_metadata is True
    kind = kind_of(path)
    if kind == "EXR":
        return Tags()
    if kind == "HEIF":
        register(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of tags that are damaged: they are left out
            with Image.open(path) as image:
                return _of_image(image, size, place)
    except UnidentifiedImageError:  # a TIFF of a kind that Pillow doesn't know
        found = tags_of_tiff(path)
        return _of_tiff(found, *_exif_of_tiff(path, found, size, place), place)


def _of_image(image: Image.Image, size: tuple[int, int], place: bool) -> Tags:
    info = image.info
    exif, placed = _exif(image.getexif(), size, place)
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp") or b""
    if isinstance(image, TiffImageFile):
        xmp = image.tag_v2.get(700, xmp)
    found = Tags(
        exif=exif,
        xmp=xmp.encode() if isinstance(xmp, str) else bytes(xmp),
        iptc=_iptc(image),
        dpi=_dpi(info.get("dpi")),
        srgb=_profile() if info.get("icc_profile") else b"",
        texts=_texts(image),
        placed=placed,
    )
    return _cleaned(found, place)


def _cleaned(tags: Tags, place: bool) -> Tags:
    """The tags of an upright picture; without the place, unless it is to stay."""
    xmp, iptc, placed = tags.xmp, tags.iptc, tags.placed
    if not place:
        xmp, found = _XMP_PLACE.subn(b"", xmp)
        iptc, named = _without_places(iptc)
        placed = placed or found > 0 or named
    return replace(tags, xmp=_XMP_TURN.sub(rb"\g<1>1", xmp), iptc=iptc, placed=placed)


def _of_tiff(found: dict[int, Any], exif: bytes, placed: bool, place: bool) -> Tags:
    xmp, iptc, unit = found.get(700), found.get(33723), found.get(296, 2)
    dpi = None
    try:
        across, down = (Fraction(*found[tag]) for tag in (282, 283))
        dpi = _dpi([float(x) * (2.54 if unit == 3 else 1) for x in (across, down)])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        pass
    tags = Tags(
        exif=exif,
        xmp=xmp if isinstance(xmp, bytes) else b"",
        iptc=iptc if isinstance(iptc, bytes) else b"",
        dpi=dpi,
        srgb=_profile() if 34675 in found else b"",
        placed=placed,
    )
    return _cleaned(tags, place)


def _exif_of_tiff(
    path: Path, found: dict[int, Any], size: tuple[int, int], place: bool
) -> tuple[bytes, bool]:
    """As `_exif`, of a file whose pixels Pillow doesn't know. found: tags of its first page."""
    exif = Image.Exif()
    with path.open("rb") as file:
        head = file.read(16)
        big, order = b"+" in head[2:4], "<" if head[:2] == b"II" else ">"
        try:
            (begin,) = struct.unpack_from(f"{order}{'Q' if big else 'I'}", head, 8 if big else 4)
            exif.bigtiff, exif.endian = big, order
            exif.load_from_fp(file, begin)
            exif.bigtiff = False  # of what is written
            if exif:
                return _exif(exif, size, place)
        except (struct.error, SyntaxError, ValueError, KeyError, TypeError, OSError):
            pass
    exif = Image.Exif()  # Pillow reads no big-endian BigTIFF: at least what tifffile has found
    for tag in (0x010E, 0x010F, 0x0110, 0x0132, 0x013B, 0x8298):
        if isinstance(text := found.get(tag), str):
            exif[tag] = text
    return _exif(exif, size, place)


def _texts(image: Image.Image) -> dict[str, str]:
    """The comment of a JPEG or GIF file, and the texts of a PNG one: its author, a prompt."""
    found = {}
    if image.format == "PNG":
        image.load()  # some are stored behind the pixels
        texts: dict[str, str] = getattr(image, "text", {})
        found = {k: v for k, v in texts.items() if k not in _NO_TEXTS}
    elif isinstance(comment := image.info.get("comment"), bytes):
        found = {"Comment": comment.decode("utf-8", errors="replace").rstrip("\0")}
    return {key: str(text) for key, text in found.items()}


def _without_places(iptc: bytes) -> tuple[bytes, bool]:
    """(IPTC records but those that name a place, were there any?)"""
    at, kept = 0, b""
    while iptc[at : at + 1] == b"\x1c" and at + 5 <= len(iptc):
        length = int.from_bytes(iptc[at + 3 : at + 5], "big")
        if length & 0x8000:  # a record of more than 32 KB: left as it is
            break
        end = at + 5 + length
        if iptc[at + 1] != 2 or iptc[at + 2] not in _IPTC_PLACES:
            kept += iptc[at:end]
        at = end
    kept += iptc[at:]
    return kept, len(kept) < len(iptc)


def _exif(exif: Image.Exif, size: tuple[int, int], place: bool) -> tuple[bytes, bool]:
    """(block, was a place left out?): upright, of the new size, without the old thumbnail."""
    for tag in _OF_THE_FILE:
        exif.pop(tag, None)
    if not exif:
        return b"", False
    if _ORIENTATION in exif:
        exif[_ORIENTATION] = 1
    inner = exif.get_ifd(_EXIF)
    for tag, length in zip(_PIXELS, size, strict=True):
        if tag in inner:
            inner[tag] = length
    placed = not place and _GPS in exif
    if placed:
        del exif[_GPS]
        exif._ifds.pop(_GPS, None)  # Pillow writes it from there, whatever was deleted
    try:
        return exif.tobytes().removeprefix(b"Exif\0\0"), placed
    except (ValueError, TypeError, KeyError):  # broken by its camera, or a maker's own way
        return b"", placed


def _iptc(image: Image.Image) -> bytes:
    if isinstance(image, TiffImageFile):
        data = image.tag_v2.get(33723, b"")
        return bytes(data) if isinstance(data, bytes) else b""
    blocks = image.info.get("photoshop")
    return bytes(blocks.get(0x0404, b"")) if isinstance(blocks, dict) else b""


def _dpi(dpi: object) -> tuple[float, float] | None:
    if not isinstance(dpi, tuple | list):
        return None
    try:
        across, down = (float(x) for x in dpi)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if across > 1 and down > 1 else None


def _profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
