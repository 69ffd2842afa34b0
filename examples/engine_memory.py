"""Peak memory of a run, for a clip and for one ten times as long, with the mini model on the CPU.

python -m examples.engine_memory

Each run is a process of its own; its peak is the most memory that was ever resident in it. Linux
only, as it reads /proc.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from fractions import Fraction
from itertools import cycle, islice
from pathlib import Path

CLIP = Path(__file__).parent / "clips" / "big_buck_bunny.mp4"
FRAMES = 72
"""Of the shorter clip: with fewer, its chunks are not full, and take less."""
TIMES = 10
SIZE = (128, 80)
QUICK = {"prompt": "a rabbit, red light", "seed": 1, "steps": 1, "device": "cpu"}
CASES = {
    "light transferred": {"transfer": "on", "light_fps": 24, "side": 64, "relight_steps": 1},
    "model's own frames": {"transfer": "off", "side": 64, "relight_steps": 1},
    "upscaled": {"scale": 2},
}
LIMIT = 1.1

# Freed blocks go back to the system at once: else the peak would count what the heap keeps.
ENVIRONMENT = {
    "MALLOC_MMAP_THRESHOLD_": "1000000",
    "OMP_NUM_THREADS": "1",
    "RELIGHT_ESTIMATES": "off",
}


def make_clip(path: Path, frames: int) -> None:
    """A clip of the sample's frames, over and over."""
    import cv2

    from relight import media

    images = [cv2.resize(frame.image, SIZE) for frame in media.read(CLIP, frames=24)]
    with media.write(path, size=SIZE, fps=24) as out:
        for index, image in enumerate(islice(cycle(images), frames)):
            out.add(image, Fraction(index, 24))


def measure(case: str, clip: Path) -> float:
    """Peak memory, in MiB, of this process once it has run a case."""
    import relight

    settings = QUICK | CASES[case]
    run = relight.upscale if "scale" in settings else relight.relight_video
    run(clip, clip.with_suffix(".out.mp4"), overwrite=True, **settings)
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def compare(case: str, folder: Path) -> float:
    """Peak of the long clip in those of the short one; both are printed."""
    peaks = []
    for frames in (FRAMES, TIMES * FRAMES):
        clip = folder / f"{frames}.mp4"
        if not clip.exists():
            make_clip(clip, frames)
        done = subprocess.run(
            [sys.executable, "-m", "examples.engine_memory", case, str(clip)],
            env=os.environ | ENVIRONMENT,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        peaks.append(float(done.stdout.split()[-1]))
    ratio = peaks[1] / peaks[0]
    print(f"{case:20} {peaks[0]:6.0f} MiB, {peaks[1]:6.0f} MiB  x {ratio:.3f}", flush=True)
    return ratio


def main() -> int:
    if len(sys.argv) > 1:
        print(measure(sys.argv[1], Path(sys.argv[2])))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        ratios = [compare(case, Path(folder)) for case in CASES]
    return int(max(ratios) > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
