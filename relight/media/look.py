"""How a frame's stored pixels are to be shown, from its tags: matrix, range, shape, turn, alpha."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.buffer import Buffer
from av.sidedata.sidedata import SideDataContainer
from av.sidedata.sidedata import Type as SideData
from av.video.reformatter import Colorspace, Interpolation

from relight.media import colour
from relight.media.clip import check_size
from relight.media.options import Conversion
from relight.media.tonemap import USUAL_PEAK_NITS

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
HDR = {16: "PQ", 18: "HLG"}


@dataclass(frozen=True)
class Look:
    """How the stored pixels of a frame become shown ones."""

    width: int  # with square pixels, before turning
    height: int
    transpose: bool  # rows become columns, then:
    mirror: bool  # columns are reversed,
    flip: bool  # rows are reversed
    matrix: int
    interpolation: Interpolation
    full_range: bool
    alpha: bool
    depth: int
    primaries: int
    curve: int
    hdr: str | None
    peak: float  # nits, of HDR
    notes: tuple[str, ...]

    @property
    def upright(self) -> tuple[int, int]:
        """(width, height) as shown."""
        return (self.height, self.width) if self.transpose else (self.width, self.height)

    @property
    def is_turned(self) -> bool:
        return self.transpose or self.mirror or self.flip

    def turned(self, image: np.ndarray) -> np.ndarray:
        """An image or a plane, (h, w[, c]), as it is shown."""
        if self.transpose:
            image = image.swapaxes(0, 1)
        if self.mirror:
            image = image[:, ::-1]
        return image[::-1] if self.flip else image

    @property
    def is_converted(self) -> bool:
        """Have its colours to be brought to BT.709?"""
        return self.hdr is not None or self.primaries in colour.PRIMARIES


class Looks:
    """The looks of a file's frames: each by its own tags, which may change within the file."""

    def __init__(
        self,
        stream: av.VideoStream,
        context: av.VideoCodecContext,
        path: Path,
        conversion: Conversion,
    ) -> None:
        self._stream, self._context, self._path = stream, context, path
        self._conversion: Conversion = conversion
        self._known: dict[tuple, Look] = {}

    def of(self, picture: av.VideoFrame) -> Look:
        """The look of a frame. Raises MediaError where it is too large."""
        matrix = tagged(picture, SideData.DISPLAYMATRIX)
        key = (
            *(picture.width, picture.height, picture.format.name, picture.colorspace),
            *(picture.color_range, picture.color_primaries, picture.color_trc),
            self._context.sample_aspect_ratio,
            matrix,
            bool(picture.interlaced_frame),
        )
        if key not in self._known:
            aspect = self._context.sample_aspect_ratio
            if not self._known:  # the container's own tag is about the first frame
                aspect = self._stream.sample_aspect_ratio or aspect
            self._known[key] = _look(picture, aspect, self._path, self._conversion)
        return self._known[key]


def _look(
    picture: av.VideoFrame, aspect: Fraction | None, path: Path, conversion: Conversion
) -> Look:
    notes: list[str] = []
    width, height = _square(picture, aspect or Fraction(1), notes)
    check_size(path, width, height)
    transpose, mirror, flip = _turn(picture, notes)
    hdr = HDR.get(picture.color_trc)
    if picture.color_primaries in colour.PRIMARIES and not hdr:
        notes.append(f"{colour.PRIMARIES[picture.color_primaries][0]} colours converted to BT.709")
    if picture.interlaced_frame:
        notes.append("interlaced: fields are not separated, deinterlace it first for best results")
    parts, exact = picture.format.components, conversion == "exact"
    return Look(
        width=width,
        height=height,
        transpose=transpose,
        mirror=mirror,
        flip=flip,
        matrix=_matrix(picture, exact),
        interpolation=EXACT if exact else Interpolation.BILINEAR,
        full_range=picture.color_range == 2 or picture.format.name.startswith("yuvj"),
        alpha=any(part.is_alpha for part in parts),
        depth=min(max([8, *(part.bits for part in parts)]), 16) if exact else 8,
        primaries=picture.color_primaries if exact else 2,
        curve=picture.color_trc,
        hdr=hdr,
        peak=_peak(picture) if hdr else 0.0,
        notes=tuple(notes),
    )


def tagged(picture: av.VideoFrame, kind: SideData) -> bytes | None:
    """What a frame is tagged with beside its pixels.

    Not by `picture.side_data`: a frame that holds its tags, which hold the frame, stays in memory
    until Python looks for such rings, after a hundred frames or more.
    """
    made = cast(Callable[[av.VideoFrame], Mapping[SideData, Buffer]], SideDataContainer)
    tags = made(picture)  # PyAV's types know neither this nor the keys
    return bytes(tags[kind]) if kind in tags else None


def _matrix(picture: av.VideoFrame, exact: bool) -> int:
    """The YUV matrix a frame is tagged with; untagged, what players assume from its size."""
    is_hd = (picture.width >= 1280 or picture.height >= 720) and exact
    return matrix_of(picture.colorspace, Colorspace.ITU709 if is_hd else Colorspace.ITU601)


def matrix_of(number: int, usual: int = Colorspace.ITU601) -> int:
    """FFmpeg's YUV matrix of a number of H.273; `usual` where that says nothing."""
    return _MATRICES.get(number, usual)


def _peak(picture: av.VideoFrame) -> float:
    """The brightest light of an HDR frame's programme in nits, as it is tagged (MaxCLL)."""
    level = tagged(picture, SideData.CONTENT_LIGHT_LEVEL)
    nits = struct.unpack("=I", level[:4])[0] if level is not None else 0
    return float(nits) if 100 <= nits <= 10_000 else USUAL_PEAK_NITS


def _square(picture: av.VideoFrame, aspect: Fraction, notes: list[str]) -> tuple[int, int]:
    """The size with square pixels: the short side of a pixel is stretched, nothing is lost."""
    width, height = picture.width, picture.height
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
    matrix = tagged(picture, SideData.DISPLAYMATRIX)
    if matrix is None:
        return False, False, False
    a, b, _, c, d = struct.unpack("=5i", matrix[:20])
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


def chroma_of(form: av.VideoFormat) -> int:
    """Colour samples in 2 x 2 pixels: 4 (4:4:4, RGB), 2 (4:2:2), 1 (4:2:0) or fewer; 0: grey.

    >>> chroma_of(av.VideoFormat("yuv420p")), chroma_of(av.VideoFormat("rgb24"))
    (1, 4)
    """
    if len([part for part in form.components if not part.is_alpha]) < 3:
        return 0
    if form.is_rgb:
        return 4
    return form.chroma_width(4) * form.chroma_height(4) // 4
