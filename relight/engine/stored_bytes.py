"""What a run stores of a clip until it is complete, in bytes, at most."""

from __future__ import annotations

from relight.engine.pairs import LOOKED_AT, PAIRS
from relight.media import VideoInfo
from relight.types import Size

LIGHT_BYTES, SMALL_BYTES, PICTURE_BYTES = 24, 3, 6
"""Bytes on disk per pixel, at most: of a light (six float32 planes), of a small frame (8 bits a
channel), and of a frame that a model drew (16 bits where two chunks are blended)."""
CARRIED_BYTES, FORM_BYTES = 20, 9
"""Per pixel of the light: carried from one keyframe (ten planes of 16 bits), and of the clip's
subject and its form (one of 8 bits, four of 16)."""


def carried_bytes(small: Size, keys: int, seen: int) -> int:
    """Of small frames, of the light of keyframes, carried both ways, and of the clip's form."""
    from relight.engine.lit_clip import light_size

    height, width = light_size(*small)
    each = 2 * CARRIED_BYTES + FORM_BYTES
    return (
        seen * SMALL_BYTES * small.height * small.width
        + (seen * each + keys * LIGHT_BYTES) * height * width
    )


def pairs_bytes(info: VideoInfo, seen: int) -> int:
    """Of frames at nearly their own size, see `Pairs`."""
    shrink = min(LOOKED_AT / min(info.width, info.height), 1.0)
    pixels = info.width * info.height * shrink**2
    return round(2 * min(max(seen - 1, 0), PAIRS) * SMALL_BYTES * pixels)
