"""A job -> an output file and its sidecar: the main road through the house."""

from __future__ import annotations

import json
import logging
import os
import platform
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from relight import lights, video
from relight.errors import InputError
from relight.framing import Framing
from relight.ic_light import image_to_image_steps
from relight.jobs import RelightJob
from relight.light_stream import (
    OVERLAP,
    Look,
    gains,
    generated,
    lit_frames,
    run_window,
    sparse,
    transferred,
)
from relight.models import Model, load_model

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a run stands: `fraction` of all the work in [0, 1], `seconds_left` once it is known."""

    stage: str
    fraction: float
    seconds_left: float | None


Load = Callable[[str, str, str, str], Model]
OnProgress = Callable[[Progress], None]
"""Called often, from the thread that runs the job; raise `relight.errors.Cancelled` to stop."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a run made.

    Attributes:
        path: the output; sidecar: the JSON beside it, itself a valid job file.
        frames: frames written. seconds: wall time by stage, and "total".
        settings: every setting with its default filled in: given again, they give the same output.
        model: the model taken and why. notes: what the user should know about the source.
    """

    path: Path
    sidecar: Path
    frames: int
    seconds: dict[str, float]
    settings: dict[str, Any]
    model: str
    notes: tuple[str, ...] = ()


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
    on_progress: OnProgress | None = None,
) -> Result:
    """Run one job.

    Args:
        job: what to do.
        load: called with a job's (model, device, dtype, memory); pass one that remembers.
        on_progress: told about progress; may raise to stop, which leaves no output behind.

    Raises:
        InputError, MediaError, ModelError, Cancelled: the output file is then not there.
    """
    seconds: dict[str, float] = {}
    begun = time.perf_counter()
    info = video.probe(job.input)
    video.check_output(job.output, job.input, job.overwrite)
    sidecar = sidecar_path(job.output)
    if sidecar.exists() and not job.overwrite:
        raise InputError(f"{sidecar} exists: remove it, or allow overwriting")
    light = read_light(job.light)
    if info.duration is not None and job.start >= max(info.duration, 1e-3):
        raise InputError(
            f"{job.input}: start {job.start:g} s lies past the end, at {info.duration:.2f} s"
        )
    with _timed(seconds, "load"):
        model = load(job.model, job.device, job.dtype, job.memory)
    job = _resolved(job, model, info)
    framing = Framing.fit(info.width, info.height, side=job.side, multiple=model.multiple)
    log.info("model %s (%s), frames shown as %s", model.name, model.why, framing)
    meter = _Meter(job, model, info, on_progress, seconds)
    with (
        _timed(seconds, "relight"),
        video.write(
            job.output,
            info,
            size=(info.width, info.height),
            fps=info.fps,
            start=job.start,
            overwrite=job.overwrite,
        ) as writer,
    ):
        for frame in _frames(job, model, framing, light, meter):
            with _timed(seconds, "encode"):
                writer.add(frame.image, frame.time)
            meter.frame()
    total = time.perf_counter() - begun
    seconds |= {"decode and transfer": total - sum(seconds.values()), "total": total}
    result = Result(
        path=job.output,
        sidecar=sidecar,
        frames=meter.frames,
        seconds={stage: round(value, 2) for stage, value in seconds.items()},
        settings=job.settings(),
        model=f"{model.name} ({model.why})",
        notes=info.notes,
    )
    _write_sidecar(result)
    return result


def sidecar_path(output: Path) -> Path:
    """Where the settings of an output are written: `out.mp4` -> `out.mp4.json`."""
    return output.with_name(output.name + ".json")


def read_light(light: str) -> lights.Light:
    """A job's light: one of the names, or the image it points to.

    Raises:
        InputError: neither a known name nor a readable image.
    """
    if light in lights.NAMES:
        return light
    path = Path(light)
    if not path.is_file():
        raise InputError(
            f"unknown light {light!r}: use {', '.join(lights.NAMES)}, or the path of an image"
        )
    try:
        with Image.open(path, formats=("PNG", "JPEG", "WEBP", "BMP", "TIFF")) as image:
            return ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError):
        raise InputError(f"the light image {path} can't be read: give a PNG or JPEG") from None


def _resolved(job: RelightJob, model: Model, info: video.VideoInfo) -> RelightJob:
    """The job with every open setting decided, so that its sidecar repeats the run exactly."""
    default = model.entry.defaults
    larger = info.width * info.height > 1.5 * model.side**2
    decided = {
        "model": model.name,
        "scene": job.prompt if job.scene is None else job.scene,
        "seed": secrets.randbelow(2**31) if job.seed is None else job.seed,
        "strength": job.strength or default.strength,
        "steps": job.steps or default.steps,
        "relight_steps": job.relight_steps or default.relight_steps,
        "gamma": model.pipe.recipes[job.recipe].gamma if job.gamma is None else job.gamma,
        "side": job.side or round(model.side),
        "device": model.device,
        "dtype": model.dtype,
    }
    if job.transfer == "auto":
        decided["transfer"] = "on" if model.entry.transfer or larger else "off"
    return job.model_copy(update=decided)


def _frames(
    job: RelightJob, model: Model, framing: Framing, light: lights.Light, meter: _Meter
) -> Iterator[video.Frame]:
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

    def run(images: np.ndarray) -> Tensor:
        with _timed(meter.seconds, "model"):
            return run_window(images, model, look, meter.step)

    frames = video.read(job.input, start=job.start, frames=job.frames)
    if job.transfer == "off":
        lit = lit_frames(frames, framing, length, run, lambda source, relit: relit)
        return generated(lit, meter.info.width, meter.info.height)
    # Two decoders in step: one far ahead with small frames for the model, one for the output.
    lit = lit_frames(sparse(frames, job.light_fps), framing, length, run, gains)
    again = video.read(job.input, start=job.start, frames=job.frames)
    return transferred(again, lit, framing)


@dataclass
class _Meter:
    """Counts UNet passes and written frames against an estimate of all there will be."""

    job: RelightJob
    model: Model
    info: video.VideoInfo
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
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - begun


def _write_sidecar(result: Result) -> None:
    packages = ("relight", "torch", "diffusers", "transformers", "av", "opencv-python-headless")
    content = {
        "settings": result.settings,
        "made": {
            "frames": result.frames,
            "seconds": result.seconds,
            "model": result.model,
            "notes": list(result.notes),
            "versions": {"python": platform.python_version()}
            | {name: version(name) for name in packages},
        },
    }
    part = result.sidecar.with_name(f".{result.sidecar.name}.part")
    part.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(result.sidecar)
