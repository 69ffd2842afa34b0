"""Image files as clips: one frame for a photograph, n frames for an animated GIF, PNG or WebP."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps

from relight.errors import MediaError
from relight.media.clip import DEFAULT_FPS, PIXEL_LIMIT, Frame, VideoInfo, check_size, over_black

_FORMATS = ("PNG", "JPEG", "GIF", "WEBP")


def is_still(path: Path) -> bool:
    """Does the file begin like one of the image formats (whatever its name says)?"""
    with path.open("rb") as file:
        head = file.read(12)
    return head.startswith((b"\x89PNG", b"\xff\xd8\xff", b"GIF8")) or (
        head[:4] == b"RIFF" and head[8:] == b"WEBP"
    )


def probe(path: Path) -> VideoInfo:
    """Describe an image file. Raises MediaError when it is too large or damaged."""
    with _open(path) as image:
        durations = list(_durations(image))
        image.seek(0)
        notes = _notes(image, durations)
        upright = ImageOps.exif_transpose(image) if len(durations) == 1 else image
        total = sum(durations)
        return VideoInfo(
            path=path,
            width=upright.width,
            height=upright.height,
            fps=len(durations) / total,
            duration=float(total),
            frames=len(durations),
            has_audio=False,
            audio=(),
            notes=notes,
        )


def read(path: Path) -> Iterator[Frame]:
    """Yield the frames of an image file, one in memory at a time."""
    with _open(path) as image:
        time = Fraction(0)
        for index in range(getattr(image, "n_frames", 1)):
            image.seek(index)
            yield Frame(_pixels(image), time)
            time += _duration(image)


@contextmanager
def _open(path: Path) -> Iterator[Image.Image]:
    """Open with Pillow, its many kinds of complaint becoming one line of MediaError."""
    try:
        with warnings.catch_warnings():  # our own limit is lower than the one Pillow warns at
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(path, formats=_FORMATS)
    except Image.DecompressionBombError:
        raise MediaError(
            f"{path} is above the limit of {PIXEL_LIMIT / 1e6:.0f} megapixels; scale it down first"
        ) from None
    except (OSError, SyntaxError, ValueError):
        raise MediaError(f"{path}: a damaged image; get it again") from None
    with image:
        check_size(path, image.width, image.height)
        try:
            yield image
        except (OSError, SyntaxError, EOFError, ValueError) as error:
            raise MediaError(f"{path}: a damaged image ({error}); get it again") from None


def _durations(image: Image.Image) -> Iterator[Fraction]:
    for index in range(getattr(image, "n_frames", 1)):
        image.seek(index)
        if image.format == "WEBP":
            image.load()  # Pillow learns this format's durations only by decoding
        yield _duration(image)


def _duration(image: Image.Image) -> Fraction:
    """How long the current frame is shown, in seconds."""
    if not getattr(image, "is_animated", False):
        return 1 / DEFAULT_FPS
    # Browsers show frames that ask for 10 ms or less for 100 ms, and GIFs are made with that in
    # mind. Some files leave the value out, or set it to 0.
    milliseconds = Fraction(image.info.get("duration") or 0).limit_denominator(1000)
    return milliseconds / 1000 if milliseconds > 10 else Fraction(1, 10)


def _notes(image: Image.Image, durations: list[Fraction]) -> tuple[str, ...]:
    notes = ["a single image"] if len(durations) == 1 else []
    if len(durations) == 1 and image.getexif().get(0x0112, 1) != 1:
        notes.append("turned upright as its EXIF tag says")
    if len(set(durations)) > 1:
        notes.append("variable frame rate: its time stamps are kept")
    if image.has_transparency_data:
        notes.append("transparency is laid over black")
    if image.mode.startswith(("I", "F")):
        notes.append("more than 8 bits, read as 8-bit")
    if image.info.get("icc_profile"):
        notes.append("colours converted from its own profile to sRGB")
    return tuple(notes)


def _pixels(image: Image.Image) -> np.ndarray:
    """The current frame -> (H, W, 3) uint8 sRGB, upright."""
    animated = getattr(image, "is_animated", False)
    if image.mode.startswith("I;16"):
        grey = (np.asarray(image).astype(np.uint32) * 255 + 32767) // 65535
        image = Image.fromarray(grey.astype(np.uint8))
    elif image.has_transparency_data:
        image = image.convert("RGBA")
    else:
        image = _to_srgb(image)
    if not animated:
        image = ImageOps.exif_transpose(image)
    if image.mode == "RGBA":
        return over_black(np.asarray(image))
    return np.array(image.convert("RGB"))


def _to_srgb(image: Image.Image) -> Image.Image:
    """Convert by the embedded colour profile; phones and cameras write wider ones than sRGB."""
    profile = image.info.get("icc_profile")
    if not profile:
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(
            image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError):  # a broken profile: the numbers as they are
        return image
