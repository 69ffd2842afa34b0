"""Seconds and memory against the length and the size of a clip, each measured in a process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from relight import media
from relight.engine.output import sidecar_path
from relight.errors import RelightError

LENGTHS = (16, 64, 256, 1024)
"""Frames, at the smallest of SIZES."""
SIZES = ((640, 360), (1280, 720), (1920, 1080), (3840, 2160))
"""Width and height, of the shortest of LENGTHS."""
LIMIT_S = 7200


@dataclass(frozen=True)
class Fit:
    """seconds (or MB) = constant + slope x work, by least squares."""

    constant: float
    slope: float

    def at(self, work: float) -> float:
        """The value for an amount of work.

        >>> Fit(2.0, 0.5).at(4)
        4.0
        """
        return self.constant + self.slope * work


def fit(work: Sequence[float], values: Sequence[float]) -> Fit:
    """The straight line through measured points.

    >>> fit([0, 1, 2], [1, 3, 5])
    Fit(constant=1.0, slope=2.0)
    """
    slope, constant = np.polyfit(np.asarray(work, float), np.asarray(values, float), 1)
    return Fit(round(float(constant), 9), round(float(slope), 9))


def measure(source: Path, folder: Path, frames: int, size: tuple[int, int], **job: Any) -> dict:
    """A clip of `frames` frames of `size`, made of a source's own over and over, relit alone.

    Args:
        job: settings of a `RelightJob`.

    Returns:
        frames, width, height, seconds, cpu_seconds and peak_mb of the whole process; chunks: the
        seconds that each took.

    Raises:
        RelightError: the run fails.
    """
    clip = folder / f"{source.stem}_{size[0]}x{size[1]}_{frames}.mp4"
    _make(source, clip, frames, size)
    target = clip.with_name(f"{clip.stem}_relit.mp4")
    settings = {"input": str(clip), "output": str(target), "overwrite": True, "resume": False}
    command = [sys.executable, "-c", _CHILD, json.dumps(settings | job)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RelightError(f"{clip.name} could not be relit: {last[:300]}")
    found = json.loads(done.stdout.splitlines()[-1])
    for file in (clip, target, sidecar_path(target)):
        file.unlink()
    return {"frames": frames, "width": size[0], "height": size[1], **found}


def _make(source: Path, clip: Path, frames: int, size: tuple[int, int]) -> None:
    """Forwards and backwards, so that no cut is added."""
    images = [frame.image for frame in media.read(source, frames=64)]
    images = [cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in images]
    way = [*range(len(images)), *range(len(images) - 2, 0, -1)] or [0]
    with media.write(clip, size=size, fps=Fraction(24)) as out:
        for number in range(frames):
            out.add(images[way[number % len(way)]], Fraction(number, 24))


_CHILD = """
import json, sys
from relight.diffusion.memory import peak_memory
from relight.engine.bench.cost import cpu_seconds
from relight.engine.run import run_relight
from relight.jobs import RelightJob
result = run_relight(RelightJob.make(**json.loads(sys.argv[1])))
found = {"seconds": result.seconds["total"], "cpu_seconds": cpu_seconds()}
print(json.dumps(found | {"stages": result.seconds, "peak_mb": peak_memory() / 1e6}))
"""
