"""`make demo`: relight the sample clip with the embedded model, and show what came of it.

python -m examples.demo
"""

from __future__ import annotations

import sys
from pathlib import Path

from examples.contact_sheet import contact_sheet, spread
from relight.cli import main as relight

CLIP = Path(__file__).parent / "clips" / "big_buck_bunny.mp4"
PROMPT = "a bunny in a meadow, sunset, warm golden light"


def main() -> int:
    """Write out/demo.mp4 and out/demo.png and print both paths."""
    out = Path("out")
    out.mkdir(exist_ok=True)
    target = out / "demo.mp4"
    settings = ["--prompt", PROMPT, "--light", "left", "--model", "mini", "--seed", "1"]
    failed = relight(["run", str(CLIP), "-o", str(target), *settings, "--overwrite"])
    if failed:
        return failed
    rows = {"source": spread(CLIP, 5), f"relit: {PROMPT}, from the left": spread(target, 5)}
    contact_sheet(rows).save(out / "demo.png")
    print(out / "demo.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
