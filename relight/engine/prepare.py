"""Everything that can be refused or estimated before a model is loaded. Torch-free."""

from __future__ import annotations

from relight.engine.references import read_stills
from relight.engine.sizes import possible_size
from relight.errors import InputError, ModelError
from relight.jobs import Job, RelightJob, UpscaleJob
from relight.jobs.base import Delivery
from relight.lights import resolve as resolve_light
from relight.media import VideoInfo
from relight.models import hub
from relight.models.catalogue import CATALOGUE, UPSCALERS, Entry
from relight.models.guides import check_guide

LONGEST_SCHEDULE = 50
"""Steps of DiffuseHigh's published schedule: its recipe can't run more."""


def refuse(job: Job, info: VideoInfo) -> None:
    """Refuse what can't be, before torch is imported.

    Raises:
        InputError: a light, a size or a number of steps that can't be.
        ModelError: an unknown model, or one whose weights are missing.
    """
    _refuse_model(job, info)
    upscaling = None
    if isinstance(job, RelightJob):
        length = None if info.duration is None else info.duration - job.start
        resolve_light(job.light, job.light_at, length)
        read_stills(job)
        if job.upscale is not None:
            upscaling = upscale_job(job, "auto")
    elif isinstance(job, UpscaleJob):
        upscaling = job
        if job.recipe == "paper" and (job.steps or 1) > LONGEST_SCHEDULE:
            raise InputError(
                f"steps is at most {LONGEST_SCHEDULE} with the paper's recipe, not {job.steps}",
                field="steps",
                value=job.steps,
            )
    if upscaling is not None:
        check_guide(upscaling.guide or "mini")
        window = max(entry.window or 1 for entry in UPSCALERS.values())
        possible_size(upscaling, (info.height, info.width), min(frame_count(job, info), window))


def _refuse_model(job: Job, info: VideoInfo) -> None:
    if isinstance(job, RelightJob):
        if job.model in CATALOGUE:
            refuse_recipe(job, CATALOGUE[job.model])
        hub.check(job.model, CATALOGUE)
        return
    entry = UPSCALERS.get(job.model)
    if entry is not None and entry.clips is None and frame_count(job, info) > 1:
        raise ModelError(
            f"{job.model} upscales pictures only: use mini, sd15 or auto for a clip",
            field="model",
            value=job.model,
        )
    hub.check(job.model, UPSCALERS)


def refuse_recipe(job: RelightJob, entry: Entry) -> None:
    """Refuse what a model that edits pictures can't do.

    Raises:
        InputError: a recipe with a video model, or the model's own pixels.
    """
    if not entry.edits or job.reference:
        return
    if job.recipe not in ("auto", "fast"):
        raise InputError(
            f"{job.model} edits pictures, and recipe {job.recipe} needs a video model: take fast",
            field="recipe",
            value=job.recipe,
        )
    if job.transfer == "off":
        raise InputError(
            f"{job.model} edits pictures, of which only the light is taken: transfer can't be off",
            field="transfer",
            value=job.transfer,
        )


def frame_count(job: Job, info: VideoInfo) -> int:
    """How many frames a job will take, as far as the file tells."""
    rate = float(info.fps)
    count = info.frames or round((info.duration or 0) * rate)
    count = max(count - round(job.start * rate), 1)
    return min(count, job.frames or count)


def is_moving(job: Job, info: VideoInfo) -> bool:
    """Whether a job has more than one frame; a header that doesn't say is not trusted."""
    if job.frames == 1:
        return False
    known = info.frames or info.duration
    return not known or frame_count(job, info) > 1


def upscale_job(job: RelightJob, upscaler: str) -> UpscaleJob:
    """How the result of a relighting job is enlarged."""
    same = ("input", "output", "prompt", "seed", "start", "frames", "device", "dtype", "memory")
    same = (*same, "attention", "compile", *Delivery.model_fields)
    settings = {name: getattr(job, name) for name in same}
    return UpscaleJob(model=upscaler, scale=job.upscale, **settings)
