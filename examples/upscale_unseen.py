"""Upscaling on pictures and clips that no choice of this project was made on, peers beside.

    python -m examples.upscale_unseen OUT --raw RAW [--published DIR] [--only REGEX]

With `--only` what was measured before stays in the table.

RAW: the unpacked Debian packages `mate-backgrounds` and `opencv-doc` and the wheel of ultralytics.
DIR: published results with their sources, of which the sources are taken. The lists below were
written before anything was measured: what the embedded models were trained on, or its near twins,
is left out, and so is all that settings of upscaling were chosen on. Centre squares, 256 x 256 by
area, halved by area and rounded to codes, enlarged again. Writes `unseen.json` for
`python -m examples.benchmarks OUT`, and the results, for looking at.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from examples.upscale_ways import Way, by_guide, clips
from relight import media
from relight.engine.bench import enlarged, relit, report
from relight.engine.bench.relit import Row
from relight.media.source_invariants import finished

SIDE = 256
FRAMES = 6
MOVE = (2.3, 0.7)
"""Pixels, right and down, by which the camera moves over a photo from frame to frame."""
ZOOM = 1.004
NOISE = 1.0
"""Deviation in codes of what no two frames of such a clip share."""
EDGE = 80
EXACT_DB = 80.0
"""Counts for a result that, made smaller, is its source in every code."""

PICTURES = (
    *(
        f"mate/nature/{name}.jpg"
        for name in (
            *("Aqua", "Blinds", "Dune", "FreshFlower", "Garden", "GreenMeadow", "LadyBird"),
            *("RainDrops", "Storm", "TwoWings", "Wood", "YellowFlower"),
        )
    ),
    *(
        f"examples/data/{name}"
        for name in (
            *("aero1.jpg", "aloeL.jpg", "baboon.jpg", "box_in_scene.png", "ela_original.jpg"),
            *("graf1.png", "leuvenA.jpg", "messi5.jpg", "rubberwhale1.png", "smarties.png"),
            *("starry_night.jpg", "sudoku.png"),
        )
    ),
    *("examples/ximgproc/stanford.png", "examples/fuzzy/input.png"),
    *("ultralytics/assets/bus.jpg", "ultralytics/assets/zidane.jpg"),
)
"""Photos, two paintings, a drawing, a map. The drawing is `input`, the map `stanford`."""


@dataclass(frozen=True)
class Footage:
    """A clip: where it begins in a file, and which part of it is taken."""

    name: str
    file: str
    first: int = 0
    box: tuple[int, int, int, int] | None = None  # left, top, width, height


RECORDED = (
    Footage("vtest", "examples/data/vtest.avi"),  # a static camera
    Footage("tree", "examples/data/tree.avi"),
    Footage("megamind", "examples/data/Megamind.avi", 90),  # after the fade-in
)
PUBLISHED = (
    Footage("dancers", "hilight_input2.mp4"),
    Footage("lucky cat", "lav_full_1.mp4", box=(1024, 0, 512, 512)),
    Footage("cow", "lav_full_1.mp4", box=(1536, 0, 512, 512)),
    Footage("city", "lav_cogvideox.mp4", box=(0, 0, 512, 512)),
    Footage("lion", "lav_cogvideox.mp4", box=(1024, 0, 512, 512)),
)
MOVED = ("examples/data/aloeL.jpg", "mate/nature/LadyBird.jpg", "mate/nature/Dune.jpg")
"""Photos that a camera moves over; such clips are steadier than any that was recorded."""
MADE = ", camera move"
COLUMNS = (
    *report.ENLARGED[:2],
    report.Column("cpu_seconds", "CPU s", ".2f"),
    report.Column("psnr", "PSNR", ".2f"),
    report.Column("ssim", "SSIM", ".4f"),
    *report.ENLARGED[5:],
    report.Column("overshoot", "overshoot, %", ".1f"),
)


def square(image: np.ndarray, side: int = SIDE) -> np.ndarray:
    """The centre square of (h, w, 3) uint8, by area; smaller where the picture is."""
    cut = min(image.shape[:2])
    top, left = (image.shape[0] - cut) // 2, (image.shape[1] - cut) // 2
    side = min(side, cut // 4 * 4)
    inner = np.ascontiguousarray(image[top : top + cut, left : left + cut])
    return cv2.resize(inner, (side, side), interpolation=cv2.INTER_AREA)


def recorded(path: Path, footage: Footage) -> np.ndarray:
    """(FRAMES, side, side, 3) uint8."""
    left, top, width, height = footage.box or (0, 0, None, None)
    found = []
    for number, frame in enumerate(media.read(path, frames=footage.first + FRAMES)):
        if number >= footage.first:
            image = media.to_uint8(frame.image)[top:, left:][:height, :width]
            found.append(square(image))
    return np.stack(found)


def moved(photo: np.ndarray) -> np.ndarray:
    """A camera that moves over a photo: (FRAMES, SIDE, SIDE, 3) uint8."""
    large, rng = 2 * SIDE, np.random.default_rng(0)
    whole = square(photo, 4 * SIDE).astype(np.float32)
    fit = 1.15 * large / len(whole)
    frames = []
    for number in range(FRAMES):
        scale = fit * ZOOM**number
        at = large / 2 - scale * len(whole) / 2
        step = number - FRAMES / 2
        across, down = (at + 2 * pace * step for pace in MOVE)
        matrix = np.array([[scale, 0, across], [0, scale, down]])
        view = cv2.warpAffine(whole, matrix, (large, large), flags=cv2.INTER_CUBIC)
        view = cv2.resize(view, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        noise = rng.normal(0, NOISE, view.shape)
        frames.append((view + noise).round().clip(0, 255).astype(np.uint8))
    return np.stack(frames)


def sources(raw: Path, published: Path | None) -> dict[str, Callable[[], np.ndarray]]:
    """Name -> what reads (1, h, w, 3) uint8 of each picture, then the frames of each clip."""
    files = [path for path in sorted(raw.rglob("*")) if path.is_file()]

    def place(end: str) -> Path:
        return next(path for path in files if path.as_posix().endswith(f"/{end}"))

    def photo(end: str) -> np.ndarray:
        return media.to_uint8(next(iter(media.read(place(end)))).image)

    found: dict[str, Callable[[], np.ndarray]] = {}
    for end in PICTURES:
        found[Path(end).stem] = lambda end=end: square(photo(end))[None]
    for shot in RECORDED:
        found[shot.name] = lambda shot=shot: recorded(place(shot.file), shot)
    if published is not None:
        for shot in PUBLISHED:
            found[shot.name] = lambda shot=shot: recorded(published / shot.file, shot)
    for end in MOVED:
        found[f"{Path(end).stem}{MADE}"] = lambda end=end: moved(photo(end))
    return found


def ways() -> tuple[dict[str, Way], dict[str, Way]]:
    """Of pictures, and of clips: name -> (n, 3, h, w) in [0, 1] to (n, 3, 2h, 2w)."""
    found = clips(None)
    alone = found.pop("identity 1, frame by frame")
    shared = found.pop("**identity 1**")
    found.pop("guide alone, not back-projected")
    assert alone is by_guide
    return {**found, "default": alone}, {**found, "default, frame by frame": alone} | {
        "default": shared
    }


@torch.no_grad()
def measure(name: str, way_name: str, way: Way, truth: np.ndarray, folder: Path) -> dict[str, Any]:
    """A row of the table, and the result beside it."""
    half = truth.shape[2] // 2, truth.shape[1] // 2
    small = np.stack([cv2.resize(image, half, interpolation=cv2.INTER_AREA) for image in truth])
    given = torch.from_numpy(small).permute(0, 3, 1, 2).float() / 255
    begun = time.process_time()
    result = codes(way(given).clamp(0, 1))
    spent = (time.process_time() - begun) / len(truth)
    if way_name.startswith("default"):
        result = np.stack([finished(a, b) for a, b in zip(result, small, strict=True)])
    ending = ".png" if len(truth) == 1 else ".mkv"
    for what, images in ((way_name, result), ("original", truth), ("small", small)):
        enlarged.write(folder / f"{name}_{what}{ending}", images, Fraction(25))
    scored = enlarged.scores(truth, result, small)
    scored["down"] = min(scored["down"], EXACT_DB)
    scored["overshoot"] = float(
        np.mean([overshoot(*pair) for pair in zip(truth, result, strict=True)])
    )
    return {"variant": way_name, "clip": name, "cpu_seconds": spent, **scored}


def overshoot(truth: np.ndarray, result: np.ndarray) -> float:
    """How far a result leaves the original's range at edges, % of it: 99 of 100 places have less.

    Edges are where the luminance's range in 5 x 5 pixels is more than EDGE codes; 0 without any.
    """
    own, made = (cv2.cvtColor(x, cv2.COLOR_RGB2GRAY).astype(np.float32) for x in (truth, result))
    around = np.ones((5, 5), np.uint8)
    high, low = cv2.dilate(own, around), cv2.erode(own, around)
    edges = high - low > EDGE
    beyond = np.maximum(made - high, low - made).clip(0)[edges] / (high - low)[edges]
    return 100 * float(np.percentile(beyond, 99)) if beyond.size else 0.0


def averaged(rows: list[dict[str, Any]]) -> Iterator[Row]:
    """A row for each way: of the pictures, of the clips, and of the camera's moves over photos."""
    moving = [row for row in rows if "flicker" in row]
    made = [row for row in moving if row["clip"].endswith(MADE)]
    yield from relit.means([row for row in rows if "flicker" not in row], "picture")
    yield from relit.means([row for row in moving if row not in made])
    yield from relit.means(made, MADE.strip(", "))


def codes(images: Tensor) -> np.ndarray:
    """(n, 3, h, w) in [0, 1] -> (n, h, w, 3) uint8."""
    return (images.permute(0, 2, 3, 1) * 255).round().byte().numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--raw", type=Path, required=True)
    parser.add_argument("--published", type=Path)
    parser.add_argument("--only", default="", help="sources of such names, a regular expression")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    file, (still, moving) = args.out / "unseen.json", ways()
    known = sources(args.raw, args.published)
    asked = [name for name in known if re.search(args.only, name)]
    before = json.loads(file.read_text(encoding="utf-8"))["rows"] if file.exists() else []
    rows = [row for row in before if row["clip"] in known and row["clip"] not in asked]
    for name in asked:
        truth = known[name]()
        found = still if len(truth) == 1 else moving
        rows += [measure(name, key, way, truth, args.out) for key, way in found.items()]
        print(name, {row["variant"]: round(row["psnr"], 2) for row in rows[-len(found) :]})
    rows.sort(key=lambda row: list(known).index(row["clip"]))
    means = list(averaged(rows))
    command = "python -m examples.upscale_unseen OUT --raw RAW --published DIR"
    report.save(file, report.as_json([*rows, *means], command))
    print(report.table(means, COLUMNS))


if __name__ == "__main__":
    main()
