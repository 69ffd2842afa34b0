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
import torch
from torch import Tensor

from relight import media
from relight.diffusion.compute import available_memory
from relight.engine.output import Result, checked, deliver
from relight.engine.progress import Meter, OnProgress, frame_count, timed, window_count
from relight.engine.windows import blended, windows
from relight.errors import InputError
from relight.jobs import UpscaleJob
from relight.methods.diffuse_high import PAPER, RECIPES, Size, UpscaleRecipe
from relight.models.catalogue import UPSCALERS
from relight.models.loader import Upscaler, load_upscaler

OVERLAP = 4
"""Frames that two windows of a clip share."""
BYTES = 160
"""Memory per pixel of the result that a run needs besides the model's own, measured."""
WHOLE = 4
"""Pictures up to so many times the model's own side are denoised as a whole, larger in tiles."""

LoadUpscaler = Callable[..., Upscaler]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """An upscaling job with everything decided.

    Attributes:
        job: with every default filled in. size: (height, width) of the result.
        sizes: of the stages, the last of them `size`. frames: how many there will be.
    """

    job: UpscaleJob
    upscaler: Upscaler
    size: Size
    sizes: tuple[Size, ...]
    recipe: UpscaleRecipe
    frames: int

    @property
    def passes(self) -> int:
        """Denoising steps that will be run."""
        windows = window_count(self.frames, self.upscaler.window or 1, self.overlap)
        return windows * len(self.sizes) * self.recipe.noising_steps

    @property
    def overlap(self) -> int:
        """Frames that two windows share."""
        return OVERLAP if self.upscaler.window else 0


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
        load: called with a job's `model` and `compute`, and `moving`; pass one that remembers.
        on_progress: told about progress; may raise to stop, which leaves no output behind.

    Raises:
        InputError, MediaError, ModelError, Cancelled: the output file is then not there.
    """
    info = checked(job)
    seconds: dict[str, float] = {}
    plan = planned(job, info, seconds, load)
    meter = Meter("upscaling", plan.frames, plan.passes, on_progress, seconds)
    frames = media.read(job.input, start=job.start, frames=job.frames)
    said = f"{plan.upscaler.name} ({plan.upscaler.why})"
    larger = upscaled(frames, plan, meter)
    return deliver(plan.job, info, plan.size[::-1], larger, meter, said)


def planned(
    job: UpscaleJob,
    info: media.VideoInfo,
    seconds: dict[str, float],
    load: LoadUpscaler = load_upscaler,
) -> Plan:
    """Load a job's upscaler and decide everything it leaves open.

    Raises:
        InputError: a size that is no larger than the input, or takes more memory than there is;
            more steps than the recipe has.
        ModelError: see `load_upscaler`.
    """
    before = info.height, info.width
    frames = frame_count(job, info)
    size = possible_size(job, info)
    if job.recipe == "paper" and (job.steps or 1) > PAPER.num_inference_steps:
        limit = PAPER.num_inference_steps
        raise InputError(f"steps is at most {limit} with the paper's recipe, not {job.steps}")
    with timed(seconds, "load"):
        upscaler = load(job.model, job.compute, moving=frames > 1)
    job = _resolved(job, upscaler, size)
    return Plan(
        job=job,
        upscaler=upscaler,
        size=size,
        sizes=stage_sizes(before, size),
        recipe=_recipe(job),
        frames=frames,
    )


def possible_size(job: UpscaleJob, info: media.VideoInfo) -> Size:
    """(height, width) that a job asks for, if it can be made here; told before any work.

    Raises:
        InputError: a size that is no larger than the input, or takes more memory than there is.
    """
    size = target_size(job, (info.height, info.width))
    window = max(entry.window or 1 for entry in UPSCALERS.values())
    check_memory(size, min(frame_count(job, info), window))
    return size


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
        if max(down - height * scale, across - width * scale) < 1:
            return down, across  # the same shape, but for rounding: 1280x720 for 854x480
    return round(height * scale), round(width * scale)


def check_memory(size: Size, frames: int) -> None:
    """Refuse a result that can't fit, with an estimate, before any work.

    Raises:
        InputError: `frames` of it at once would take more than the memory that is free.
    """
    needed = size[0] * size[1] * frames * BYTES
    free = available_memory()
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


def upscaled(frames: Iterable[media.Frame], plan: Plan, meter: Meter) -> Iterator[media.Frame]:
    """Frames, enlarged: pictures one by one, clips in overlapping windows, in constant memory."""
    length = plan.upscaler.window or 1
    times: deque[Fraction] = deque()

    def parts() -> Iterator[tuple[int, Tensor]]:
        known = 0
        for start, window in windows(frames, length, min(plan.overlap, length - 1)):
            times.extend(frame.time for frame in window[known - start :])
            known = start + len(window)
            images = np.stack([frame.image for frame in window])
            with timed(meter.seconds, "model"):
                larger = enlarge(images, start, plan, meter.step)
            yield start, larger

    for pixels in blended(parts(), torch.lerp):
        image = (pixels.permute(1, 2, 0) * 255).round().clamp(0, 255).byte().cpu().numpy()
        yield media.Frame(image=image, time=times.popleft())


def enlarge(
    images: np.ndarray, start: int, plan: Plan, on_step: Callable[[], None] | None = None
) -> Tensor:
    """(frames, h, w, 3) uint8 -> (frames, 3, *size) in [0, 1].

    Args:
        start: index of the first frame in its clip: a frame's noise depends on it alone, so that
            windows agree where they overlap.
    """

    def step(pipe: Any, index: int, timestep: Tensor, tensors: dict[str, Any]) -> dict[str, Any]:
        if on_step is not None:
            on_step()
        return tensors

    job, pipe = plan.job, plan.upscaler.pipe
    common = {
        "prompt": job.prompt,
        "negative_prompt": job.negative_prompt,
        "sizes": plan.sizes,
        "recipe": plan.recipe,
        "tile": job.tile or None,
        "pad": True,
        "output_type": "pt",
        "callback_on_step_end": step,
        "generator": torch.Generator("cpu").manual_seed(job.seed),
    }
    if plan.upscaler.window is None:
        return pipe(image=images, **common).images
    noise = pipe.frame_noise(plan.sizes, len(images), start, job.seed)
    return pipe(images, stage_noise=noise, **common).frames[0]


def _recipe(job: UpscaleJob) -> UpscaleRecipe:
    """The recipe with the settings of a job that leaves nothing open."""
    recipe = RECIPES[job.recipe].with_(
        # The default recipe's schedule is as long as its steps ask for.
        num_inference_steps=max(job.steps, PAPER.num_inference_steps),
        noising_steps=job.steps,
        upscale_guidance_scale=job.guidance,
    )
    if job.recipe == "paper":
        return recipe
    return recipe.with_(dwt_steps=job.steps).with_identity(job.identity)


def _resolved(job: UpscaleJob, upscaler: Upscaler, size: Size) -> UpscaleJob:
    """The job with every open setting decided, so that its sidecar repeats the run exactly."""
    recipe = RECIPES[job.recipe]
    known = upscaler.name in UPSCALERS
    own = None if job.recipe == "paper" else upscaler.entry.steps
    tile, side = job.tile, round(upscaler.side)
    if tile is None and max(size) > WHOLE * side:
        tile = 2 * side
    decided = {
        "model": upscaler.name if known else str(Path(upscaler.name).absolute()),
        # Not the size it comes to: rounded, that would fit the picture's shape less well.
        "scale": None if job.size else job.scale or 2.0,
        "seed": secrets.randbelow(2**31) if job.seed is None else job.seed,
        "steps": job.steps or own or recipe.noising_steps,
        "guidance": upscaler.entry.guidance if job.guidance is None else job.guidance,
        "tile": tile or 0,
        "device": upscaler.compute.device,
        "dtype": upscaler.compute.dtype,
        "memory": upscaler.compute.memory,
    }
    return job.model_copy(update=decided)
