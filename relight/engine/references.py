"""The stills of a job that were relit elsewhere: read and checked before any work. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from relight import media
from relight.errors import InputError
from relight.jobs import RelightJob
from relight.jobs.relight import split_reference

SMALLEST = 64
"""Shorter side, in pixels, of a still in which a scene can be found again."""
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF")
SLACK_S = 0.1
"""How far a moment may be past the last frame: clips end a frame before the time people read."""


@dataclass(frozen=True, eq=False)
class Still:
    """A relit still. image: (h, w, 3) uint8, sRGB; seconds: its moment in the clip, if named."""

    image: np.ndarray
    seconds: float | None
    name: str

    def number(self, times: Sequence[Fraction], seen: Sequence[int]) -> int | None:
        """The small frame that it shows, if its moment is named.

        Raises:
            InputError: the moment is outside of the frames that are lit.
        """
        if self.seconds is None:
            return None
        first, last = float(times[0]), float(times[-1])
        if not first - SLACK_S <= self.seconds <= last + SLACK_S:
            raise InputError(
                f"the reference {self.name} is for {self.seconds:g} s, and the frames that are lit "
                f"go from {first:.2f} to {last:.2f} s: give a time between them",
                field="reference",
            )
        gaps = [abs(float(times[index]) - self.seconds) for index in seen]
        return int(np.argmin(gaps))


def read_stills(job: RelightJob) -> tuple[Still, ...]:
    """All stills of a job.

    Raises:
        InputError: one that can't be read or used, or two for one moment.
    """
    stills = tuple(_read(text, job) for text in job.reference)
    named = [still.seconds for still in stills if still.seconds is not None]
    for moment in named:
        if named.count(moment) > 1:
            raise InputError(f"two references for the moment {moment:g} s: give one picture for it")
    return stills


def _read(text: str, job: RelightJob) -> Still:
    seconds, path = split_reference(text)
    if seconds is None:
        seconds = job.reference_at
    if seconds is not None and seconds < 0:
        raise InputError(f"the reference {path} is for {seconds:g} s: give a time of 0 s or later")
    if not path.is_file():
        raise InputError(f"the reference {path} is not there: give the path of a picture")
    try:
        with Image.open(path, formats=FORMATS) as image:
            _refuse(image, path)
        frame = next(media.read(path))
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"the reference {path} can't be read: give a PNG or JPEG") from None
    pixels = frame.image
    if pixels.dtype == np.uint16:
        pixels = (pixels // 257).astype(np.uint8)
    return Still(image=pixels, seconds=seconds, name=path.name)


def _refuse(image: Image.Image, path: Path) -> None:
    if min(image.size) < SMALLEST:
        raise InputError(
            f"the reference {path} is {image.width}x{image.height}: give one of {SMALLEST} pixels "
            "a side or more"
        )
    if getattr(image, "is_animated", False) and image.format != "MPO":
        raise InputError(f"the reference {path} is an animation: give a still")
    if image.mode == "F" and not np.isfinite(np.asarray(image)).all():
        raise InputError(f"the reference {path} holds values that are no numbers: export it again")
    if image.has_transparency_data:
        alpha = np.asarray(ImageOps.exif_transpose(image).convert("RGBA"))[..., 3]
        if alpha.min() < 255:
            raise InputError(
                f"the reference {path} is transparent in places: flatten it, or fill it with the "
                "frame"
            )
