"""A decoded frame's pixels as they are shown: RGB of full range, square, upright, BT.709."""

from __future__ import annotations

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, VideoReformatter

from relight.media import colour
from relight.media.depth import bled, to_uint16
from relight.media.look import EXACT, Look
from relight.media.planes import interleaved
from relight.media.tonemap import tone_mapped

DEEP = "gbrp16le"
_SRGB_CURVE = 13  # of H.273's transfer characteristics
_VIDEO_CURVE = colour.power(2.4)  # BT.1886


def to_pixels(
    picture: av.VideoFrame, look: Look, converter: VideoReformatter
) -> tuple[np.ndarray, np.ndarray | None]:
    """Decoded frame -> (H, W, 3) RGB, full range, square pixels, upright; and its alpha (H, W).

    uint8, or uint16 where the look has more than 8 bits. HDR is mapped to SDR.

    Args:
        converter: that of the file. A frame's own would be made anew for each frame, its threads
            too, which takes three times as long on small frames and leaves memory behind.
    """
    converted = converter.reformat(
        picture,
        format=_rgb_form(picture, look),
        src_colorspace=look.matrix,
        src_color_range=ColorRange.JPEG if look.full_range else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        interpolation=look.interpolation,
    )
    planar = converted.format.name in ("gbrp", "gbrap")
    image = interleaved(converted) if planar else converted.to_ndarray()
    if image.shape[:2] != (look.height, look.width):  # pixels that were not square
        image = cv2.resize(image, (look.width, look.height), interpolation=cv2.INTER_CUBIC)
    image = look.turned(image)
    alpha = _whole(image[..., 3], look.depth) if look.alpha else None
    image = _to_bt709(np.ascontiguousarray(image[..., :3]), look)
    return (image, None) if alpha is None else (bled(image, alpha), alpha)


def _rgb_form(picture: av.VideoFrame, look: Look) -> str:
    """The pixel format that swscale is asked for.

    Planes, where it makes the same codes in half the time. Into packed RGB of 16 bits it turns
    strong colours of 4:2:0 into others; into planes it brings RGB of 5 bits a channel as it is.
    """
    if look.depth > 8:
        return "gbrap16le" if look.alpha else DEEP
    if look.interpolation == EXACT and not picture.format.is_rgb:
        return "gbrap" if look.alpha else "gbrp"
    return "rgba" if look.alpha else "rgb24"


def _whole(alpha: np.ndarray, depth: int) -> np.ndarray:
    """Alpha to the full range: FFmpeg leaves 10 bits' highest value short of 16 bits'."""
    if not 8 < depth < 16:
        return np.ascontiguousarray(alpha)
    top = ((1 << depth) - 1) << (16 - depth)
    return np.minimum(alpha.astype(np.uint32) * 65535 // top, 65535).astype(np.uint16)


def _to_bt709(image: np.ndarray, look: Look) -> np.ndarray:
    if look.hdr:
        return tone_mapped(to_uint16(image), look.hdr, look.peak)
    if look.primaries not in colour.PRIMARIES:
        return image
    curve, back = _VIDEO_CURVE, colour.power(1 / 2.4)
    if look.curve == _SRGB_CURVE:
        curve, back = colour.srgb_to_linear, colour.linear_to_srgb
    return colour.remap(image, [curve] * 3, colour.to_bt709(look.primaries), back)


def fitted(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(h, w[, c]) scaled to fit into (width, height), with bars of zeros: never stretched."""
    width, height = size
    h, w = image.shape[:2]
    scale = min(width / w, height / h)
    w, h = max(round(w * scale), 1), max(round(h * scale), 1)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    scaled = cv2.resize(image, (w, h), interpolation=method)
    result = np.zeros((height, width, *image.shape[2:]), image.dtype)
    top, left = (height - h) // 2, (width - w) // 2
    result[top : top + h, left : left + w] = scaled
    return result
