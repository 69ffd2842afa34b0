"""One frame of a clip as a picture to edit: full size, its colours tagged as sRGB."""

import os
import secrets
from fractions import Fraction
from pathlib import Path

from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from relight.errors import InputError, MediaError
from relight.media import Reading, check_output, frame_at, probe, to_uint8

_PICTURES = (".png", ".jpg", ".jpeg", ".webp")
_PERCEPTUAL = b"\0"  # rendering intent in a PNG's sRGB chunk


def export_frame(
    clip: str | os.PathLike,
    output: str | os.PathLike,
    *,
    seconds: float | None = None,
    how: Reading = Reading(),  # noqa: B008 - frozen
    overwrite: bool = False,
) -> Fraction:
    """Save the frame shown at `seconds` (None: in the middle) and return its time.

    The clip is read as `how` says.

    Raises:
        InputError: not a picture's name, a file that is there already, a time past the end.
        MediaError: the clip can't be read, or the picture can't be written.
    """
    output = Path(output)
    if output.suffix.lower() not in _PICTURES:
        raise InputError(f"{output} is not a picture's name: give .png, .jpg or .webp")
    check_output(output, clip, overwrite)
    info = probe(clip, how)
    if seconds is None:
        seconds = (info.duration or 0) / 2
    elif info.duration is not None and seconds > 0 and seconds >= info.duration:
        raise InputError(f"{seconds:g} s is past the end of {clip}, which is {info.duration:.2f} s")
    frame = frame_at(clip, seconds, how)
    part = output.absolute().with_name(f".{output.stem}.{secrets.token_hex(3)}{output.suffix}")
    try:
        _save(Image.fromarray(to_uint8(frame.flat())), part)
        os.replace(part, output)
    except OSError as error:
        raise MediaError(f"{output} could not be written ({error.strerror or error})") from None
    finally:
        part.unlink(missing_ok=True)
    return frame.time


def _save(image: Image.Image, path: Path) -> None:
    if path.suffix.lower() == ".png":
        tag = PngInfo()
        tag.add(b"sRGB", _PERCEPTUAL)
        image.save(path, pnginfo=tag)
        return
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    if path.suffix.lower() == ".webp":
        image.save(path, lossless=True, icc_profile=profile)
    else:
        image.save(path, quality=97, subsampling=0, icc_profile=profile)
