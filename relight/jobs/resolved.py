"""Jobs in which every setting that they need is decided: what the engine computes from.

A resolved job is a job, and its settings make a sidecar that repeats the run. Settings that a
job doesn't use stay open: the model's own, where the light is taken from a reference.
"""

from __future__ import annotations

from typing import Any, Literal

from relight.jobs.relight import RelightJob
from relight.jobs.upscale import UpscaleJob


class ResolvedRelightJob(RelightJob, frozen=True):
    """A relighting job with its seed and its way of lighting decided."""

    seed: int
    recipe: Literal["fast", "best", "paper"]
    transfer: Literal["on", "off"]


class ModelRelightJob(ResolvedRelightJob, frozen=True):
    """A resolved job whose light comes from a model, the settings of which are decided too."""

    scene: str
    strength: float
    steps: int
    relight_steps: int
    gamma: float
    side: int
    light_fps: float


class ResolvedUpscaleJob(UpscaleJob, frozen=True):
    """An upscaling job with every setting decided; of `scale` and `size`, one is given.

    Its `steps` are None where nothing is denoised, as its guide alone makes the result.
    """

    seed: int
    identity: float
    guide: str
    guidance: float
    tile: int


ResolvedJob = ResolvedRelightJob | ResolvedUpscaleJob


def resolved(kind: str, settings: dict[str, Any]) -> ResolvedJob:
    """The resolved job of a kind ("relight", "upscale") from all its settings.

    >>> resolved("upscale", {"input": "a.png", "output": "b.png", "seed": 1,
    ...     "identity": 1.0, "guide": "mini", "guidance": 1.0, "tile": 0}).guide
    'mini'

    Raises:
        InputError: one is missing, or wrong.
    """
    if kind == "upscale":
        return ResolvedUpscaleJob.make(**settings)
    chosen = ResolvedRelightJob if settings.get("reference") else ModelRelightJob
    return chosen.make(**settings)
