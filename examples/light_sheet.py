"""A contact sheet of one clip under lights from several sides and several prompts, with scores.

python -m examples.light_sheet CLIP OUT.png [--frames 16]
"""

from __future__ import annotations

import argparse
import tempfile
from itertools import product
from pathlib import Path

import numpy as np

from examples.contact_sheet import contact_sheet
from relight import load_model, media, metrics
from relight.engine.run import run_relight
from relight.jobs import RelightJob

SIDES = ("left", "right", "top")
PROMPTS = ("red neon light", "sunset, warm golden light", "blue moonlight")


def main() -> None:
    """Relight the clip in every way, print the scores, save the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--frames", type=int, default=16)
    given = parser.parse_args()
    model = load_model("mini")
    source = [frame.image for frame in media.read(given.clip, frames=given.frames)]
    rows = {"source": spread(source)}
    with tempfile.TemporaryDirectory() as folder:
        for side, prompt in product(SIDES, PROMPTS):
            job = RelightJob.make(
                input=given.clip,
                output=Path(folder) / "out.mp4",
                prompt=prompt,
                light=side,
                frames=given.frames,
                seed=1,
                model="mini",
                overwrite=True,
                resume=False,
            )
            result = run_relight(job, load=lambda *_: model)
            relit = [frame.image for frame in media.read(result.path)]
            rows[f"{prompt}, {side}: {described(source, relit, side)}"] = spread(relit)
    contact_sheet(rows).save(given.out)


def described(source: list[np.ndarray], relit: list[np.ndarray], side: str) -> str:
    """The scores of a result in one line, which is printed too."""
    found = metrics.score(zip(source, relit, strict=True), light=side)
    text = (
        f"lean {found['lean']:+.2f}, change {found['change']:.0f}, "
        f"structure {found['structure']:.3f}, "
        f"flicker {found['flicker'] / max(found['flicker_source'], 1e-6):.2f}"
    )
    print(side, text, flush=True)
    return text


def spread(frames: list[np.ndarray], count: int = 4) -> list[np.ndarray]:
    """Frames evenly spread over a clip."""
    return [frames[round(i * (len(frames) - 1) / (count - 1))] for i in range(count)]


if __name__ == "__main__":
    main()
