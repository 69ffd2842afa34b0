"""The stages of a run, as its progress counts them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relight.engine.progress import Meter, OnProgress, Units
from relight.jobs import ResolvedJob, ResolvedUpscaleJob

if TYPE_CHECKING:
    from relight.engine.resolve import Models

SHARES = {
    "survey": 0.02,
    "matte": 0.1,
    "mask": 0.02,
    "key": 0.4,
    "carry": 0.3,
    "subject": 0.1,
    "form": 0.05,
    "light": 0.83,
    "upscale": 0.83,
    "guide": 0.83,
    "write": 0.15,
}
"""Parts of a run's time: the model takes nearly all of it where it is small, and more where it is
large."""


def new_meter(
    job: ResolvedJob,
    models: Models,
    frames: int,
    report: OnProgress | None,
    seconds: dict[str, float],
) -> Meter:
    """Of a run that begins: before the survey, all units but its own are guesses.

    Args:
        frames: that the input seems to have. report, seconds: see `Meter`.
    """
    names = ["survey", *stages_of(job, models), "write"]
    return Meter(
        units={name: Units(frames, SHARES[name] / frames) for name in names},
        report=report,
        seconds=seconds,
    )


def stages_of(job: ResolvedJob, models: Models) -> list[str]:
    """Those that a resolved job may have; one without chunks costs nothing."""
    if isinstance(job, ResolvedUpscaleJob):
        return [models.enlarging]
    stages = [] if job.recipe == "paper" else ["key", "carry", "matte", "subject", "form"]
    stages += [] if job.recipe == "fast" else ["light"]
    if job.region is not None:
        stages = [*dict.fromkeys(["matte", "mask", *stages])]
    return [*stages, models.enlarging] if job.upscale else stages


def count(meter: Meter, name: str, total: float, done: float) -> None:
    """The number of units, once it is known."""
    units = meter.units[name]
    units.cost = SHARES[name] / total if total else 0.0
    units.total, units.done = total, done
