"""A relit still as a reference: any picture an editor may save -> 8-bit sRGB, or one clear line.

Converted: an alpha channel that hides nothing, 16 bits a channel, an ICC profile, CMYK that has
one, EXIF rotation. Refused: pictures that are partly transparent, CMYK without a profile (its
colours are anybody's guess), values that are not numbers, animations, sides under 64 pixels.
"""

import io
import os
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps

from relight.errors import InputError
from relight.media.clip import PIXEL_LIMIT
from relight.media.pictures_in import to_srgb

_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP")
_SMALLEST = 64  # pixels a side
_HIDDEN = 0.01  # share of transparent pixels that is taken for a soft edge left by accident


def read_reference(path: str | os.PathLike) -> np.ndarray:
    """A still that an editor saved, upright, as (H, W, 3) uint8 sRGB.

    Raises:
        InputError: one line saying what is wrong with the picture and what to give instead.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"the reference {path} is not there: give the path of a picture")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=_FORMATS) as image:
                return _pixels(image, path)
    except Image.DecompressionBombError:
        raise _too_large(path) from None
    except InputError:
        raise
    except Exception:  # Pillow fails in many ways on damaged and hostile files
        raise InputError(
            f"the reference {path} can't be read as a picture: give a PNG, JPEG, WebP or TIFF"
        ) from None


def _pixels(image: Image.Image, path: Path) -> np.ndarray:
    if image.width * image.height > PIXEL_LIMIT:
        raise _too_large(path)
    if min(image.size) < _SMALLEST:
        size = f"{image.width}x{image.height}"
        raise InputError(f"the reference {path} is {size}: give {_SMALLEST} pixels a side or more")
    if getattr(image, "n_frames", 1) > 1 and image.format != "TIFF":
        raise InputError(f"the reference {path} is an animation: give one still picture")
    image = ImageOps.exif_transpose(image)
    if image.mode in ("F", "I") or image.mode.startswith("I;16"):
        image = _deep(image, path)
    elif image.mode == "CMYK" and not image.info.get("icc_profile"):
        raise InputError(f"the reference {path} is CMYK without a profile: export it as sRGB")
    if image.has_transparency_data:
        image = _opaque(image, path)
    return np.array(_srgb(image, path))


def _deep(image: Image.Image, path: Path) -> Image.Image:
    """Grey of more than 8 bits, or of real numbers in [0, 1], as 8-bit grey."""
    values = np.asarray(image).astype(np.float64)
    if not np.isfinite(values).all():
        raise InputError(f"the reference {path} holds values that are no numbers: export it again")
    top = 1.0 if image.mode == "F" else 65535.0
    if values.min() < 0 or values.max() > 1.001 * top:
        span = f"{values.min():g} to {values.max():g}"
        raise InputError(
            f"the reference {path} has values from {span}, not 0 to {top:g}: export it as 8-bit"
        )
    return Image.fromarray(np.rint(values.clip(0, top) * (255 / top)).astype(np.uint8))


def _opaque(image: Image.Image, path: Path) -> Image.Image:
    """The picture without its alpha channel, where that hides nothing."""
    profile = image.info.get("icc_profile")
    image = image.convert("RGBA")
    hidden = float((np.asarray(image.getchannel("A")) < 250).mean())
    if hidden > _HIDDEN:
        raise InputError(
            f"the reference {path} is transparent over {hidden:.0%} of its area: flatten it first"
        )
    image = image.convert("RGB")
    image.info["icc_profile"] = profile
    return image


def _srgb(image: Image.Image, path: Path) -> Image.Image:
    profile = image.info.get("icc_profile")
    if not profile:
        return image.convert("RGB")
    if image.mode not in ("RGB", "CMYK", "L"):
        image = image.convert("RGB")
    try:
        return to_srgb(image, ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    except (ImageCms.PyCMSError, OSError):
        if image.mode == "CMYK":
            raise InputError(
                f"the reference {path} is CMYK with a broken profile: export it as sRGB"
            ) from None
        return image.convert("RGB")


def _too_large(path: Path) -> InputError:
    limit = f"{PIXEL_LIMIT / 1e6:.0f} megapixels"
    return InputError(f"the reference {path} is above the limit of {limit}: scale it down first")
