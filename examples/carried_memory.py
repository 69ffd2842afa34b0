"""Carried light on long and on large clips: peak memory, time, and a run that was killed.

python -m examples.carried_memory [--frames 100 1000] [--size 640x360] [--large 3840x2160 24]

A still of the clip's middle is painted over (`examples.demo`) and given as --reference. Each run is
a process of its own, one thread; its peak is the most memory that was ever resident in it (Linux,
as it reads /proc). The last run is killed half-way, run again, and compared frame by frame.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from fractions import Fraction
from itertools import cycle, islice
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from examples.demo import moonlit
from examples.engine_memory import CLIP, ENVIRONMENT
from relight import media
from relight.engine.manifest import FILE
from relight.engine.work import work_folder

LOOK_S = 0.05
LIMIT = 1.1
"""Largest peak of the longest clip, in those of the shortest."""


def main(argv: Sequence[str] | None = None) -> int:
    """Print a table; 1 where memory grows with length, or a run that was killed differs."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--frames", type=int, nargs="+", default=(100, 1000))
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--large", nargs=2, default=("3840x2160", "24"), metavar=("SIZE", "FRAMES"))
    given = parser.parse_args(argv)
    print("| size | frames | peak MiB | seconds a frame |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        peaks = [measured(folder, given.size, count) for count in given.frames]
        measured(folder, given.large[0], int(given.large[1]))
        same = killed_and_resumed(folder, given.size, given.frames[-1])
    ratio = max(peaks) / peaks[0]
    print(f"longest clip over shortest: x {ratio:.3f}")
    print(f"killed half-way and run again: {'the same frames' if same else 'OTHER FRAMES'}")
    return int(ratio > LIMIT or not same)


def measured(folder: Path, size: str, count: int) -> float:
    """Peak memory in MiB of one run, which is printed as a row."""
    clip = made(folder, size, count)
    begun = time.perf_counter()
    script = "import sys, examples.carried_memory as m; m.child(*sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", script, str(clip), str(clip.with_suffix(".out.mp4"))],
        env=os.environ | ENVIRONMENT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    seconds, peak = (time.perf_counter() - begun) / count, float(done.stdout.split()[-1])
    print(f"| {size} | {count} | {peak:.0f} | {seconds:.2f} |", flush=True)
    return peak


def child(clip: str, output: str) -> None:
    """Run the job, and print the peak memory of this process in MiB."""
    import relight

    still = str(Path(clip).with_suffix(".png"))
    relight.relight_video(clip, output, prompt="", reference=still, overwrite=True)
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    print(next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")))


def made(folder: Path, size: str, count: int) -> Path:
    """A clip of the sample's frames, to and fro, and the still beside it."""
    width, height = (int(side) for side in size.split("x"))
    path = folder / f"{size}_{count}.mp4"
    if path.exists():
        return path
    seen = [cv2.resize(f.image, (width, height)) for f in media.read(CLIP, frames=24)]
    images = seen + seen[::-1]
    with media.write(path, size=(width, height), fps=24) as out:
        for index, image in enumerate(islice(cycle(images), count)):
            out.add(image, Fraction(index, 24))
    still = images[count // 2 % len(images)]
    Image.fromarray(moonlit(still)).save(path.with_suffix(".png"))
    return path


def killed_and_resumed(folder: Path, size: str, count: int) -> bool:
    """Whether a run that is killed when half of its chunks are done ends in the same frames."""
    clip = made(folder, size, count)
    whole, again = clip.with_suffix(".out.mp4"), folder / "again.mp4"
    script = "import sys, examples.carried_memory as m; m.child(*sys.argv[1:])"
    command = [sys.executable, "-c", script, str(clip), str(again)]
    run = subprocess.Popen(command, env=os.environ | ENVIRONMENT, stdout=subprocess.DEVNULL)
    while run.poll() is None and not half_done(work_folder(again) / FILE):
        time.sleep(LOOK_S)
    run.kill()
    run.wait()
    if again.exists():
        return False  # it was too quick to be killed
    subprocess.run(command, env=os.environ | ENVIRONMENT, stdout=subprocess.DEVNULL, check=True)
    notes = json.loads(Path(f"{again}.json").read_text(encoding="utf-8"))["made"]["notes"]
    pairs = zip(media.read(whole), media.read(again), strict=True)
    same = all(np.array_equal(a.image, b.image) for a, b in pairs)
    return same and any("resumed" in str(note) for note in notes)


def half_done(manifest: Path) -> bool:
    """Whether at least half of the chunks of a manifest are done."""
    try:
        chunks = json.loads(manifest.read_text(encoding="utf-8"))["chunks"]
    except (OSError, ValueError, KeyError):
        return False
    return bool(chunks) and 2 * list(chunks.values()).count("done") >= len(chunks)


if __name__ == "__main__":
    sys.exit(main())
