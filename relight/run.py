"""A job -> an output file and its sidecar: the main road through the house."""

from __future__ import annotations

import json
import logging
import os
import platform
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from relight import lights, video
from relight.catalogue import CATALOGUE
from relight.errors import InputError
from relight.framing import Framing
from relight.jobs import RelightJob
from relight.light_stream import (
    Look,
    gains,
    generated,
    lit_frames,
    run_window,
    sparse,
    transferred,
)
from relight.models import Model, load_model
from relight.progress import Meter, OnProgress, timed

log = logging.getLogger(__name__)


Load = Callable[[str, str, str, str], Model]


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
    with timed(seconds, "load"):
        model = load(job.model, job.device, job.dtype, job.memory)
    job = _resolved(job, model, info)
    framing = Framing.fit(info.width, info.height, side=job.side, multiple=model.multiple)
    log.info("model %s (%s), frames shown as %s", model.name, model.why, framing)
    meter = Meter(job, model, info, on_progress, seconds)
    with video.write(
        job.output,
        info,
        size=(info.width, info.height),
        fps=info.fps,
        start=job.start,
        overwrite=job.overwrite,
    ) as writer:
        for frame in _frames(job, model, framing, light, meter):
            with timed(seconds, "encode"):
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
    """Where the settings of an output are written: `out.mp4` -> `out.mp4.json`.

    Those of a sequence lie beside its first picture: `a/%05d.png` -> `a/00001.png.json`.
    """
    first = video.first_file(output)
    return first.with_name(first.name + ".json")


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
    larger = info.width * info.height > 1.1 * model.side**2  # but for rounding
    decided = {
        "model": model.name if model.name in CATALOGUE else str(Path(model.name).absolute()),
        "light": job.light if job.light in lights.NAMES else str(Path(job.light).absolute()),
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
    job: RelightJob, model: Model, framing: Framing, light: lights.Light, meter: Meter
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
        with timed(meter.seconds, "model"):
            return run_window(images, model, look, meter.step)

    frames = video.read(job.input, start=job.start, frames=job.frames)
    if job.transfer == "off":
        lit = lit_frames(frames, framing, length, run, lambda source, relit: relit)
        return generated(lit, meter.info.width, meter.info.height)
    # Two decoders in step: one far ahead with small frames for the model, one for the output.
    lit = lit_frames(sparse(frames, job.light_fps), framing, length, run, gains)
    again = video.read(job.input, start=job.start, frames=job.frames)
    return transferred(again, lit, framing)


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
