"""The pixels of picture files: any mode, depth and profile -> sRGB, upright, alpha apart."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
from PIL import Image, ImageCms
from PIL.ImageCms import core

from relight.errors import MediaError
from relight.media.cicp import Cicp, ColourTags, measured
from relight.media.clip import PIXEL_LIMIT, check_size
from relight.media.colour import MatrixProfile, linear_to_srgb
from relight.media.depth import bled

ORIENTATION = 0x0112  # EXIF and TIFF tag


@dataclass
class Pixels:
    """A decoded picture, and what was done to it.

    image: (H, W, 3) uint8, uint16 or float32; alpha: (H, W) of that type, or None.
    """

    image: np.ndarray
    alpha: np.ndarray | None = None
    notes: list[str] = field(default_factory=list)


def pixels(
    image: Image.Image, deep: bool, path: Path, upright: bool, coded: ColourTags | None
) -> Pixels:
    """The current frame of an open picture, turned by its EXIF orientation if `upright`.

    deep: at more than 8 bits. coded: the code points of its colours, which a profile outranks,
    except in PNG.
    """
    if isinstance(coded, Cicp) and image.format == "PNG":
        image.info.pop("icc_profile", None)
    profile = image.info.get("icc_profile") or b""
    found = converted(_deep(path), profile) if deep else _plain(image, profile)
    orientation = 1
    if upright and image.format != "TIFF":  # Pillow turns TIFF by itself
        orientation = image.getexif().get(ORIENTATION, 1)
    return finished(found, None if profile else coded, orientation)


def finished(found: Pixels, coded: ColourTags | None = None, orientation: int = 1) -> Pixels:
    """Pixels by their code points in sRGB, upright, and without an alpha that hides nothing."""
    if coded and coded.note:
        found.image = coded.to_srgb(found.image)
        found.notes.append(coded.note)
    found.image = turned(found.image, orientation)
    if found.alpha is not None:
        found.alpha = turned(found.alpha, orientation)
        if found.alpha.min() == _top(found.alpha):
            found.alpha = None  # nothing in it is transparent
        else:
            found.image = bled(found.image, found.alpha)
    return found


def _top(array: np.ndarray) -> float:
    return {1: 255, 2: 65535}.get(array.dtype.itemsize, 1.0)


def turned(array: np.ndarray, orientation: int) -> np.ndarray:
    """An array set upright as its EXIF orientation (1 to 8) says."""
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    return np.ascontiguousarray(array)


def straight(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Colours that were multiplied by their alpha, as they were before."""
    top = 65535.0 if image.dtype == np.uint16 else 1.0
    part = alpha.astype(np.float32)[..., None] / top
    whole = image.astype(np.float32) / np.where(part > 0, part, 1)
    if image.dtype == np.uint16:
        return (whole.clip(0, top) + 0.5).astype(np.uint16)
    return whole


def _plain(image: Image.Image, profile: bytes) -> Pixels:
    """8 bits a channel, by Pillow and Little CMS."""
    alpha = None
    if image.has_transparency_data:
        image = image.convert("RGBA")
        alpha = np.array(image.getchannel("A"))
        image = image.convert("RGB")  # drops alpha, keeps the colour under it
    elif image.mode in ("P", "PA", "1", "YCbCr", "HSV"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    notes: list[str] = []
    if profile:
        image = _to_srgb(image, profile, notes)
    elif image.mode == "CMYK":
        notes.append("CMYK without a profile: converted to sRGB by the plain formula")
    elif image.mode == "LAB":
        image = to_srgb(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")))
    return Pixels(np.array(image.convert("RGB")), alpha, notes)


def to_srgb(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    """The picture in sRGB's colours; raises PyCMSError where the profile does not fit it."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    converted = ImageCms.profileToProfile(image, profile, srgb, outputMode="RGB")
    assert converted is not None  # only a picture converted in place gives None
    return converted


def _inner(profile: ImageCms.ImageCmsProfile) -> core.CmsProfile:
    return cast(core.CmsProfile, profile.profile)  # Pillow's types say: or an open file


def _to_srgb(image: Image.Image, profile: bytes, notes: list[str]) -> Image.Image:
    """Convert by the embedded colour profile; phones and cameras write wider ones than sRGB."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if image.mode == "L":  # by one curve, so that grey stays grey to the code
            curve = MatrixProfile(profile)
            if _inner(source).xcolor_space.strip() != "GRAY" or curve.is_srgb:
                return image
            image = Image.fromarray(curve.to_srgb(np.array(image.convert("RGB"))))
        elif _inner(source).xcolor_space.strip() == "RGB" and _is_srgb(profile):
            return image
        else:
            image = to_srgb(image, source)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        notes.append("its colour profile can't be used: the numbers are taken as sRGB")
        return image
    notes.append(f"colours converted from {_name(source)} to sRGB")
    return image


def _is_srgb(profile: bytes) -> bool:
    try:
        return MatrixProfile(profile).is_srgb
    except ValueError:
        return False


def _name(profile: ImageCms.ImageCmsProfile) -> str:
    """What a profile calls itself, in a few words."""
    return " ".join((_inner(profile).profile_description or "its own profile").split())[:60]


def _deep(path: Path) -> Pixels:
    """More than 8 bits a channel, by OpenCV, which keeps them."""
    data = path.read_bytes()
    if data.startswith(b"\x89PNG") and not _is_whole_png(data):
        raise MediaError(f"{path}: a damaged image, it is cut short; get it again")
    try:
        array = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise MediaError(f"{path}: a damaged image ({error.err}); get it again") from None
    if array is None:
        raise MediaError(f"{path}: a damaged image; get it again")
    array = np.atleast_3d(array)
    if array.dtype not in (np.uint8, np.uint16):
        array = array.astype(np.float32)
    channels = array.shape[2]
    alpha = np.ascontiguousarray(array[..., -1]) if channels in (2, 4) else None
    colour = array[..., :3][..., ::-1] if channels >= 3 else np.repeat(array[..., :1], 3, 2)
    return Pixels(np.ascontiguousarray(colour), alpha)


def _is_whole_png(data: bytes) -> bool:
    """Do all chunks end within the file? OpenCV would make room for what a broken size says."""
    at = 8
    while at + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        at += size + 12
        if name == b"IEND":
            break
    return at <= len(data)


def converted(found: Pixels, profile: bytes) -> Pixels:
    """Deep pixels from their ICC profile ("": none) to sRGB."""
    if not profile or found.image.dtype == np.float32 or _is_srgb(profile):
        return found
    try:
        matrix = MatrixProfile(profile)
        name = _name(ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    except (ValueError, OSError, ImageCms.PyCMSError):
        found.notes.append("its colour profile can't be used at 16 bits: taken as sRGB")
        return found
    found.image = matrix.to_srgb(found.image)
    found.notes.append(f"colours converted from {name} to sRGB")
    return found


def parted(rgba: np.ndarray) -> Pixels:
    """(H, W, 4) -> its colours and its alpha, which is None where nothing is transparent."""
    return finished(Pixels(np.ascontiguousarray(rgba[..., :3]), rgba[..., 3].copy()))


def read_exr(path: Path) -> Pixels:
    """An OpenEXR picture: linear light -> sRGB-encoded float32, highlights above 1 kept."""
    with av.open(
        str(path.absolute()),
        format="exr_pipe",
        container_options={"protocol_whitelist": "file"},
    ) as container:
        stream = container.streams.video[0]
        check_size(path, stream.codec_context.width, stream.codec_context.height)
        stream.codec_context.options = {"max_pixels": str(PIXEL_LIMIT)}
        frame = next(container.decode(stream))
        names = [part.is_alpha for part in frame.format.components]
        grey = frame.format.name.startswith("gray")
        form = "grayf32le" if grey else "gbrapf32le" if any(names) else "gbrpf32le"
        array = frame.reformat(format=form).to_ndarray()
    if grey:
        return Pixels(linear_to_srgb(np.repeat(array[..., None], 3, 2)).astype(np.float32))
    alpha = np.ascontiguousarray(array[..., 3]) if any(names) else None
    linear, notes = array[..., :3], []
    if alpha is not None:  # OpenEXR's colours are premultiplied
        linear = linear / np.where(alpha > 1e-6, alpha, 1)[..., None]
    if told := measured(_chromaticities(path), None):
        linear = linear @ told.matrix.T
        notes.append(told.note)
    return finished(Pixels(linear_to_srgb(linear).astype(np.float32), alpha, notes))


def _chromaticities(path: Path) -> tuple[tuple[float, float], ...] | None:
    """(x, y) of red, green, blue and white, where the header has them."""
    name = b"chromaticities\0chromaticities\0"
    with path.open("rb") as file:
        head = file.read(1 << 16)
    at = head.find(name)
    if at < 0 or len(head) < at + len(name) + 36:
        return None
    values = struct.unpack_from("<8f", head, at + len(name) + 4)
    return tuple(zip(values[::2], values[1::2], strict=True))
