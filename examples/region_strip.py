"""The README's strip of lights and masks: `python -m examples.region_strip OUT.jpg`.

Runs job files of `examples/jobs`, a few frames each, on the sample clip (Big Buck Bunny, CC BY 3.0)
and puts one frame of each side by side, with the words that made it.
"""

from __future__ import annotations

import functools
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

from relight import media
from relight.engine.run import run_relight
from relight.jobs import RelightJob
from relight.jobs.files import read_job
from relight.models.loader import load_model

JOBS = Path(__file__).parent / "jobs"
CELLS = {
    "lamp": "point:x=.2,y=.3,color=#ffb060",
    "lamp_behind": "point:x=.5,y=.4,z=-.2,color=3200K",
    "two_lamps": "point:... + point:...",
    "picture_as_light": "--light sky.png",
    "candle": "--light candle",
    "police": "--light police",
    "subject_only": "--relight subject",
    "background_only": "--relight background",
    "new_background": "--background sky.png",
}
"""Job file -> what is written below its picture."""
START, FRAMES, LIGHT_FPS = 1.0, 9, 8.0
WIDTH, COLUMNS, MARGIN = 320, 5, 26


def cell(image: np.ndarray, words: str) -> np.ndarray:
    """A picture with its words below, (h, WIDTH, 3) uint8."""
    height = round(WIDTH * image.shape[0] / image.shape[1])
    small = cv2.resize(image, (WIDTH, height), interpolation=cv2.INTER_AREA)
    below = np.full((MARGIN, WIDTH, 3), 255, np.uint8)
    font = cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(below, words, (4, 18), font, 0.45, (30, 30, 30), 1, cv2.LINE_AA)
    return np.concatenate([small, below])


def main(out: Path) -> None:
    load = functools.lru_cache(maxsize=1)(load_model)
    clip = JOBS.parent / "clips" / "big_buck_bunny.mp4"
    cells = [cell(next(media.read(clip, start=START)).image, "source")]
    with tempfile.TemporaryDirectory() as folder:
        for name, words in CELLS.items():
            settings = read_job(JOBS / f"{name}.yaml")
            if "mask" in settings:  # these frames show the subject from the first on
                settings["mask"] = settings["mask"].partition("@")[0]
            settings |= {
                "output": Path(folder) / f"{name}.mkv",
                "codec": "ffv1",
                "start": START,
                "frames": FRAMES,
                "light_fps": LIGHT_FPS,
            }
            result = run_relight(RelightJob.make(**settings), load=load)
            frames = list(media.read(result.path))
            cells.append(cell(frames[len(frames) // 2].image, words))
            _write(out, cells)


def _write(out: Path, cells: list[np.ndarray]) -> None:
    empty = np.full_like(cells[0], 255)
    full = cells + [empty] * (-len(cells) % COLUMNS)
    rows = [np.concatenate(full[i : i + COLUMNS], 1) for i in range(0, len(full), COLUMNS)]
    sheet = np.concatenate(rows)[..., ::-1]
    cv2.imwrite(str(out), sheet, [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
