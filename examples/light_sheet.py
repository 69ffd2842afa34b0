"""Clips under lights from several sides and prompts: a table of scores and a contact sheet each.

python -m examples.light_sheet CLIP_OR_FOLDER OUT [--frames 16] [--lights "left=red neon light" ...]

Writes OUT/table.md, OUT/scores.json and OUT/NAME.png for every clip, all with the default settings
of the embedded model, and prints the table as it grows. Flicker is given as a part of the source's
own. The last rows are the means, and the worst that there is of each.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import numpy as np

from examples.contact_sheet import contact_sheet
from relight import load_model, media, metrics
from relight.engine.run import run_relight
from relight.jobs import RelightJob
from relight.media.formats import format_of
from relight.models.loader import Model

PROMPTS = ("red neon light", "sunset, warm golden light", "soft natural light")
LIGHTS = tuple(f"{side}={prompt}" for side, prompt in product(("left", "right", "top"), PROMPTS))
COLUMNS = ("lean", "change", "structure", "flicker", "hue_error", "cpu_s")
HEADER = "| clip | prompt | side | lean | change | structure | flicker | hue error | CPU s |"
Row = dict[str, float | str]


def main(argv: Sequence[str] | None = None) -> None:
    """Relight every clip in every way, print and save the scores, save the sheets."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("clips", type=Path, help="a clip, or a folder of them")
    parser.add_argument("out", type=Path, help="folder for the table and the sheets")
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--lights", nargs="*", default=LIGHTS, help="side=prompt, ...")
    parser.add_argument("--width", type=int, default=256, help="of a picture in a sheet")
    given = parser.parse_args(argv)
    given.out.mkdir(parents=True, exist_ok=True)
    model, rows = load_model("mini"), []
    print(f"{HEADER}\n|{'---|' * 9}")
    for clip in clips_of(given.clips):
        source = [frame.image for frame in media.read(clip, frames=given.frames)]
        shown = {"source": spread(source)}
        for side, prompt in (light.split("=", 1) for light in given.lights):
            relit, seconds = lit(model, clip, given.frames, prompt, side)
            row = scored(clip.stem, prompt, side, source, relit, seconds)
            print(line(row), flush=True)
            rows.append(row)
            shown[f"{prompt}, {side}: {caption(row)}"] = spread(relit)
        contact_sheet(shown, given.width).save(given.out / f"{clip.stem}.png")
    ends = [summary(rows, name, pick) for name, pick in (("mean", np.mean), ("worst", worst))]
    print("\n".join(map(line, ends)))
    table = [HEADER, "|" + "---|" * 9, *map(line, rows + ends)]
    (given.out / "table.md").write_text("\n".join(table) + "\n", encoding="utf-8")
    (given.out / "scores.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")


def clips_of(path: Path) -> list[Path]:
    """The clip itself, or the clips of a folder by name."""
    if path.is_file():
        return [path]
    return sorted(file for file in path.iterdir() if file.is_file() and format_of(file))


def lit(
    model: Model, clip: Path, frames: int, prompt: str, side: str, seed: int = 1
) -> tuple[list[np.ndarray], float]:
    """The relit frames, and the CPU seconds they took."""
    with tempfile.TemporaryDirectory() as folder:
        job = RelightJob.make(
            input=clip,
            output=Path(folder) / "out.mkv",
            codec="ffv1",
            prompt=prompt,
            light=side,
            frames=frames,
            seed=seed,
            model="mini",
        )
        begun = time.process_time()
        result = run_relight(job, load=lambda *_: model)
        seconds = time.process_time() - begun
        return [frame.image for frame in media.read(result.path)], seconds


def scored(
    clip: str,
    prompt: str,
    side: str,
    source: Sequence[np.ndarray],
    relit: Sequence[np.ndarray],
    seconds: float,
) -> Row:
    """What a result is worth, as a row of the table."""
    found = metrics.score(zip(source, relit, strict=True), light=side, prompt=prompt)
    found["flicker"] /= max(found["flicker_source"], 1e-6)
    numbers = {name: float(found[name]) for name in COLUMNS[:-1]}
    return {"clip": clip, "prompt": prompt, "side": side, **numbers, "cpu_s": seconds}


def caption(row: Row) -> str:
    """The scores of a result in one line."""
    return (
        f"lean {row['lean']:+.2f}, change {row['change']:.0f}, "
        f"structure {row['structure']:.3f}, flicker {row['flicker']:.2f}"
    )


def line(row: Row) -> str:
    """A row in Markdown."""
    return (
        f"| {row['clip']} | {row['prompt']} | {row['side']} | {row['lean']:+.2f} | "
        f"{row['change']:.0f} | {row['structure']:.3f} | {row['flicker']:.2f} | "
        f"{row['hue_error']:.0f} | {row['cpu_s']:.1f} |"
    )


def summary(rows: Sequence[Row], name: str, pick: Callable[[np.ndarray], float]) -> Row:
    """One number of each column, picked from its values with the best first."""
    found: dict[str, float] = {}
    for column, better in zip(COLUMNS, (-1, -1, -1, 1, 1, 1), strict=True):
        values = np.array([row[column] for row in rows], float)
        values = np.sort(better * values[~np.isnan(values)])
        found[column] = better * float(pick(values)) if len(values) else float("nan")
    return {"clip": name, "prompt": "", "side": "", **found}


def worst(values: np.ndarray) -> float:
    """The last of rising values."""
    return float(values[-1])


def spread(frames: Sequence[np.ndarray], count: int = 4) -> list[np.ndarray]:
    """Frames evenly spread over a clip."""
    return [frames[round(i * (len(frames) - 1) / (count - 1))] for i in range(count)]


if __name__ == "__main__":
    main()
