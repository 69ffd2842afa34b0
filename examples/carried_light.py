"""Carried light measured: a relit clip | the light of its middle frame alone, carried.

python -m examples.carried_light DIR [--pairs PAIRS.csv] [--out OUT] [--only NAME ...]

A row of PAIRS.csv is one pair: name, source and result (files in DIR), the box of each in its file
("x y width height"; empty: the whole frame), and how the result was made from the source: `stretch`
(the whole frame at another aspect) or `crop` (its centre). Prints a table of published / carried
and writes one sheet a pair: source, published, carried; first, middle and last frame.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from examples.contact_sheet import contact_sheet
from relight import media, metrics
from relight.methods.carried_light import carried_lights, reference_light, small_frame
from relight.methods.full_size_light import apply_light_uint8
from relight.methods.registration import register

PAIRS = Path(__file__).parent / "published_pairs.csv"
HEADER = (
    "| pair | frames | warp SSIM | flicker (source) | lean | structure | change | anchor | CPU s |"
)


def boxed(path: Path, box: str) -> Iterator[np.ndarray]:
    """The frames of a clip, or a box of each of them, (h, w, 3) uint8."""
    for frame in media.read(path):
        if box:
            x, y, width, height = (int(n) for n in box.split())
            yield frame.image[y : y + height, x : x + width]
        else:
            yield frame.image


def centre(image: np.ndarray, aspect: float) -> np.ndarray:
    """The largest centred part of an image whose width is `aspect` times its height."""
    h, w = image.shape[:2]
    width, height = min(w, round(h * aspect)), min(h, round(w / aspect))
    y, x = (h - height) // 2, (w - width) // 2
    return image[y : y + height, x : x + width]


def read_pair(folder: Path, row: dict[str, str]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Source and result frames of one size, as many as both have."""
    source = list(boxed(folder / row["source"], row["source_box"]))
    result = list(boxed(folder / row["result"], row["result_box"]))
    if row["fit"] == "crop":
        aspect = result[0].shape[1] / result[0].shape[0]
        source = [centre(image, aspect) for image in source]
    size = source[0].shape[1::-1]
    result = [cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in result]
    count = min(len(source), len(result))
    return source[:count], result[:count]


def carried(source: list[np.ndarray], still: np.ndarray, index: int) -> list[np.ndarray]:
    """The source under the light of `still`, which shows its frame `index`."""
    small = [small_frame(image) for image in source]
    found = register(still, small, index)
    laid, covered = found.warp(still, *small[0].shape[:2])
    lights = {index: reference_light(small[index], laid, covered)}
    return [
        source[i] if light is None else apply_light_uint8(source[i], light)
        for i, light in carried_lights(small, lights)
    ]


def measures(source: list[np.ndarray], result: list[np.ndarray], middle: np.ndarray) -> list[float]:
    """Warp SSIM, flicker, lean to the left, structure, change, and distance of the middle frame."""
    anchor = np.abs(result[len(result) // 2].astype(int) - middle).mean()
    return [
        metrics.warp_ssim(source, result),
        metrics.flicker(source, result),
        metrics.lean(source, result, "left"),
        metrics.structure(source, result),
        metrics.change(source, result),
        float(anchor),
    ]


def line(name: str, count: int | str, rows: np.ndarray, still: float, seconds: float) -> str:
    """One row of the table from [published, carried] of `measures`."""
    (w, f, lean, s, c, _), (w2, f2, lean2, s2, c2, anchor) = rows
    return (
        f"| {name} | {count} | {w:.3f} / {w2:.3f} | {f:.2f} / {f2:.2f} ({still:.2f}) | "
        f"{lean:+.2f} / {lean2:+.2f} | {s:.3f} / {s2:.3f} | {c:.0f} / {c2:.0f} | "
        f"{anchor:.1f} | {seconds:.2f} |"
    )


def main(argv: list[str] | None = None) -> None:
    """Measure every pair of a folder."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the clips are")
    parser.add_argument("--pairs", type=Path, default=PAIRS, help="which belong together")
    parser.add_argument("--out", type=Path, help="folder for the sheets; left out: none")
    parser.add_argument("--only", nargs="*", default=(), help="names of pairs")
    args = parser.parse_args(argv)
    with args.pairs.open(newline="") as file:
        pairs = [row for row in csv.DictReader(file) if not args.only or row["name"] in args.only]
    print(HEADER + "\n|" + "---|" * 9)
    scores, still, costs = [], [], []
    for row in pairs:
        source, result = read_pair(args.folder, row)
        middle = len(source) // 2
        start = time.process_time()
        ours = carried(source, result[middle], middle)
        costs.append((time.process_time() - start) / len(source))
        scores.append([measures(source, x, result[middle]) for x in (result, ours)])
        still.append(metrics.flicker(source, source))
        values = np.array(scores[-1])
        print(line(row["name"], len(source), values, still[-1], costs[-1]), flush=True)
        if args.out:
            args.out.mkdir(parents=True, exist_ok=True)
            shown = (0, middle, len(source) - 1)
            rows = {"source": source, "published": result, "carried": ours}
            sheet = contact_sheet({k: [v[i] for i in shown] for k, v in rows.items()}, 512)
            sheet.save(args.out / f"{row['name']}.png")
    if len(scores) > 1:
        mean = np.mean(scores, axis=0)
        print(line("mean", "", mean, float(np.mean(still)), float(np.mean(costs))))


if __name__ == "__main__":
    main()
