"""What a clip is: VideoInfo and Frame, and the limits on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from relight.errors import MediaError
from relight.media.depth import over
from relight.media.glances import glance
from relight.media.options import DEFAULT_FPS, Reading

__all__ = [
    "DEFAULT_FPS",
    "PIXEL_LIMIT",
    "TOTAL_LIMIT",
    "Frame",
    "Moment",
    "VideoInfo",
    "check_size",
]

PIXEL_LIMIT = 64_000_000  # width x height of one frame; 8K is 33 million
TOTAL_LIMIT = 4_000_000_000  # width x height x frames of an animation; 1080p: 1900 frames


class Loss(str):
    """A note that says that a part of an input is missing or damaged."""


@dataclass(frozen=True, kw_only=True)
class VideoInfo:
    """What a file declares about its pictures, after one of them was decoded."""

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
    variable: bool = False  # frames last unlike times, as far as the first ones tell
    kind: str = "video"  # or "picture", "animation", "sequence"
    depth: int = 8  # bits a channel; 32: floating point
    alpha: bool = False  # frames come with their transparency
    grey: bool = False  # stored without colour
    chroma: int = 0  # colour samples in 2 x 2 pixels of a video: 4 (4:4:4, RGB), 2, 1; 0: unknown
    hdr: str | None = None  # "PQ" or "HLG": read only with Reading(tonemap=True)
    plays: int | None = None  # how often an animation is played; 0: for ever
    reading: Reading = field(default_factory=Reading)  # how the file was, and will be, read


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture and when it is shown.

    Attributes:
        image: (H, W, 3) RGB, sRGB / BT.709, full range, upright: uint8; uint16 where the source
            has more than 8 bits; float32 in [0, 1] and above (sRGB-encoded) from OpenEXR.
        time: seconds from the file's first frame.
        alpha: (H, W) of the image's type, straight; the colour under it is never premultiplied.
            None: opaque.
        duration: seconds it is shown, where that is known: in animations, and at the end of a
            file; None: until the next frame.
    """

    image: np.ndarray
    time: Fraction
    alpha: np.ndarray | None = None
    duration: Fraction | None = None

    def with_image(self, image: np.ndarray) -> Frame:
        """The same moment with other pixels, of any size and depth; transparency is scaled."""
        alpha = self.alpha
        if alpha is not None and alpha.shape != image.shape[:2]:
            method = cv2.INTER_CUBIC if image.size >= alpha.size else cv2.INTER_AREA
            alpha = cv2.resize(alpha, image.shape[1::-1], interpolation=method)
        return Frame(image, self.time, alpha, self.duration)

    def flat(self, matte: tuple[int, int, int] = (0, 0, 0)) -> np.ndarray:
        """The picture as shown, transparency laid over a colour (0 to 255 a channel)."""
        return self.image if self.alpha is None else over(self.image, self.alpha, matte)

    def at_least(self, height: int, width: int) -> np.ndarray:
        """The picture, or one half as large that is there sooner and still twice as large as that.

        Returns:
            (H, W, 3) or (H / 2, W / 2, 3), as `image`.
        """
        return self.image

    @property
    def nbytes(self) -> int:
        """Memory of its pixels."""
        return self.image.nbytes


@dataclass(frozen=True, eq=False)
class Moment:
    """A frame that is decoded, whose pixels are not yet converted, which takes as long.

    Attributes:
        time: see `Frame`. frame: makes the frame.
        glance: what it looks like, see `relight.media.glances`; None where its format does not say.
        stored: the frame as it is stored, where that is as `relight.media.planes` has it.
    """

    time: Fraction
    frame: Callable[[], Frame]
    glance: Callable[[], np.ndarray | None]
    stored: Callable[[], Frame] | None = None

    @classmethod
    def of(cls, frame: Frame) -> Moment:
        """One whose frame is there."""
        return cls(frame.time, lambda: frame, lambda: glance(frame.image))


def check_size(path: Path, width: int, height: int, frames: int = 1) -> None:
    """Refuse a picture that is too large before any memory or time is spent on it."""
    if width * height > PIXEL_LIMIT:
        raise MediaError(
            f"{path}: {width}x{height} is above the limit of {PIXEL_LIMIT / 1e6:.0f} megapixels; "
            "scale it down first"
        )
    if width * height * frames > TOTAL_LIMIT:
        raise MediaError(
            f"{path}: {frames} frames of {width}x{height} are above the limit of "
            f"{TOTAL_LIMIT / 1e9:.0f} gigapixels for an animation; convert it to a video first"
        )
