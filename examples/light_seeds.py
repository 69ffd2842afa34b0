"""How far a light depends on the seed: the same clips and lights again and again.

python -m examples.light_seeds CLIP_OR_FOLDER OUT [--seeds 8] [--frames 2] [--sides top ...]

Prints by how many 8-bit codes broad areas of the first frame differ between seeds (the standard
deviation, after a blur of a fiftieth of the side): in the mean, and where they differ most (the
99th percentile). OUT/NAME.png shows every result. A seed that is not asked for is drawn at random:
what differs here, a second try changes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import cv2
import numpy as np

from examples.contact_sheet import contact_sheet
from examples.light_sheet import PROMPTS, clips_of, lit
from relight import load_model

BLUR = 0.02


def main(argv: Sequence[str] | None = None) -> None:
    """Relight every clip under every light with every seed; print and save what differs."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("clips", type=Path, help="a clip, or a folder of them")
    parser.add_argument("out", type=Path, help="folder for the sheets")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--frames", type=int, default=2)
    parser.add_argument("--sides", nargs="*", default=["top"])
    parser.add_argument("--prompts", nargs="*", default=PROMPTS)
    given = parser.parse_args(argv)
    given.out.mkdir(parents=True, exist_ok=True)
    model, rows = load_model("mini"), []
    print("| clip | prompt | side | mean | most |\n|---|---|---|---|---|")
    for clip in clips_of(given.clips):
        shown = {}
        for side, prompt in product(given.sides, given.prompts):
            firsts = [
                lit(model, clip, given.frames, prompt, side, seed)[0][0]
                for seed in range(1, given.seeds + 1)
            ]
            rows.append(apart(firsts))
            print(line(clip.stem, prompt, side, rows[-1]), flush=True)
            shown[f"{prompt}, {side}"] = firsts
        contact_sheet(shown, 160).save(given.out / f"{clip.stem}.png")
    means = [float(value) for value in np.mean(rows, axis=0)]
    print(line("mean", "", "", (means[0], means[1])))


def apart(images: Sequence[np.ndarray]) -> tuple[float, float]:
    """Mean and 99th percentile of how broad areas of images (h, w, 3) differ, in codes."""
    sigma = BLUR * min(images[0].shape[:2])
    broad = [cv2.GaussianBlur(image.astype(np.float32), (0, 0), sigma) for image in images]
    spread = np.std(broad, axis=0).mean(axis=2)
    return float(spread.mean()), float(np.percentile(spread, 99))


def line(clip: str, prompt: str, side: str, found: tuple[float, float]) -> str:
    """A row of the table."""
    return f"| {clip} | {prompt} | {side} | {found[0]:.1f} | {found[1]:.1f} |"


if __name__ == "__main__":
    main()
