"""How far a run is: UNet passes and written frames against an estimate of all there will be."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from relight.engine.light_stream import OVERLAP
from relight.jobs import Job, RelightJob
from relight.media import VideoInfo
from relight.models.loader import Model
from relight.relighters.ic_light import image_to_image_steps


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a run stands: `fraction` of all the work in [0, 1], `seconds_left` once it is known.

    `preview` makes a picture of what there is so far, (h, w, 3) uint8; it costs little until it is
    called, which another thread may do.
    """

    stage: str
    fraction: float
    seconds_left: float | None
    preview: Callable[[], np.ndarray] | None = None


OnProgress = Callable[[Progress], None]
"""Called often, from the thread that runs the job; raise `relight.errors.Cancelled` to stop."""


@dataclass
class Meter:
    """Counts UNet passes and written frames against an estimate of all there will be."""

    stage: str
    total_frames: int
    total_passes: int
    report: OnProgress | None
    seconds: dict[str, float]
    frames: int = 0
    passes: int = 0
    preview: Callable[[], np.ndarray] | None = None
    begun: float = field(default_factory=time.perf_counter)

    def step(self) -> None:
        self.passes += 1
        self._tell(self.stage)

    def frame(self, image: np.ndarray) -> None:
        self.frames += 1
        self.preview = lambda: image
        self._tell("writing" if self.passes >= self.total_passes else self.stage)

    def _tell(self, stage: str) -> None:
        if self.report is None:
            return
        # The model is nearly all of the work where it is small, and all of it where it is large.
        modelled = min(self.passes / max(self.total_passes, 1), 1)
        written = min(self.frames / max(self.total_frames, 1), 1)
        fraction = 0.9 * modelled + 0.1 * written
        spent = time.perf_counter() - self.begun
        left = spent * (1 - fraction) / fraction if fraction > 0.02 else None
        self.report(
            Progress(stage=stage, fraction=fraction, seconds_left=left, preview=self.preview)
        )


def frame_count(job: Job, info: VideoInfo) -> int:
    """How many frames a job will take, as far as the file tells."""
    rate = float(info.fps)
    count = info.frames or round((info.duration or 0) * rate)
    count = max(count - round(job.start * rate), 1)
    return min(count, job.frames or count)


def window_count(frames: int, length: int, overlap: int) -> int:
    """How many windows `frames` are cut into; see `relight.engine.windows`."""
    return 1 + max(-(-(frames - length) // (length - overlap)), 0)


def relight_work(job: RelightJob, model: Model, info: VideoInfo) -> tuple[int, int]:
    """(frames to write, UNet passes of the relighter) of a job."""
    seen = frames = frame_count(job, info)
    rate = float(info.fps)
    if job.transfer == "on" and rate > job.light_fps:
        seen = max(round(seen * job.light_fps / rate), 1)
    relights = model.pipe.recipes[job.recipe].relit_steps(job.steps)
    _, passes = image_to_image_steps(job.relight_steps)
    return frames, window_count(seen, model.entry.window, OVERLAP) * relights * passes


@contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - begun
