"""`make demo`: relight the sample clip with the embedded model, upscale a frame, show both.

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


def main() -> int:
    """Write out/demo.mp4, out/upscaled.png and out/demo.png, and print their paths."""
    out = Path("out")
    out.mkdir(exist_ok=True)
    clip, frame, larger = out / "demo.mp4", out / "frame.png", out / "upscaled.png"
    common = ["--model", "mini", "--seed", "1", "--overwrite"]
    light = ["--prompt", PROMPT, "--light", "left"]
    failed = relight(["run", str(CLIP), "-o", str(clip), *light, *common])
    if failed:
        return failed
    relit = spread(clip, 5)
    Image.fromarray(relit[2]).save(frame)
    failed = relight(["upscale", str(frame), "-o", str(larger), "--scale", "2", *common])
    if failed:
        return failed
    rows = {
        "source": spread(CLIP, 5),
        f"relit: {PROMPT}, from the left": relit,
        "details of the third, larger: bicubic, upscaled, twice": details(frame, larger),
    }
    contact_sheet(rows).save(out / "demo.png")
    print(out / "demo.png")
    return 0


def details(frame: Path, larger: Path) -> list[np.ndarray]:
    """The same small parts of a bicubic enlargement and of ours, side by side."""
    ours = Image.open(larger).convert("RGB")
    bicubic = Image.open(frame).resize(ours.size, Image.Resampling.BICUBIC)
    return [np.asarray(image.crop(box)) for box in DETAILS for image in (bicubic, ours)]


if __name__ == "__main__":
    sys.exit(main())
