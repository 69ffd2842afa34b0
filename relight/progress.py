"""How far a run is: UNet passes and written frames against an estimate of all there will be."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from relight.ic_light import image_to_image_steps
from relight.jobs import RelightJob
from relight.light_stream import OVERLAP
from relight.models import Model
from relight.video import VideoInfo


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a run stands: `fraction` of all the work in [0, 1], `seconds_left` once it is known."""

    stage: str
    fraction: float
    seconds_left: float | None


OnProgress = Callable[[Progress], None]
"""Called often, from the thread that runs the job; raise `relight.errors.Cancelled` to stop."""


@dataclass
class Meter:
    """Counts UNet passes and written frames against an estimate of all there will be."""

    job: RelightJob
    model: Model
    info: VideoInfo
    report: OnProgress | None
    seconds: dict[str, float]
    frames: int = 0
    passes: int = 0
    begun: float = field(default_factory=time.perf_counter)

    def __post_init__(self) -> None:
        job, model = self.job, self.model
        rate = float(self.info.fps)
        count = self.info.frames or round((self.info.duration or 0) * rate)
        count = max(count - round(job.start * rate), 1)
        self.total_frames = min(count, job.frames or count)
        seen = self.total_frames
        if job.transfer == "on" and rate > job.light_fps:
            seen = max(round(seen * job.light_fps / rate), 1)
        fresh = model.entry.window - OVERLAP
        windows = 1 + max(-(-(seen - model.entry.window) // fresh), 0)
        relights = model.pipe.recipes[job.recipe].relit_steps(job.steps)
        _, passes = image_to_image_steps(job.relight_steps)
        self.total_passes = max(windows * relights * passes, 1)

    def step(self) -> None:
        self.passes += 1
        self._tell("relighting")

    def frame(self) -> None:
        self.frames += 1
        self._tell("writing" if self.passes >= self.total_passes else "relighting")

    def _tell(self, stage: str) -> None:
        if self.report is None:
            return
        # The model is nearly all of the work where it is small, and all of it where it is large.
        modelled = min(self.passes / self.total_passes, 1)
        written = min(self.frames / max(self.total_frames, 1), 1)
        fraction = 0.9 * modelled + 0.1 * written
        spent = time.perf_counter() - self.begun
        left = spent * (1 - fraction) / fraction if fraction > 0.02 else None
        self.report(Progress(stage=stage, fraction=fraction, seconds_left=left))


@contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - begun
