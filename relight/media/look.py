"""How stored pixels become shown ones: colour matrix and range, pixel shape, rotation, alpha."""

import struct
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import cv2
import numpy as np
from av.sidedata.sidedata import Type as SideData
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from relight.media.clip import check_size, over_black

# Measured on flat patches through 8 bits: bilinear chroma errs by 2 code values at most,
# swscale's default (bicubic, fast rounding) by 3 to 6.
EXACT = (
    Interpolation.BILINEAR
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
)
# AVCOL_SPC_* and AVCOL_TRC_* numbers (ITU-T H.273), as files carry them.
_MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.SMPTE170M,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
Conversion = Literal["exact", "ffmpeg"]
_HDR = {16: "PQ", 18: "HLG"}


@dataclass(frozen=True)
class Look:
    """How stored pixels become shown ones."""

    width: int  # with square pixels, before turning
    height: int
    transpose: bool  # rows become columns, then:
    mirror: bool  # columns are reversed,
    flip: bool  # rows are reversed
    matrix: int
    interpolation: Interpolation
    full_range: bool
    alpha: bool
    hdr: str | None
    notes: tuple[str, ...]

    @property
    def upright(self) -> tuple[int, int]:
        """(width, height) as shown."""
        return (self.height, self.width) if self.transpose else (self.width, self.height)


def look_of(
    stream: av.VideoStream, picture: av.VideoFrame, path: Path, conversion: Conversion = "exact"
) -> Look:
    """Read a stream's tags, and its first frame's, into one recipe for all of its frames."""
    notes = []
    width, height = _square(stream, picture, notes)
    check_size(path, width, height)
    transpose, mirror, flip = _turn(picture, notes)
    hdr = _HDR.get(picture.color_trc)
    if hdr:
        notes.append(f"HDR ({hdr}): refused, convert it to SDR BT.709 first")
    deep = max((c.bits for c in picture.format.components), default=8)
    if deep > 8:
        notes.append(f"{deep}-bit video, read as 8-bit")
    if picture.color_primaries == 9 and not hdr:
        notes.append("BT.2020 wide gamut, colours read as BT.709")
    if picture.interlaced_frame:
        notes.append("interlaced: fields are not separated, deinterlace it first for best results")
    alpha = any(c.is_alpha for c in picture.format.components)
    if alpha:
        notes.append("transparency is laid over black")
    elif stream.metadata.get("alpha_mode") == "1":
        notes.append("transparency is dropped")
    return Look(
        width=width,
        height=height,
        transpose=transpose,
        mirror=mirror,
        flip=flip,
        matrix=_matrix(picture, conversion),
        interpolation=EXACT if conversion == "exact" else Interpolation.BILINEAR,
        full_range=picture.color_range == 2 or picture.format.name.startswith("yuvj"),
        alpha=alpha,
        hdr=hdr,
        notes=tuple(notes),
    )


def _matrix(picture: av.VideoFrame, conversion: Conversion) -> int:
    """The YUV matrix a frame is tagged with; untagged, what players assume from its size."""
    is_hd = (picture.width >= 1280 or picture.height >= 720) and conversion == "exact"
    return _MATRICES.get(picture.colorspace, Colorspace.ITU709 if is_hd else Colorspace.ITU601)


def _square(stream: av.VideoStream, picture: av.VideoFrame, notes: list[str]) -> tuple[int, int]:
    """The size with square pixels: the short side of a pixel is stretched, nothing is lost."""
    width, height = picture.width, picture.height
    aspect = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or 1
    if not Fraction(1, 8) <= aspect <= 8:  # a broken tag
        return width, height

    def even(length: Fraction) -> int:
        return 2 * round(length / 2)

    if aspect > 1:
        width = max(width, even(width * aspect))
    elif aspect < 1:
        height = max(height, even(height / aspect))
    if (width, height) != (picture.width, picture.height):
        notes.append(
            f"stretched from {picture.width}x{picture.height} to {width}x{height} "
            f"(pixel aspect {aspect.numerator}:{aspect.denominator})"
        )
    return width, height


def _turn(picture: av.VideoFrame, notes: list[str]) -> tuple[bool, bool, bool]:
    """(transpose, mirror, flip) that set a frame upright, from its display matrix.

    The matrix [[a, b], [c, d]] sends a point to x' = a x + c y, y' = b x + d y.
    """
    matrix = picture.side_data.get(SideData.DISPLAYMATRIX)
    if matrix is None:
        return False, False, False
    a, b, _, c, d = struct.unpack("=5i", bytes(matrix)[:20])
    tilted = min(max(abs(a), abs(d)), max(abs(b), abs(c))) > 0.01 * max(map(abs, (a, b, c, d)))
    if tilted:
        notes.append(f"tagged as tilted by {picture.rotation} degrees: ignored")
        return False, False, False
    transpose = abs(b) > abs(a)
    mirror, flip = (c < 0, b < 0) if transpose else (a < 0, d < 0)
    # A turn keeps the picture's handedness; a transpose alone, or one mirror alone, does not.
    turned = {(False, True, True): 180, (True, True, False): 90, (True, False, True): 270}
    if degrees := turned.get((transpose, mirror, flip)):
        notes.append(f"rotated {degrees} degrees clockwise")
    elif transpose or mirror or flip:
        notes.append("rotated and mirrored" if transpose else "mirrored")
    return transpose, mirror, flip


def to_pixels(picture: av.VideoFrame, look: Look) -> np.ndarray:
    """Decoded frame -> (H, W, 3) uint8 RGB, full range, square pixels, upright."""
    converted = picture.reformat(
        format="rgba" if look.alpha else "rgb24",
        src_colorspace=look.matrix,
        src_color_range=ColorRange.JPEG if look.full_range else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        interpolation=look.interpolation,
    )
    image = converted.to_ndarray()
    if look.alpha:
        image = over_black(image)
    if image.shape[:2] != (look.height, look.width):  # stretched pixels, or a size change midway
        image = cv2.resize(image, (look.width, look.height), interpolation=cv2.INTER_CUBIC)
    if look.transpose:
        image = image.transpose(1, 0, 2)
    if look.mirror:
        image = image[:, ::-1]
    if look.flip:
        image = image[::-1]
    return np.ascontiguousarray(image)
