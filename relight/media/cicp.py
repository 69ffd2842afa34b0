"""Colours of pictures that have no profile: from code points (AVIF, HEIF, PNG's cICP), or
from primaries and a gamma (PNG's cHRM and gAMA, OpenEXR's chromaticities).

Sources: ITU-T H.273 (the numbers); ISO 23008-12 (the box `colr`); PNG third edition.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from relight.media import colour
from relight.media.depth import like, to_uint16
from relight.media.items import items_of
from relight.media.look import HDR
from relight.media.tonemap import USUAL_PEAK_NITS, tone_mapped

_MOST_CHUNKS = 1000  # of a PNG file, before its pixels
_SRGB_LIKE = {8: lambda x: x, 4: colour.power(2.2), 5: colour.power(2.8), 13: colour.srgb_to_linear}
_VIDEO = colour.power(2.4)  # BT.1886, of all others


@dataclass(frozen=True)
class Cicp:
    """Code points of H.273. primaries, transfer: their numbers."""

    primaries: int
    transfer: int

    @property
    def hdr(self) -> str | None:
        """ "PQ", "HLG" or None."""
        return HDR.get(self.transfer)

    @property
    def note(self) -> str | None:
        """What `to_srgb` does, for people; None: nothing."""
        if self.hdr:
            return f"HDR ({self.hdr}) mapped to SDR (BT.2390, {USUAL_PEAK_NITS:.0f} nits)"
        if self.primaries in colour.PRIMARIES:
            return f"colours converted from {colour.PRIMARIES[self.primaries][0]} to sRGB"
        return "colours converted from linear light to sRGB" if self.transfer == 8 else None

    def to_srgb(self, image: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 or uint16 -> the same in sRGB."""
        if self.hdr:
            known = self.primaries if self.primaries in colour.PRIMARIES else 9
            return like(tone_mapped(to_uint16(image), self.hdr, primaries=known), image)
        if self.note is None:
            return image
        matrix = np.eye(3)
        if self.primaries in colour.PRIMARIES:
            matrix = colour.to_bt709(self.primaries)
        curve = _SRGB_LIKE.get(self.transfer, _VIDEO)
        back = colour.linear_to_srgb if self.transfer in _SRGB_LIKE else colour.power(1 / 2.4)
        return colour.remap(image, [curve] * 3, matrix, back)


@dataclass(frozen=True)
class Measured:
    """Colours given by numbers.

    Attributes:
        points: (x, y) of red, green, blue and white; None: those of sRGB.
        gamma: of the stored values, 1 for linear light; None: sRGB's curve.
    """

    points: tuple[tuple[float, float], ...] | None
    gamma: float | None
    hdr = None

    @property
    def matrix(self) -> np.ndarray:
        """(3, 3), linear light to linear BT.709."""
        if self.points is None:
            return np.eye(3)
        return colour.from_points(self.points[:3], self.points[3])

    @property
    def note(self) -> str:
        """What `to_srgb` does, for people."""
        parts = [] if self.gamma is None else [f"a gamma of {self.gamma:.2g}"]
        parts += ["its own primaries"] * (self.points is not None)
        return f"colours converted from {' and '.join(parts)} to sRGB"

    def to_srgb(self, image: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 or uint16 -> the same in sRGB."""
        is_grey = (image == image[..., :1]).all()
        matrix = np.eye(3) if is_grey else self.matrix
        curve = colour.srgb_to_linear if self.gamma is None else colour.power(self.gamma)
        return colour.remap(image, [curve] * 3, matrix, colour.linear_to_srgb)


ColourTags = Cicp | Measured
"""The two ways in which a picture file tells its colours."""


def cicp_of(path: Path, kind: str) -> ColourTags | None:
    """How the file of a picture ("AVIF", "HEIF", "PNG") tags its colours; None: as sRGB."""
    if kind == "PNG":
        return _of_png(path)
    return _of_items(path) if kind in ("AVIF", "HEIF") else None


def _of_items(path: Path) -> Cicp | None:
    """Those of the picture that is shown, or of its tiles: a gain map has its own."""
    found = items_of(path)
    main = found.items.get(found.primary) if found else None
    if found is None or main is None:
        return None
    tiles = [found.items[n] for n in main.links.get("dimg", ()) if n in found.items]
    for item in (main, *tiles[:1]):
        for name, content in item.properties:
            if name == "colr" and content[:4] == b"nclx" and len(content) >= 8:
                return Cicp(*struct.unpack_from(">HH", content, 4))
    return None


def _of_png(path: Path) -> ColourTags | None:
    """By the first of cICP, iCCP (left to its reader), sRGB, gAMA and cHRM that is there."""
    found = _chunks(path)
    if len(coded := found.get(b"cICP", b"")) >= 2:
        return Cicp(coded[0], coded[1])
    if b"iCCP" in found or b"sRGB" in found:
        return None
    gamma, points = None, None
    if len(stored := found.get(b"gAMA", b"")) == 4 and (value := int.from_bytes(stored, "big")):
        gamma = 100_000 / value
    if len(stored := found.get(b"cHRM", b"")) == 32:
        white, *others = (_point(stored[i : i + 8]) for i in range(0, 32, 8))
        points = (*others, white)
    if gamma is not None and (abs(gamma - 2.2) < 0.1 or not 0.2 <= gamma <= 5):
        gamma = None  # what all programs write for sRGB, or broken
    return measured(points, gamma)


def _point(stored: bytes) -> tuple[float, float]:
    x, y = struct.unpack(">II", stored)
    return x / 100_000, y / 100_000


def measured(
    points: tuple[tuple[float, float], ...] | None, gamma: float | None
) -> Measured | None:
    """Colours by their numbers; None where they are sRGB's, or make no sense."""
    if points is not None and (colour.is_usual(points) or not colour.is_triangle(points)):
        points = None
    return None if points is None and gamma is None else Measured(points, gamma)


def _chunks(path: Path) -> dict[bytes, bytes]:
    """The chunks of a PNG file before its pixels; of large ones the first bytes."""
    found: dict[bytes, bytes] = {}
    with path.open("rb") as file:
        file.seek(8)
        for _ in range(_MOST_CHUNKS):
            head = file.read(8)
            if len(head) < 8 or head[4:] == b"IDAT":
                break
            size = int.from_bytes(head[:4], "big")
            data = file.read(min(size, 64))
            found.setdefault(head[4:], data)
            file.seek(size - len(data) + 4, 1)
    return found
