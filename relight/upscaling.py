"""An upscaling job -> an output file and its sidecar; and the road of its frames."""

from __future__ import annotations

import math
import os
import secrets
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from torch import Tensor

from relight import video
from relight.catalogue import UPSCALERS
from relight.errors import InputError
from relight.jobs import UpscaleJob
from relight.methods.diffuse_high import RECIPES, Size, UpscaleRecipe
from relight.output import Result, checked, deliver
from relight.progress import Meter, OnProgress, frame_count, timed, window_count
from relight.upscalers import Upscaler, load_upscaler
from relight.windows import blended, windows

OVERLAP = 4
"""Frames that two windows of a clip share."""
BYTES = 160
"""Memory per pixel of the result that a run needs besides the model's own, measured."""
WHOLE = 4
"""Pictures up to so many times the model's own side are denoised as a whole, larger in tiles."""

LoadUpscaler = Callable[..., Upscaler]


@dataclass(frozen=True, kw_only=True)
class Enlarging:
    """What an upscaler is asked for: a job's settings with every default filled in."""

    sizes: tuple[Size, ...]
    prompt: str
    negative_prompt: str
    recipe: UpscaleRecipe
    seed: int
    tile: int | None


def upscale(input: str | os.PathLike, output: str | os.PathLike, **settings: Any) -> Result:
    """Upscale a picture or a clip: `upscale("in.jpg", "out.png", scale=2)`.

    Args:
        input, output: files; a clip keeps its time stamps and its sound.
        settings: any other field of `relight.jobs.UpscaleJob`: scale, size, identity, prompt ...

    Raises:
        relight.errors.RelightError: one line saying what is wrong and what to do.
    """
    return run_upscale(UpscaleJob.make(input=input, output=output, **settings))


def run_upscale(
    job: UpscaleJob,
    *,
    load: LoadUpscaler = load_upscaler,
    on_progress: OnProgress | None = None,
) -> Result:
    """Run one job.

    Args:
        job: what to do.
        load: called with (whether it is a clip, *a job's `loading`); pass one that remembers.
        on_progress: told about progress; may raise to stop, which leaves no output behind.

    Raises:
        InputError, MediaError, ModelError, Cancelled: the output file is then not there.
    """
    info = checked(job)
    size = target_size(job, (info.height, info.width))
    moving = frame_count(job, info) > 1
    seconds: dict[str, float] = {}
    with timed(seconds, "load"):
        upscaler = load(moving, *job.loading)
    check_memory(size, upscaler)
    job = _resolved(job, upscaler, size)
    wanted = enlarging(job, upscaler, (info.height, info.width), size)
    meter = Meter(
        "upscaling", *upscale_work(wanted, upscaler, frame_count(job, info)), on_progress, seconds
    )
    frames = video.read(job.input, start=job.start, frames=job.frames)
    said = f"{upscaler.name} ({upscaler.why})"
    return deliver(job, info, size[::-1], upscaled(frames, upscaler, wanted, meter), meter, said)


def target_size(job: UpscaleJob, size: Size) -> Size:
    """(height, width) that a job asks for, of a source of `size`.

    Raises:
        InputError: no larger than the source.
    """
    height, width = size
    if job.size is None:
        scale = job.scale or 2.0
    else:
        across, down = (int(side) for side in job.size.split("x"))
        scale = min(across / width, down / height)
        if scale <= 1:
            raise InputError(f"size {job.size} is not larger than the input, {width}x{height}")
    return round(height * scale), round(width * scale)


def check_memory(size: Size, upscaler: Upscaler) -> None:
    """Refuse a result that can't fit, with an estimate, before any work.

    Raises:
        InputError: it would take more than the memory that is free.
    """
    needed = size[0] * size[1] * (upscaler.window or 1) * BYTES
    free = psutil.virtual_memory().available
    if needed > free:
        raise InputError(
            f"{size[1]}x{size[0]} would take about {needed / 2**30:.0f} GiB of memory, and "
            f"{free / 2**30:.0f} GiB are free: choose a smaller scale or size"
        )


def stage_sizes(before: Size, target: Size) -> tuple[Size, ...]:
    """The sizes on the way: each stage about doubles the sides at most."""
    scale = max(after / side for side, after in zip(before, target, strict=True))
    count = max(math.ceil(math.log2(scale) - 0.1), 1)
    between = [
        tuple(round(a * (b / a) ** (i / count)) for a, b in zip(before, target, strict=True))
        for i in range(1, count)
    ]
    return (*between, target)


def enlarging(job: UpscaleJob, upscaler: Upscaler, before: Size, target: Size) -> Enlarging:
    """What `upscaled` is to do for a job with its defaults filled in."""
    recipe = RECIPES[job.recipe].with_(
        noising_steps=job.steps, dwt_steps=job.steps, upscale_guidance_scale=job.guidance
    )
    if job.recipe != "paper":
        recipe = recipe.with_identity(job.identity)
    return Enlarging(
        sizes=stage_sizes(before, target),
        prompt=job.prompt,
        negative_prompt=job.negative_prompt,
        recipe=recipe,
        seed=job.seed,
        tile=job.tile or None,
    )


def upscaled(
    frames: Iterable[video.Frame], upscaler: Upscaler, wanted: Enlarging, meter: Meter
) -> Iterator[video.Frame]:
    """Frames, enlarged: pictures one by one, clips in overlapping windows, in constant memory."""
    length = upscaler.window or 1
    times: deque[Fraction] = deque()

    def parts() -> Iterator[tuple[int, Tensor]]:
        known = 0
        for start, window in windows(frames, length, min(OVERLAP, length - 1)):
            times.extend(frame.time for frame in window[known - start :])
            known = start + len(window)
            images = np.stack([frame.image for frame in window])
            with timed(meter.seconds, "model"):
                yield start, enlarge(images, start, upscaler, wanted, meter.step)

    for pixels in blended(parts(), torch.lerp):
        image = (pixels.permute(1, 2, 0) * 255).round().clamp(0, 255).byte().cpu().numpy()
        yield video.Frame(image=image, time=times.popleft())


def enlarge(
    images: np.ndarray,
    start: int,
    upscaler: Upscaler,
    wanted: Enlarging,
    on_step: Callable[[], None] | None = None,
) -> Tensor:
    """(frames, h, w, 3) uint8 -> (frames, 3, *last size) in [0, 1].

    Args:
        start: index of the first frame in its clip: a frame's noise depends on it alone, so that
            windows agree where they overlap.
    """

    def step(pipe: Any, index: int, timestep: Tensor, tensors: dict[str, Any]) -> dict[str, Any]:
        if on_step is not None:
            on_step()
        return tensors

    common = {
        "prompt": wanted.prompt,
        "negative_prompt": wanted.negative_prompt,
        "sizes": wanted.sizes,
        "recipe": wanted.recipe,
        "tile": wanted.tile,
        "pad": True,
        "output_type": "pt",
        "callback_on_step_end": step,
    }
    generator = torch.Generator("cpu").manual_seed(wanted.seed)
    if upscaler.window is None:
        return upscaler.pipe(image=images, generator=generator, **common).images
    noise = upscaler.pipe.frame_noise(wanted.sizes, len(images), start, wanted.seed)
    return upscaler.pipe(images, stage_noise=noise, generator=generator, **common).frames[0]


def upscale_work(wanted: Enlarging, upscaler: Upscaler, frames: int) -> tuple[int, int]:
    """(frames to write, denoising steps) of a job."""
    each = len(wanted.sizes) * wanted.recipe.noising_steps
    if upscaler.window is None:
        return frames, frames * each
    return frames, window_count(frames, upscaler.window, OVERLAP) * each


def _resolved(job: UpscaleJob, upscaler: Upscaler, size: Size) -> UpscaleJob:
    """The job with every open setting decided, so that its sidecar repeats the run exactly."""
    recipe = RECIPES[job.recipe]
    known = upscaler.name in UPSCALERS
    tile = job.tile
    if tile is None and max(size) > WHOLE * upscaler.side:
        tile = 2 * upscaler.side
    decided = {
        "model": upscaler.name if known else str(Path(upscaler.name).absolute()),
        "scale": None,
        "size": f"{size[1]}x{size[0]}",
        "seed": secrets.randbelow(2**31) if job.seed is None else job.seed,
        "steps": job.steps or recipe.noising_steps,
        "guidance": upscaler.guidance if job.guidance is None else job.guidance,
        "tile": tile or 0,
        "device": upscaler.device,
        "dtype": upscaler.dtype,
        "memory": upscaler.memory,
    }
    return job.model_copy(update=decided)
