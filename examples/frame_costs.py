"""What a frame costs outside the model: reading it twice, lighting it, encoding it.

    python -m examples.frame_costs clip.mp4 [--frames 120] [--times 3]

CPU seconds of all threads, of a run by `--recipe fast` whose small frames have their light already:
a bright one that comes from the left, so that much rolls off, and warm. Of several times the
quickest counts: beside other work on the same processors the same code takes longer. The first pass
also stores ten frames, however many there are: with few frames that is much of it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import torch

from relight import media
from relight.engine.ahead import ahead
from relight.engine.framed import small_scale
from relight.engine.full_size import Lit, transferred
from relight.engine.lit_clip import light_size
from relight.engine.survey import Scale, survey
from relight.engine.work import Work
from relight.methods.carried_light import SIDE
from relight.types import Size

LIGHT_FPS = 4.0
PARTS = ("first pass", "read again", "light", "encode")


def warm(height: int, width: int) -> torch.Tensor:
    """Gain and glow of a warm lamp on the left, (6, h, w)."""
    across = torch.linspace(0.9, -0.9, width).expand(height, width)
    gain = torch.stack([across + tint for tint in (0.15, 0.0, -0.2)])
    return torch.cat([gain, 0.04 * across.expand(3, height, width)])


def lights(frames: list[media.Frame], scale: Scale) -> Iterator[Lit]:
    """The light of some frames a second, and of the last."""
    due = Fraction(0)
    for frame in frames:
        if frame.time >= due or frame is frames[-1]:
            due += 1 / Fraction(LIGHT_FPS)
            small = torch.from_numpy(scale(frame.image)).permute(2, 0, 1).float() / 255
            yield Lit(frame.time, small, warm(*light_size(*small.shape[-2:])))


def parts(clip: Path, frames: list[media.Frame], folder: Path) -> dict[str, Callable[[], object]]:
    """By name: one part of a run over a clip's first frames."""
    info, count = media.probe(clip), len(frames)
    shrink = min(SIDE / min(info.width, info.height), 1.0)
    scale = small_scale(Size(round(info.height * shrink), round(info.width * shrink)), info)
    lit = list(lights(frames, scale))

    def first_pass() -> None:
        moments = ahead(media.moments(clip, frames=count))
        survey(moments, Work(folder), fps=LIGHT_FPS, scale=scale, pairs=True)

    def light() -> None:
        with torch.no_grad():
            for _ in transferred(frames, iter(lit), scale):
                pass

    def encode() -> None:
        size = (info.width, info.height)
        with media.write(folder / "o.mp4", size=size, fps=info.fps, overwrite=True) as writer:
            for frame in frames:
                writer.put(frame)

    return dict(
        zip(
            PARTS,
            (
                first_pass,
                lambda: [None for _ in media.read(clip, frames=count, planar=True)],
                light,
                encode,
            ),
            strict=True,
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--times", type=int, default=3)
    asked = parser.parse_args()
    print("| part | CPU ms a frame |")
    print("|---|---|")
    total = 0.0
    with tempfile.TemporaryDirectory() as folder:
        frames = list(islice(media.read(asked.clip, planar=True), asked.frames))
        for name, part in parts(asked.clip, frames, Path(folder)).items():
            costs = []
            for _ in range(asked.times):
                begun = time.process_time()
                part()
                costs.append((time.process_time() - begun) / len(frames))
            total += min(costs)
            print(f"| {name} | {1e3 * min(costs):.1f} |", flush=True)
    print(f"| together | {1e3 * total:.1f} |")


if __name__ == "__main__":
    main()
