"""A relighting job -> an output file and its sidecar: the main road through the house."""

from __future__ import annotations

import functools
import logging
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from relight import media
from relight.diffusion.framing import Framing
from relight.engine.light_stream import (
    Look,
    gains,
    generated,
    glimpse,
    lit_frames,
    run_window,
    sparse,
    transferred,
)
from relight.engine.output import Result, checked, deliver
from relight.engine.progress import Meter, OnProgress, relight_work, timed
from relight.engine.upscaling import LoadUpscaler, planned, possible_size, upscaled
from relight.jobs import Compute, RelightJob, UpscaleJob
from relight.lights import Light, resolve
from relight.models.catalogue import CATALOGUE
from relight.models.loader import Model, load_model, load_upscaler

log = logging.getLogger(__name__)


Load = Callable[[str, Compute], Model]


def relight_video(
    input: str | os.PathLike, output: str | os.PathLike, *, prompt: str, **settings: Any
) -> Result:
    """Relight a clip: `relight_video("in.mp4", "out.mp4", prompt="sunset", light="left")`.

    Args:
        input, output: files; the output has the source's size, time stamps and sound.
        prompt: subject and light.
        settings: any other field of `relight.jobs.RelightJob`.

    Raises:
        relight.errors.RelightError: one line saying what is wrong and what to do.
    """
    return run_relight(RelightJob.make(input=input, output=output, prompt=prompt, **settings))


def run_relight(
    job: RelightJob,
    *,
    load: Load = load_model,
    load_upscaler: LoadUpscaler = load_upscaler,
    on_progress: OnProgress | None = None,
) -> Result:
    """Run one job.

    Args:
        job: what to do.
        load: called with a job's `model` and `compute`; pass one that remembers.
        load_upscaler: called as `run_upscale` does, for a job that also upscales.
        on_progress: told about progress; may raise to stop, which leaves no output behind.

    Raises:
        InputError, MediaError, ModelError, Cancelled: the output file is then not there.
    """
    seconds: dict[str, float] = {}
    info = checked(job)
    light = resolve(job.light, job.light_at)
    if job.upscale is not None:
        possible_size(_upscale_job(job, "auto"), info)
    with timed(seconds, "load"):
        model = load(job.model, job.compute)
    job = _resolved(job, model, info)
    framing = Framing.fit(info.width, info.height, side=job.side, multiple=model.multiple)
    log.info("model %s (%s), frames shown as %s", model.name, model.why, framing)
    plan = None
    if job.upscale is not None:
        plan = planned(_upscale_job(job, _upscaler(model)), info, seconds, load_upscaler)
    meter = Meter("relighting", *relight_work(job, model, info), on_progress, seconds)
    frames = _frames(job, model, info, framing, light, meter)
    said = f"{model.name} ({model.why})"
    if plan is None:
        return deliver(job, info, (info.width, info.height), frames, meter, said)
    meter.total_passes += plan.passes
    larger = upscaled(frames, plan, meter)
    return deliver(job, info, plan.size[::-1], larger, meter, f"{said}, {plan.upscaler.name}")


def _upscaler(model: Model) -> str:
    """What enlarges the result of a model: its own weights if they can."""
    upscaler = model.entry.upscaler
    if upscaler != "auto" and model.name not in CATALOGUE:
        return model.name  # a folder of one's own
    return upscaler


def _upscale_job(job: RelightJob, upscaler: str) -> UpscaleJob:
    """How the result of a relighting job is enlarged."""
    same = ("input", "output", "prompt", "seed", "start", "frames", "device", "dtype", "memory")
    settings = {name: getattr(job, name) for name in (*same, "attention", "compile")}
    return UpscaleJob(model=upscaler, scale=job.upscale, **settings)


def _resolved(job: RelightJob, model: Model, info: media.VideoInfo) -> RelightJob:
    """The job with every open setting decided, so that its sidecar repeats the run exactly."""
    default = model.entry.defaults
    larger = info.width * info.height > 1.1 * model.side**2  # but for rounding
    decided = {
        "model": model.name if model.name in CATALOGUE else str(Path(model.name).absolute()),
        "scene": job.prompt if job.scene is None else job.scene,
        "seed": secrets.randbelow(2**31) if job.seed is None else job.seed,
        "strength": job.strength or default.strength,
        "steps": job.steps or default.steps,
        "relight_steps": job.relight_steps or default.relight_steps,
        "gamma": model.pipe.recipes[job.recipe].gamma if job.gamma is None else job.gamma,
        "side": job.side or round(model.side),
        "device": model.compute.device,
        "dtype": model.compute.dtype,
        "memory": model.compute.memory,
    }
    if job.transfer == "auto":
        decided["transfer"] = "on" if model.entry.transfer or larger else "off"
    return job.model_copy(update=decided)


def _frames(
    job: RelightJob,
    model: Model,
    info: media.VideoInfo,
    framing: Framing,
    light: Light,
    meter: Meter,
) -> Iterator[media.Frame]:
    look = Look(
        prompt=job.prompt,
        scene=job.scene,
        negative_prompt=job.negative_prompt,
        light=light,
        recipe=job.recipe,
        strength=job.strength,
        steps=job.steps,
        relight_steps=job.relight_steps,
        guidance=job.guidance,
        gamma=job.gamma,
        seed=job.seed,
    )
    length = model.entry.window

    last: media.Frame | None = None  # the newest frame read is the last one of its window

    def watched(frames: Iterable[media.Frame]) -> Iterator[media.Frame]:
        nonlocal last
        for last in frames:  # noqa: UP028 - it must set `last`
            yield last

    def show(frame: np.ndarray, drawn: Tensor) -> None:
        relit = framing.cut(drawn[-1]).cpu().float().clamp(-1, 1) / 2 + 0.5
        small, transfer = framing.scale(frame), job.transfer == "on"
        meter.preview = functools.partial(glimpse, frame, small, relit, transfer)

    def run(images: np.ndarray) -> Tensor:
        on_fused = functools.partial(show, last.image) if meter.report else None
        with timed(meter.seconds, "model"):
            return run_window(images, model, look, meter.step, on_fused)

    frames = watched(media.read(job.input, start=job.start, frames=job.frames))
    if job.transfer == "off":
        lit = lit_frames(frames, framing, length, run, lambda source, relit: relit)
        return generated(lit, info.width, info.height)
    # Two decoders in step: one far ahead with small frames for the model, one for the output.
    lit = lit_frames(sparse(frames, job.light_fps), framing, length, run, gains)
    again = media.read(job.input, start=job.start, frames=job.frames)
    return transferred(again, lit, framing)
