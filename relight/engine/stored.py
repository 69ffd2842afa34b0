"""Pictures as chunks store them: lossless, in 8 bits, and in 16 where two chunks are blended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from relight.engine.chunks import Chunk
from relight.engine.survey import decoded, encoded

if TYPE_CHECKING:
    from torch import Tensor


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


def pack_codes(images: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
    """The same of frames that are codes already, (h, w, 3) uint8 or uint16."""
    return {f"{i:05d}": encoded(image) for i, image in enumerate(images)}


def codes(stored: Mapping[str, np.ndarray], index: int) -> np.ndarray:
    """One frame of `pack` or `pack_codes` as it is stored: (h, w, 3) uint8 or uint16."""
    return decoded(stored[f"{index:05d}"])


def unpack(stored: Mapping[str, np.ndarray], index: int) -> np.ndarray:
    """One frame of `pack`: (h, w, 3) float32 in [0, 1]."""
    found = codes(stored, index)
    values = found.astype(np.float32)
    values /= np.iinfo(found.dtype).max
    return values
