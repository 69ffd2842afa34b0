"""What settings of x264 cost and give, on frames as they are before they are encoded.

    relight run clip.mp4 -o lit.mkv --codec ffv1 --prompt "sunset" --light left
    python -m examples.h264_settings lit.mkv [--grain 4] [--settings "preset=faster crf=18" ...]

Each line of settings, without one those of an earlier default and the default, encodes the same
frames. Brightness and colour are compared on their own, with what the encoder was given: the PSNR
of RGB is mostly that of the colour which 4:2:0 leaves out. Texture is the mean size of the
Laplacian of the brightness over the source's: an encoder that smoothes has less than 1.

One line of settings is as good as another where it makes no larger a file of no lower figures.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np

from relight import media
from relight.media.codecs import CODECS

EARLIER = "preset=fast crf=18 mixed-refs=0"
USUAL = "the default"


@dataclass(frozen=True)
class Row:
    """What one line of settings came to.

    Attributes:
        seconds: CPU seconds a frame, the conversion from RGB among them. size: of the file, bytes.
        luma, chroma: PSNR in dB. texture: over the source's.
    """

    seconds: float
    size: int
    luma: float
    chroma: float
    texture: float


def encoded(frames: list[media.Frame], fps: Fraction, settings: str, target: Path) -> float:
    """Write frames under a line of settings; returns CPU seconds a frame."""
    usual, asked = CODECS["h264"], media.Encoding()
    if settings != USUAL:
        options = dict(one.split("=", 1) for one in settings.split())
        asked = media.Encoding(crf=int(options.pop("crf", 18)))
        preset = options.pop("preset", "")
        CODECS["h264"] = replace(usual, default_preset=preset, default_options=options)
    height, width = frames[0].image.shape[:2]
    begun = time.process_time()
    try:
        with media.write(target, size=(width, height), fps=fps, encoding=asked) as writer:
            for frame in frames:
                writer.put(frame)
    finally:
        CODECS["h264"] = usual
    return (time.process_time() - begun) / len(frames)


def planes(path: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Brightness (h, w) and both colours (h, w / 2) of each frame of a file, float32."""
    with av.open(path) as container:
        for frame in container.decode(video=0):
            values = frame.to_ndarray().astype(np.float32)
            yield values[: frame.height], values[frame.height :]


def measured(frames: list[media.Frame], fps: Fraction, settings: str, folder: Path) -> Row:
    """Encode frames and compare them with what x264 was given."""
    given, target = folder / "given.mp4", folder / "encoded.mp4"
    if not given.exists():
        encoded(frames, fps, "preset=ultrafast crf=0", given)  # lossless
    seconds = encoded(frames, fps, settings, target)
    errors, texture = np.zeros((2, len(frames))), np.zeros((2, len(frames)))
    for i, (a, b) in enumerate(zip(planes(given), planes(target), strict=True)):
        errors[:, i] = [np.square(x - y).mean() for x, y in zip(a, b, strict=True)]
        texture[:, i] = [np.abs(cv2.Laplacian(x, -1)).mean() for x in (a[0], b[0])]
    luma, chroma = 10 * np.log10(255**2 / errors.mean(1))
    row = Row(seconds, target.stat().st_size, luma, chroma, texture[1].sum() / texture[0].sum())
    target.unlink()
    return row


def read(clip: Path, count: int, grain: float) -> list[media.Frame]:
    """The first frames of a clip, with grain of so many codes."""
    random, frames = np.random.default_rng(0), list(islice(media.read(clip), count))
    if not grain:
        return frames
    noisy = [frame.image + random.normal(0, grain, frame.image.shape) for frame in frames]
    codes = [image.round().clip(0, 255).astype(np.uint8) for image in noisy]
    return [frame.with_image(image) for frame, image in zip(frames, codes, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="+", type=Path, help="lossless ones")
    parser.add_argument("--settings", nargs="+", default=(EARLIER, USUAL))
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--grain", type=float, default=0.0, help="standard deviation, in codes")
    asked = parser.parse_args()
    print("| clip | settings | CPU ms a frame | kB | PSNR Y, dB | PSNR colour, dB | texture |")
    print("|---|---|---|---|---|---|---|")
    for clip in asked.clips:
        frames, fps = read(clip, asked.frames, asked.grain), media.probe(clip).fps
        with tempfile.TemporaryDirectory() as folder:
            for settings in asked.settings:
                row = measured(frames, fps, settings, Path(folder))
                cost = f"{1e3 * row.seconds:.1f} | {row.size / 1e3:.0f}"
                gain = f"{row.luma:.2f} | {row.chroma:.2f} | {row.texture:.3f}"
                print(f"| {clip.stem} | {settings} | {cost} | {gain} |", flush=True)


if __name__ == "__main__":
    main()
