"""Peak memory of upscaling with the mini model on the CPU, whole and in tiles.

python -m examples.tiling_memory

Each case runs in a process of its own; its peak is the most memory resident during the call, less
what was resident before. Linux only, as it reads /proc.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

CLIP = Path(__file__).parent / "clips" / "big_buck_bunny.mp4"
CASES = ((512, None), (1024, 256), (1024, 512))
"""(side of the square result, tile), in pixels."""

# Freed blocks go back to the system at once: else the peak would count what the heap keeps.
ENVIRONMENT = {"MALLOC_MMAP_THRESHOLD_": "1000000", "OMP_NUM_THREADS": "1"}


def measure(side: int, tile: int | None, recipe: str) -> float:
    """MiB that one upscaling from 256 x 256 takes beyond what the loaded model does."""
    from relight import Compute, load_upscaler, media

    pipe: Any = load_upscaler("mini", Compute(device="cpu"), moving=False).pipe
    picture = next(iter(media.read(CLIP))).image[:256, 100:356]
    few = {"recipe": recipe, "noising_steps": 1, "dwt_steps": 1}  # the peak is that of any number
    pipe("a rabbit", image=picture[:64, :64], sizes=[(64, 64)], **few)  # loads what loads late
    Path("/proc/self/clear_refs").write_text("5")
    before = _resident("VmRSS")
    pipe("a rabbit", image=picture, sizes=[(side, side)], tile=tile, output_type="pt", **few)
    return _resident("VmHWM") - before


def _resident(name: str) -> float:
    """A line of /proc/self/status, in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def main() -> None:
    if len(sys.argv) > 1:
        side, tile, recipe = sys.argv[1:]
        print(measure(int(side), None if tile == "None" else int(tile), recipe))
        return
    for recipe in ("best", "paper"):
        whole = 0.0
        for side, tile in CASES:
            command = [sys.executable, "-m", "examples.tiling_memory", f"{side}", f"{tile}", recipe]
            done = subprocess.run(
                command, env=os.environ | ENVIRONMENT, capture_output=True, text=True, check=True
            )
            peak = float(done.stdout.split()[-1])
            whole = whole or peak
            name = f"{recipe:5} {side:4} x {side:4}, {f'tiles of {tile}' if tile else 'whole'}"
            print(f"{name:36} {peak:6.0f} MiB  x {peak / whole:.2f}", flush=True)


if __name__ == "__main__":
    main()
