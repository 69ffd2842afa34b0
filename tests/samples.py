"""The sample clip, and small pictures and clips made of it."""

import functools
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from relight import media

CLIP = Path(__file__).parents[1] / "examples" / "clips" / "big_buck_bunny.mp4"


@functools.cache
def scene() -> np.ndarray:
    """Its first frame, (360, 640, 3) uint8; not to be changed."""
    return next(media.read(CLIP)).image


def shrunk(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """An image by area at another size."""
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def small_picture(path: Path, width: int = 40, height: int = 24) -> Path:
    """Write its first frame, small."""
    Image.fromarray(shrunk(scene(), width, height)).save(path)
    return path


def small_clip(path: Path, frames: int, width: int = 32, height: int = 18) -> Path:
    """Write its first frames, small, with its sound."""
    info = media.probe(CLIP)
    with media.write(path, info, size=(width, height), fps=info.fps) as out:
        for frame in media.read(CLIP, frames=frames):
            out.add(shrunk(frame.image, width, height), frame.time)
    return path
