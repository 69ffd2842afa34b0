"""The photos and clips of the mini's card, larger than the mini needs them, as one cache file.

    python -m examples.guide_network.sources --raw raw --out work/sharp.npz

`raw` is the folder that `examples/mini_model/README.md` says how to fill. The environment maps are
left out: their views are enlarged, so they would teach blur. Every sixteenth photo goes to
`dev...`: never trained on, looked at to choose settings.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import cv2
import numpy as np

from examples.mini_model.sources import SOURCES, Source, fit

SIDE = 2048  # long side stored for a photo, pixels
SMALLEST = 160  # short side below which a photo is left out
CLIP_FRAMES = 60  # stored of each clip, evenly spread
DEV_EVERY = 16


def belongs(source: Source, path: Path) -> bool:
    """Whether the file is one of this source's."""
    text = path.as_posix()
    return bool(re.search(source.pattern, text)) and not re.search(source.skip, text)


def frames(path: Path) -> list[np.ndarray]:
    """CLIP_FRAMES frames of a clip, RGB uint8, at their own size."""
    capture, found = cv2.VideoCapture(str(path)), []
    while True:
        ok, frame = capture.read()
        if not ok:
            break
        found.append(frame[..., ::-1])
    chosen = np.linspace(0, len(found) - 1, min(CLIP_FRAMES, len(found))).round().astype(int)
    return [np.ascontiguousarray(found[i]) for i in chosen]


def collect(root: Path) -> tuple[list[np.ndarray], list[np.ndarray], list[str]]:
    """All photos, all clip frames, and a line per file saying what it is."""
    files = sorted(p for p in root.rglob("*") if p.is_file())
    photos, moving, log = [], [], []
    for source in SOURCES:
        if source.kind == "hdri":
            continue
        for path in (p for p in files if belongs(source, p)):
            if source.kind == "clip":
                moving += frames(path)
            else:
                image = cv2.imread(str(path), cv2.IMREAD_COLOR)
                if image is None or min(image.shape[:2]) < SMALLEST:
                    continue
                photos.append(fit(image[..., ::-1], SIDE))
            shape = (moving if source.kind == "clip" else photos)[-1].shape
            log.append(f"{source.name}\t{path.name}\t{source.licence}\t{shape}")
    return photos, moving, log


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--raw", type=Path, required=True, help="folder of unpacked packages")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    photos, moving, log = collect(args.raw)
    arrays = {}
    for i, image in enumerate(photos):
        kind = "dev" if i % DEV_EVERY == DEV_EVERY // 2 else "photo"
        arrays[f"{kind}{i:04d}"] = np.ascontiguousarray(image)
    arrays |= {f"frame{i:04d}": image for i, image in enumerate(moving)}
    np.savez(args.out, **arrays)
    args.out.with_suffix(".tsv").write_text("\n".join(log) + "\n")
    print(f"{len(photos)} photos, {len(moving)} frames -> {args.out}")


if __name__ == "__main__":
    main()
