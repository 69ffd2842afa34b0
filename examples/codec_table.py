"""Size and quality of every codec, on a clip: the table in docs/media.md.

    python -m examples.codec_table            prints the table
    python -m examples.codec_table --write    writes it into docs/media.md

The frames of the clip are written with each codec, at its default quality and one better and one
worse, read back and compared. They are halved first: the sample clip is H.264 itself, and a codec
of the same kind would find the losses of the first encoding easy to keep.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import cv2

from relight import media, metrics
from relight.media import encoders
from relight.media.codecs import CODECS

CLIP = Path(__file__).parent / "clips" / "big_buck_bunny.mp4"
DOCUMENT = Path(__file__).parents[1] / "docs" / "media.md"
BEGIN, END = "<!-- codecs: begin -->", "<!-- codecs: end -->"
STEP = 6  # of crf, around the default
FRAMES = 32


@dataclass(frozen=True)
class Row:
    """What one codec came to at one quality."""

    codec: str
    crf: int | None
    usual: bool
    megabits: float  # a second
    ssim: float
    psnr: float


def measured(frames: list[media.Frame], fps: Fraction, codec: str, crf: int | None) -> Row:
    """Write frames with a codec, read them back, and compare."""
    height, width = frames[0].image.shape[:2]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("a.webm" if codec in ("vp9", "av1") else "a.mkv")
        asked = media.Encoding(codec=codec, crf=crf)
        with media.write(path, size=(width, height), fps=fps, encoding=asked) as out:
            for frame in frames:
                out.put(frame)
        size = path.stat().st_size
        pairs = [
            (a.image, media.to_uint8(b.image))
            for a, b in zip(frames, media.read(path), strict=True)
        ]
    source, result = zip(*pairs, strict=True)
    default = CODECS[codec].crf
    return Row(
        codec=codec,
        crf=crf,
        usual=default is None or crf == default[2],
        megabits=size * 8e-6 * float(fps) / len(frames),
        ssim=metrics.ssim(source, result),
        psnr=metrics.psnr(source, result),
    )


def halved(frame: media.Frame) -> media.Frame:
    """A frame at half its size, by the mean of four pixels."""
    height, width = (side // 4 * 2 for side in frame.image.shape[:2])
    return frame.with_image(cv2.resize(frame.image, (width, height), interpolation=cv2.INTER_AREA))


def rows(clip: Path, count: int) -> list[Row]:
    """Every codec of this build but the hardware ones, three qualities each where it has them."""
    info = media.probe(clip)
    frames = [halved(frame) for frame in islice(media.read(clip), count)]
    found = []
    for codec in encoders.available("a.mkv"):
        if not CODECS[codec].linked:
            continue
        scale = CODECS[codec].crf
        levels = [None] if scale is None else [scale[2] + k for k in (-STEP, 0, STEP)]
        found += [measured(frames, info.fps, codec, crf) for crf in levels]
    return found


def table(found: list[Row]) -> str:
    """The rows as a table; the defaults in bold."""
    lines = ["| codec | crf | Mbit/s | SSIM | PSNR |", "|---|---|---|---|---|"]
    for row in found:
        name = f"**{row.codec}**" if row.usual else row.codec
        quality = "-" if row.crf is None else str(row.crf)
        psnr = "lossless" if row.psnr > 90 else f"{row.psnr:.1f}"
        lines.append(f"| {name} | {quality} | {row.megabits:.2f} | {row.ssim:.4f} | {psnr} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--clip", type=Path, default=CLIP)
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--write", action="store_true", help="into docs/media.md")
    given = parser.parse_args()
    made = table(rows(given.clip, given.frames))
    if not given.write:
        print(made)
        return
    text = DOCUMENT.read_text(encoding="utf-8")
    head, rest = text.split(BEGIN + "\n")
    DOCUMENT.write_text(head + BEGIN + "\n" + made + END + rest.split(END)[1], encoding="utf-8")


if __name__ == "__main__":
    main()
