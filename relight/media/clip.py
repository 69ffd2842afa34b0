"""What a clip is: VideoInfo and Frame, and the limits on them."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from relight.errors import MediaError

PIXEL_LIMIT = 64_000_000  # width x height of one frame; 8K is 33 million
DEFAULT_FPS = Fraction(25)  # where a file does not say, and for stills


@dataclass(frozen=True, kw_only=True)
class VideoInfo:
    """What a file declares about its video, after one frame was decoded."""

    path: Path
    width: int  # pixels, upright and square: the size of the frames that read() yields
    height: int
    fps: Fraction  # frames per second, average
    duration: float | None  # seconds
    frames: int | None  # declared, never to be trusted
    has_audio: bool
    audio: tuple[str, ...]  # codec names
    notes: tuple[str, ...]  # one-liners for people: "rotated 90 degrees clockwise", ...
    origin: Fraction = Fraction(0)  # the file's own clock at its first frame, seconds


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture and when it is shown."""

    image: np.ndarray  # (H, W, 3) uint8 RGB, sRGB / BT.709, full range, upright
    time: Fraction  # seconds from the file's first frame


def over_black(rgba: np.ndarray) -> np.ndarray:
    """(H, W, 4) uint8 with straight alpha -> (H, W, 3) uint8, as players show it."""
    alpha = rgba[..., 3:].astype(np.uint16)
    return ((rgba[..., :3] * alpha + 127) // 255).astype(np.uint8)


def check_size(path: Path, width: int, height: int) -> None:
    """Refuse a picture that is too large before any memory is spent on it."""
    if width * height > PIXEL_LIMIT:
        raise MediaError(
            f"{path}: {width}x{height} is above the limit of {PIXEL_LIMIT / 1e6:.0f} megapixels; "
            "scale it down first"
        )
