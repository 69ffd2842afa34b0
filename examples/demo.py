"""`make demo`: relight the sample clip in three ways with no GPU, upscale a frame, show all of it.

python -m examples.demo
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from examples.contact_sheet import contact_sheet, spread
from relight.cli import main as relight

CLIP = Path(__file__).parent / "clips" / "big_buck_bunny.mp4"
PROMPT = "a bunny in a meadow, sunset, warm golden light"
DETAILS = ((370, 70, 610, 205), (560, 200, 800, 335))
"""Where the enlarged frame is looked at closely: left, top, right, bottom."""
COMMON = ["--model", "mini", "--seed", "1", "--overwrite"]


def main() -> int:
    """Write the results to out/ and a sheet of them to out/demo.png; print its path."""
    out = Path("out")
    out.mkdir(exist_ok=True)
    wash, clip, carried = (out / name for name in ("wash.mp4", "demo.mp4", "carried.mp4"))
    frame, larger, still = (out / name for name in ("frame.png", "upscaled.png", "still.png"))
    light = ["--prompt", PROMPT, "--light", "left", *COMMON]
    middle = spread(CLIP, 5)[2]
    Image.fromarray(moonlit(middle)).save(still)
    runs = [
        ["run", str(CLIP), "-o", str(wash), "--shape", "0", *light],
        ["run", str(CLIP), "-o", str(clip), *light],
        ["run", str(CLIP), "-o", str(carried), "--reference", str(still), "--overwrite"],
    ]
    for run in runs:
        if failed := relight(run):
            return failed
    relit = spread(clip, 5)
    Image.fromarray(relit[2]).save(frame)
    if failed := relight(["upscale", str(frame), "-o", str(larger), "--scale", "2", *COMMON]):
        return failed
    rows = {
        "source": spread(CLIP, 5),
        f"{PROMPT}, from the left, --shape 0": spread(wash, 5),
        "the same with the form of the subject (the default)": relit,
        "--reference: a still of the third frame, painted over by this script": spread(carried, 5),
        "details of the third, larger: bicubic, upscaled, twice": details(frame, larger),
    }
    contact_sheet(rows).save(out / "demo.png")
    print(out / "demo.png")
    return 0


def moonlit(frame: np.ndarray) -> np.ndarray:
    """A frame (h, w, 3) uint8 as somebody might paint it over: blue moonlight from the right."""
    height, width = frame.shape[:2]
    across = np.linspace(0, 1, width)[None, :, None]
    down = np.linspace(0, 1, height)[:, None, None]
    moon = np.exp(-(((across - 0.95) / 0.45) ** 2 + ((down - 0.1) / 0.8) ** 2))
    night = frame * np.array([0.28, 0.36, 0.55]) + moon * np.array([18.0, 28.0, 46.0])
    lit = night + moon * frame * np.array([0.55, 0.62, 0.7])
    return lit.clip(0, 255).round().astype(np.uint8)


def details(frame: Path, larger: Path) -> list[np.ndarray]:
    """The same small parts of a bicubic enlargement and of ours, side by side."""
    ours = Image.open(larger).convert("RGB")
    bicubic = Image.open(frame).resize(ours.size, Image.Resampling.BICUBIC)
    return [np.asarray(image.crop(box)) for box in DETAILS for image in (bicubic, ours)]


if __name__ == "__main__":
    sys.exit(main())
