"""The colour of the light on clips: named colours, neutral prompts on skin, two colours.

python -m examples.light_colours CLIP_OR_FOLDER [--frames 5] [--kinds named neutral two]

Prints three tables, all with the default settings of the embedded model and light from the left:
how far the hue of the added light is from the colour that was named; by how much neutral prompts
move skin (mean a* and b* of CIELAB, and its hue angle); and the hue of the added light on the
named side and on the other for prompts with two colours.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from examples.light_sheet import clips_of, lit
from relight import load_model, media
from relight.lights.colors import TINTS
from relight.metrics.colour import linear_mean
from relight.metrics.hue import hue_error, named_hue
from relight.models.loader import Model

NEUTRAL = ("natural light", "soft light", "white studio light", "daylight")
TWO = (("red", "blue"), ("blue", "red"), ("orange", "teal"), ("pink", "green"))
LEAST = 400
"""Pixels of skin that a clip needs, to count as one with skin."""


def skin(image: np.ndarray) -> np.ndarray:
    """Where skin is, (h, w) bool: by colour (YCrCb, Chai and Ngan 1999), lit and not blown out."""
    y, cr, cb = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb))
    found = (cr > 135) & (cr < 173) & (cb > 77) & (cb < 127) & (y > 60) & (y < 245)
    return cv2.erode(found.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)


def skin_moved(source: Sequence[np.ndarray], relit: Sequence[np.ndarray]) -> tuple[float, ...]:
    """By how much skin moves: a*, b*, hue angle in degrees; nan without skin."""
    means = []
    for frames in (source, relit):
        colours = [
            cv2.cvtColor(frame.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[skin(own)]
            for frame, own in zip(frames, source, strict=True)
        ]
        together = np.concatenate(colours)
        if len(together) < LEAST:
            return math.nan, math.nan, math.nan
        means.append(together.mean(0))
    (_, a, b), (_, a2, b2) = means
    turned = math.degrees(math.atan2(b2, a2) - math.atan2(b, a))
    return float(a2 - a), float(b2 - b), turned


def side_hues(source: Sequence[np.ndarray], relit: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Gain (3,) of the left third and of the right third."""
    third = source[0].shape[1] // 3
    parts = (slice(0, third), slice(-third, None))
    gains = []
    for part in parts:
        before, after = (
            np.mean([linear_mean(np.ascontiguousarray(f[:, part])) for f in frames], axis=0)
            for frames in (source, relit)
        )
        gains.append(np.maximum(after, 1e-4) / np.maximum(before, 1e-4))
    return gains


def named(model: Model, clip: Path, source: list[np.ndarray]) -> None:
    """A row of hue errors, a column a colour."""
    errors = []
    for colour in TINTS:
        relit, _ = lit(model, clip, len(source), f"{colour} light", "left")
        before, after = (np.mean([linear_mean(f) for f in c], axis=0) for c in (source, relit))
        errors.append(hue_error(after / np.maximum(before, 1e-4), named_hue(colour)))
    print(f"| {clip.stem} | " + " | ".join(f"{error:.0f}" for error in errors) + " |", flush=True)


def neutral(model: Model, clip: Path, source: list[np.ndarray]) -> None:
    """A row a prompt: how skin moves."""
    for prompt in NEUTRAL:
        relit, _ = lit(model, clip, len(source), prompt, "left")
        a, b, turned = skin_moved(source, relit)
        print(f"| {clip.stem} | {prompt} | {a:+.1f} | {b:+.1f} | {turned:+.1f} |", flush=True)


def two(model: Model, clip: Path, source: list[np.ndarray]) -> None:
    """A row a prompt: degrees from the named colours."""
    for first, second in TWO:
        prompt = f"{first} and {second} neon light"
        relit, _ = lit(model, clip, len(source), prompt, "left")
        near, far = side_hues(source, relit)
        errors = hue_error(near, named_hue(first)), hue_error(far, named_hue(second))
        print(f"| {clip.stem} | {prompt} | {errors[0]:.0f} | {errors[1]:.0f} |", flush=True)


TABLES = {
    "named": (named, f"| clip | {' | '.join(TINTS)} |\n|{'---|' * (len(TINTS) + 1)}"),
    "neutral": (neutral, "| clip | prompt | a* | b* | hue |\n|---|---|---|---|---|"),
    "two": (two, "| clip | prompt | named side | other side |\n|---|---|---|---|"),
}


def main(argv: Sequence[str] | None = None) -> None:
    """Print the tables that were asked for."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("clips", type=Path, help="a clip, or a folder of them")
    parser.add_argument("--frames", type=int, default=5)
    parser.add_argument("--kinds", nargs="*", default=list(TABLES), choices=list(TABLES))
    given = parser.parse_args(argv)
    model = load_model("mini")
    for kind in given.kinds:
        row, header = TABLES[kind]
        print(f"\n{header}")
        for clip in clips_of(given.clips):
            row(model, clip, [f.image for f in media.read(clip, frames=given.frames)])


if __name__ == "__main__":
    main()
