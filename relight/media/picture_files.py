"""One picture -> the bytes of a file: PNG, JPEG, WebP, TIFF, AVIF, BMP, OpenEXR, with its tags."""

from __future__ import annotations

import io
import struct
from fractions import Fraction

import av
import numpy as np
from PIL import Image

from relight.media.colour import srgb_to_linear
from relight.media.formats import Format
from relight.media.png import is_grey, png
from relight.media.tags import Tags
from relight.media.tiff_out import tiff

# Pillow's settings. JPEG 4:4:4 keeps the colour of every pixel; WebP has only 4:2:0.
SETTINGS = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95},
    "AVIF": {"quality": 90, "subsampling": "4:4:4"},
    "BMP": {},
}


def encoded(
    image: np.ndarray, alpha: np.ndarray | None, target: Format, grey: bool, tags: Tags
) -> bytes | bytearray:
    """(H, W, 3) at one of the format's depths, and its alpha, as a file of that format.

    grey: in one channel where all are equal. Raises OSError where the encoder fails.
    """
    if target.muxer == "PNG":
        return png(image, alpha, grey, tags)
    if target.muxer == "TIFF":
        return tiff(image, alpha, grey, tags)
    if target.muxer == "exr":
        return _exr(image, alpha)
    array = image if alpha is None else np.dstack([image, alpha])
    one = grey and alpha is None and target.muxer in ("JPEG", "BMP") and is_grey(image)
    picture = Image.fromarray(np.ascontiguousarray(array[..., 0] if one else array))
    data = io.BytesIO()
    settings = dict(SETTINGS[target.muxer])
    if target.muxer == "WEBP" and alpha is not None:
        settings["exact"] = True
    picture.save(data, format=target.muxer, **settings, **_pillow_tags(target, tags))
    return data.getvalue()


def _pillow_tags(target: Format, tags: Tags) -> dict[str, object]:
    """Pillow's settings for what a format holds of the tags."""
    given: dict[str, object] = {}
    if "EXIF" in target.metadata and tags.exif:
        given["exif"] = b"Exif\0\0" + tags.exif
    if "XMP" in target.metadata and tags.xmp:
        given["xmp"] = tags.xmp
    if "ICC" in target.metadata and tags.srgb:
        given["icc_profile"] = tags.srgb
    if "DPI" in target.metadata and tags.dpi:
        given["dpi"] = tags.dpi
    if "texts" in target.metadata and tags.texts:
        given["comment"] = "\n".join(tags.texts.values())
    if "IPTC" in target.metadata and tags.iptc:
        given["extra"] = _photoshop(tags.iptc)
    return given


def _photoshop(iptc: bytes) -> bytes:
    """IPTC records as JPEG keeps them: an APP13 segment with Photoshop's block 0x0404."""
    block = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc + b"\0" * (len(iptc) % 2)
    body = b"Photoshop 3.0\0" + block
    if len(body) > 65533:
        return b""
    return b"\xff\xed" + struct.pack(">H", len(body) + 2) + body


def _exr(image: np.ndarray, alpha: np.ndarray | None) -> bytes:
    """Linear light, premultiplied as OpenEXR wants it, 32-bit floats, compressed losslessly."""
    linear = srgb_to_linear(image).astype(np.float32)
    if alpha is not None:
        linear = np.dstack([linear * alpha[..., None], alpha])
    form = "gbrpf32le" if alpha is None else "gbrapf32le"
    context = av.CodecContext.create("exr", "w")
    context.width, context.height, context.pix_fmt = image.shape[1], image.shape[0], form
    context.time_base = Fraction(1, 25)
    context.options = {"compression": "zip16"}
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(linear), form)
    frame.pts = 0
    return b"".join(bytes(p) for p in (*context.encode(frame), *context.encode(None)))
