"""Seconds and peak memory of `relight upscale` against the size of the result.

    python -m examples.upscale_cost [--sides 512 1024 2048 4096] [--plot cost.svg] [--tile 512]

Each case is one command in a process of its own, on one CPU thread, 2 times from the sample clip's
first frame, brought to half the side; its peak is the most that was resident, the interpreter's and
PyTorch's own included. `--wide` adds 8K from a 4K picture. Unix only.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import cv2

from examples.plot import Line, plot
from examples.tiling_memory import ENVIRONMENT
from relight import media

CLIP = Path(__file__).parent / "clips" / "big_buck_bunny.mp4"
WIDE = (7680, 4320)


@dataclass
class Cost:
    """One run."""

    width: int
    height: int
    seconds: float
    peak_mib: float

    @property
    def megapixels(self) -> float:
        return self.width * self.height / 1e6


def measure(width: int, height: int, options: list[str]) -> Cost:
    """`relight upscale` to a size, from half of it."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.png", Path(folder) / "out.png"
        image = next(iter(media.read(CLIP))).image[..., ::-1]
        cv2.imwrite(str(source), cv2.resize(image, (width // 2, height // 2)))
        command = [sys.executable, "-m", "relight", "upscale", str(source), "-o", str(target)]
        command += ["--model", "mini", "--device", "cpu", *options]
        begun = time.perf_counter()
        child = subprocess.Popen(command, env=os.environ | ENVIRONMENT)
        _, status, used = os.wait4(child.pid, 0)
        if status:
            raise SystemExit(f"{' '.join(command)} failed")
        return Cost(width, height, time.perf_counter() - begun, _mib(used))


def _mib(used: resource.struct_rusage) -> float:
    return used.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--sides", type=int, nargs="+", default=[512, 1024, 2048, 4096])
    parser.add_argument("--wide", action="store_true", help="8K from 4K, too")
    parser.add_argument("--plot", type=Path, help="SVG to write")
    args, options = parser.parse_known_args()
    found = []
    for width, height in [(side, side) for side in args.sides] + [WIDE] * args.wide:
        cost = measure(width, height, options)
        found.append(cost)
        print(
            f"{cost.width} x {cost.height}: {cost.seconds:.1f} s, {cost.peak_mib:.0f} MiB",
            flush=True,
        )
    if args.plot:
        x = [cost.megapixels for cost in found]
        memory = Line("peak memory, MiB", x, [cost.peak_mib for cost in found])
        seconds = Line("seconds", x, [cost.seconds for cost in found])
        args.plot.write_text(plot("megapixels of the result", [memory, seconds]))


if __name__ == "__main__":
    main()
