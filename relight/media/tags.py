"""What a photograph's file says about it: EXIF, XMP, IPTC, resolution; read, cleaned, passed on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageCms

from relight.media.options import Encoding

_ORIENTATION, _GPS, _PIXELS, _EXIF = 0x0112, 0x8825, (0xA002, 0xA003), 0x8769
_OF_THE_FILE = {  # TIFF tags of how the old file stored its pixels
    *(0x0100, 0x0101, 0x0102, 0x0103, 0x0106, 0x0111, 0x0115, 0x0116, 0x0117, 0x011C, 0x013D),
    *(0x0140, 0x0142, 0x0143, 0x0144, 0x0145, 0x0152, 0x0153, 0x02BC, 0x83BB, 0x8649, 0x8773),
    *(0x00FE, 0x010A, 0x014A, 0x015B, 0x0212, 0x0213, 0x0214),
}
_XMP_PLACE = re.compile(
    rb"""\s+exif:GPS\w+=("[^"]*"|'[^']*')|<exif:GPS(\w+)[^>]*>.*?</exif:GPS\2>""", re.DOTALL
)
_XMP_TURN = re.compile(rb"""(tiff:Orientation(?:=["']|>))[1-8]""")


@dataclass(frozen=True)
class Tags:
    """The metadata of a picture, fit for another one of its content.

    Attributes:
        exif: an EXIF block without the header "Exif"; xmp: a packet; iptc: the IIM records.
        dpi: (across, down). srgb: a profile to embed, where the source had one.
        placed: the place where it was taken was left out.
    """

    exif: bytes = b""
    xmp: bytes = b""
    iptc: bytes = b""
    dpi: tuple[float, float] | None = None
    srgb: bytes = b""
    placed: bool = False

    def held(self) -> dict[str, bool]:
        """Which kinds are there, by the names of `formats.Format.metadata`."""
        return {
            "EXIF": bool(self.exif),
            "XMP": bool(self.xmp),
            "IPTC": bool(self.iptc),
            "DPI": self.dpi is not None,
        }


def tags_of(path: Path, size: tuple[int, int], encoding: Encoding) -> Tags:
    """The tags of a picture file, for a result of (width, height) that stands upright."""
    if encoding.keep_metadata is False:
        return Tags()
    with Image.open(path) as image:
        info, place = image.info, encoding.keep_metadata is True
        exif, placed = _exif(image, size, place)
        xmp = info.get("xmp") or info.get("XML:com.adobe.xmp") or b""
        if image.format == "TIFF":
            xmp = image.tag_v2.get(700, xmp)
        xmp = xmp.encode() if isinstance(xmp, str) else bytes(xmp)
        if not place:
            xmp, found = _XMP_PLACE.subn(b"", xmp)
            placed = placed or found > 0
        return Tags(
            exif=exif,
            xmp=_XMP_TURN.sub(rb"\g<1>1", xmp),
            iptc=_iptc(image),
            dpi=_dpi(info.get("dpi")),
            srgb=_profile() if info.get("icc_profile") else b"",
            placed=placed,
        )


def _exif(image: Image.Image, size: tuple[int, int], place: bool) -> tuple[bytes, bool]:
    """(block, was a place left out?): upright, of the new size, without the old thumbnail."""
    exif = image.getexif()
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
    if image.format == "TIFF":
        data = image.tag_v2.get(33723, b"")
        return bytes(data) if isinstance(data, bytes) else b""
    blocks = image.info.get("photoshop")
    return bytes(blocks.get(0x0404, b"")) if isinstance(blocks, dict) else b""


def _dpi(dpi: object) -> tuple[float, float] | None:
    try:
        across, down = (float(x) for x in dpi)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if across > 1 and down > 1 else None


def _profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
