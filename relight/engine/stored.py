"""Pictures as chunks store them: lossless, in 8 bits, and in 16 where two chunks are blended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import cv2
import numpy as np

from relight.engine.chunks import Chunk
from relight.errors import MediaError

if TYPE_CHECKING:
    from torch import Tensor

STILL_ROWS = 256  # of a still picture, in one file


def pack(frames: Iterable[Tensor], chunk: Chunk, deep: bool = False) -> dict[str, np.ndarray]:
    """Frames (3, h, w) in [0, 1] -> PNG files by frame, as `Work.save` takes them.

    Frames that are shared with another chunk keep 16 bits, as they are rounded once, after
    blending; `deep`: all do.
    """
    stored = {}
    for i, image in enumerate(frames):
        shared = deep or i < chunk.head or i >= len(chunk) - chunk.tail
        kind = np.uint16 if shared else np.uint8
        codes = image.cpu().float().clamp(0, 1).mul_(np.iinfo(kind).max).round_()
        stored[f"{i:05d}"] = encoded(codes.permute(1, 2, 0).numpy().astype(kind))
    return stored


def pack_still(image: np.ndarray) -> dict[str, np.ndarray]:
    """A picture of codes, (h, w, 3) uint8 or uint16, as files of STILL_ROWS rows: decoders double
    what they decode.

    Its channels stay in their order, which OpenCV takes for blue, green and red.
    """
    tops = range(0, len(image), STILL_ROWS)
    files = [cv2.imencode(".png", image[top : top + STILL_ROWS])[1] for top in tops]
    return {"rows": np.array([len(image)])} | {f"{i:05d}": file for i, file in enumerate(files)}


def still(stored: Mapping[str, np.ndarray], index: int = 0) -> np.ndarray:
    """The picture of `pack_still`."""
    if "rows" not in stored:
        raise MediaError("a stored picture is of an earlier version: run again with --no-resume")
    made = None
    for top in range(0, int(stored["rows"][0]), STILL_ROWS):
        part = cv2.imdecode(stored[f"{top // STILL_ROWS:05d}"], cv2.IMREAD_UNCHANGED)
        if part is None:
            raise MediaError("a stored picture is damaged: run again with --no-resume")
        if made is None:
            made = np.empty((int(stored["rows"][0]), *part.shape[1:]), part.dtype)
        made[top : top + len(part)] = part
    assert made is not None, "a picture has rows"
    return made


def unpack(stored: Mapping[str, np.ndarray], index: int) -> np.ndarray:
    """One frame of `pack`: (h, w, 3) float32 in [0, 1]."""
    found = decoded(stored[f"{index:05d}"])
    values = found.astype(np.float32)
    values /= np.iinfo(found.dtype).max
    return values


def encoded(image: np.ndarray) -> np.ndarray:
    """(h, w, 3) or (h, w) uint8 or uint16 -> the bytes of a PNG, lossless.

    No level is named: what OpenCV takes then (one filter, runs) needs half the time of its level 1,
    for files larger by a seventh to a half.
    """
    return cv2.imencode(".png", image[..., ::-1] if image.ndim == 3 else image)[1]


def decoded(png: np.ndarray) -> np.ndarray:
    """The inverse of `encoded`."""
    image = cv2.imdecode(png, cv2.IMREAD_UNCHANGED)
    if image is None:
        raise MediaError("a stored frame is damaged: run again with --no-resume")
    return np.ascontiguousarray(image[..., ::-1]) if image.ndim == 3 else image
