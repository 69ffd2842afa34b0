"""Colours of pictures that are told by code points instead of a profile: AVIF, HEIF, PNG (cICP).

Sources: ITU-T H.273 (the numbers); ISO 23008-12 (the box `colr`); PNG third edition (cICP).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from relight.media import colour
from relight.media.depth import like, to_uint16
from relight.media.look import HDR
from relight.media.tonemap import USUAL_PEAK_NITS, tone_mapped

_HEAD_BYTES = 1 << 16  # both are stored before the pixels
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
    if kind not in ("AVIF", "HEIF", "PNG"):
        return None
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if kind == "PNG":
        at = head.find(b"cICP", 0, max(head.find(b"IDAT"), 0))
        return Cicp(head[at + 4], head[at + 5]) if 0 <= at < len(head) - 6 else None
    at = head.find(b"colrnclx") + 8
    if not 8 <= at <= len(head) - 4:
        return None
    return Cicp(*(int.from_bytes(head[i : i + 2], "big") for i in (at, at + 2)))
