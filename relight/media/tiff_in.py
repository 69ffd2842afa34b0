"""TIFF files beyond what Pillow knows: more than 8 bits, half floats, planes, BigTIFF.

tifffile reads the layout and most pixels; what it can't decompress by itself (LZW), OpenCV does,
for the plain layouts.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile

from relight.errors import MediaError
from relight.media.beside import is_raw, of_tiff
from relight.media.pictures_in import Pixels, straight, turned

# What it finds wrong with a file is reported as one error, by whoever reads the file in the end.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)

_WHITE_IS_ZERO, _GREY, _RGB = 0, 1, 2  # values of the tag PhotometricInterpretation
_LARGE = 1 << 16  # values of a tag
_ASSOCIATED = 1  # of ExtraSamples: colours are premultiplied


@dataclass(frozen=True)
class Layout:
    """How the first page of a TIFF file stores its pixels.

    Attributes:
        bits: a channel. number: "u", "i" or "f". colours: 1 or 3. alpha: the meaning of the
            channel after them, None without one. photometric: the tag's value.
        planar: one plane a channel. profile: the ICC profile.
        beside: what the file holds beside this page. raw: it is a camera's, and this a preview.
    """

    width: int
    height: int
    bits: int
    number: str
    samples: int
    photometric: int
    alpha: int | None
    planar: bool
    orientation: int
    beside: tuple[str, ...]
    raw: bool
    profile: bytes

    @property
    def is_ours(self) -> bool:
        """Is it for this module: deeper than 8 bits, grey or RGB?"""
        return self.photometric in (_WHITE_IS_ZERO, _GREY, _RGB) and (
            self.bits > 8 or self.number in "if"
        )

    @property
    def colours(self) -> int:
        return 3 if self.photometric == _RGB else 1

    @property
    def depth(self) -> int:
        """Bits a channel of the pixels that `read_tiff` gives."""
        return 32 if self.number == "f" or self.bits > 16 else 16


def layout_of(path: Path) -> Layout | None:
    """The layout of a TIFF file's first page; None where it is damaged."""
    try:
        with tifffile.TiffFile(path) as file:
            page: Any = file.pages[0]  # whose attributes depend on its tags
            extra = tuple(int(x) for x in page.extrasamples)
            clear = extra[0] if extra and extra[0] in (1, 2) else None
            tag = page.tags.get(34675)
            turn = page.tags.get(274)
            tags = {one.code: one.value for one in page.tags if one.count < _LARGE}
            pages = 2 if len(file.pages) > 1 else 1
            return Layout(
                width=page.imagewidth,
                height=page.imagelength,
                bits=page.bitspersample,
                number=np.dtype(page.dtype).kind,
                samples=page.samplesperpixel,
                photometric=int(page.photometric),
                alpha=clear,
                planar=page.planarconfig == 2,
                orientation=int(turn.value) if turn is not None else 1,
                beside=tuple(of_tiff(tags, pages, len(extra) - (clear is not None))),
                raw=is_raw(tags) or _is_canon(path),
                profile=bytes(tag.value) if tag is not None else b"",
            )
    except Exception:  # tifffile fails in many ways on damaged files, which Pillow then names
        return None


def _is_canon(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(10)[8:] == b"CR"


def refuse_raw(path: Path, layout: Layout) -> None:
    """Raises MediaError for a camera's raw file: its first page is a preview of it."""
    if layout.raw:
        raise MediaError(
            f"{path}: a camera's raw file, of which only a preview could be read; develop it to "
            "TIFF or PNG first"
        )


def read_tiff(path: Path, layout: Layout) -> Pixels:
    """The first page as uint16 or float32, upright; its alpha straight.

    Raises MediaError for what neither library decompresses.
    """
    array = _values(_array(path, layout), layout)
    colours = array[..., : layout.colours]
    if layout.photometric == _WHITE_IS_ZERO:
        top = 65535 if array.dtype == np.uint16 else 1.0
        colours = (top - colours).astype(array.dtype)
    alpha = None
    if layout.alpha is not None and array.shape[2] > layout.colours:
        alpha = turned(np.ascontiguousarray(array[..., layout.colours]), layout.orientation)
    image = np.repeat(colours, 3, 2) if layout.colours == 1 else colours
    image = turned(np.ascontiguousarray(image), layout.orientation)
    if alpha is not None and layout.alpha == _ASSOCIATED:
        image = straight(image, alpha)
    return Pixels(image, alpha)


def tags_of_tiff(path: Path) -> dict[int, Any]:
    """The tags of the first page, by number, of a file that Pillow doesn't open."""
    with tifffile.TiffFile(path) as file:
        page: Any = file.pages[0]
        return {tag.code: tag.value for tag in page.tags}


def _array(path: Path, layout: Layout) -> np.ndarray:
    """(H, W, samples) as stored."""
    try:
        with tifffile.TiffFile(path) as file:
            array = file.pages[0].asarray()
        if layout.planar and array.ndim == 3:
            array = array.transpose(1, 2, 0)
        return array.reshape(layout.height, layout.width, -1)
    except (ValueError, KeyError, ImportError) as error:
        if "imagecodecs" not in str(error):  # damaged: OpenCV would only fill the terminal
            raise
        return _by_opencv(path, layout)


def _by_opencv(path: Path, layout: Layout) -> np.ndarray:
    plain = not layout.planar and layout.photometric != _WHITE_IS_ZERO
    array = None
    if plain:
        try:
            array = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
        except cv2.error:
            array = None
    if array is None:
        raise MediaError(
            f"{path}: a TIFF compressed or laid out in a way that is not read; save it with "
            "deflate, or without compression"
        )
    array = np.atleast_3d(array)
    if array.shape[2] >= 3:  # OpenCV has blue first
        array = array[..., [2, 1, 0, *range(3, array.shape[2])]]
    return array


def _values(array: np.ndarray, layout: Layout) -> np.ndarray:
    """Stored numbers to uint16 of the full range, or float32 where [0, 1] is."""
    if array.dtype.kind == "f":
        return np.nan_to_num(array.astype(np.float32), posinf=1.0)
    bits = layout.bits
    if bits > 16:
        return (array.astype(np.float64) / ((1 << bits) - 1)).astype(np.float32)
    if bits == 16:
        return array.astype(np.uint16)
    return (array.astype(np.uint32) * 65535 // ((1 << bits) - 1)).astype(np.uint16)
