"""Colours of pictures that are told by code points instead of a profile: AVIF, HEIF, PNG (cICP).

Sources: ITU-T H.273 (the numbers); ISO 23008-12 (the box `colr`); PNG third edition (cICP).
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

_HEAD_BYTES = 1 << 16  # PNG stores them before the pixels
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


def cicp_of(path: Path, kind: str) -> Cicp | None:
    """The code points of a picture file of a kind ("AVIF", "HEIF", "PNG"); None: it has none."""
    if kind == "PNG":
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
        at = head.find(b"cICP", 0, max(head.find(b"IDAT"), 0))
        return Cicp(head[at + 4], head[at + 5]) if 0 <= at < len(head) - 6 else None
    return _of_items(path) if kind in ("AVIF", "HEIF") else None


def _of_items(path: Path) -> Cicp | None:
    """Those of the picture that is shown, or of its tiles: a gain map has its own."""
    found = items_of(path)
    main = found.items.get(found.primary) if found else None
    if found is None or main is None:
        return None
    tiles = [found.items[n] for n in main.links.get("dimg", ()) if n in found.items]
    for item in (main, *tiles[:1]):
        for name, told in item.properties:
            if name == "colr" and told[:4] == b"nclx" and len(told) >= 8:
                return Cicp(*struct.unpack_from(">HH", told, 4))
    return None
