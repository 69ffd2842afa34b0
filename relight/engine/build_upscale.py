"""From a resolved upscaling job to work that can be computed."""

from __future__ import annotations

from dataclasses import replace

from relight.engine.chunks import Chunk, pieces, windows
from relight.engine.frames import Source
from relight.engine.resolve import Models
from relight.engine.sizes import stage_sizes, target_size
from relight.engine.survey import Survey
from relight.engine.upscaling import Upscaling, recipe_of
from relight.jobs import ResolvedUpscaleJob
from relight.media import VideoInfo
from relight.media.source_invariants import at_depth, finished
from relight.models.entries import UpscaleEntry
from relight.models.finding import Found
from relight.models.loader import Upscaler
from relight.types import Size

OVERLAP = 4
"""Frames two windows share: half a second of those a model sees at the default rate."""
PICTURES = 8
"""Frames in a chunk of a model that takes pictures one by one, or of none."""


def upscaling(
    job: ResolvedUpscaleJob, models: Models, info: VideoInfo, survey: Survey
) -> Upscaling:
    """The work of a job that leaves nothing open."""
    upscaler, before = models.to_upscale, Size(info.height, info.width)
    originals = Source(job.input, survey.times, job.reading)
    recipe = recipe_of(job, upscaler.entry)
    return Upscaling(
        job=job,
        recipe=recipe,
        sizes=_sizes(job, before, bool(recipe.noising_steps)),
        chunks=upscale_chunks(job, upscaler, before, len(survey.times)),
        times=survey.times,
        opened=originals.open,
        originals=originals.open,
        mend=at_depth if job.recipe == "paper" else finished,
        deep=max(info.depth, job.depth or 8) > 8,
        guide=models.guide,
        upscaler=upscaler if isinstance(upscaler, Upscaler) else None,
    )


def upscale_chunks(
    job: ResolvedUpscaleJob, upscaler: Upscaler | Found[UpscaleEntry], before: Size, count: int
) -> tuple[Chunk, ...]:
    """The windows, or small groups of pictures, in which a resolved job enlarges its frames."""
    steps = recipe_of(job, upscaler.entry).noising_steps
    sizes = _sizes(job, before, bool(steps))
    megapixels = sum(height * width for height, width in sizes) / len(sizes) / 1e6
    if not steps:
        chunks = pieces(count, PICTURES, stage="guide")
        return tuple(replace(chunk, megapixels=megapixels) for chunk in chunks)
    passes = len(sizes) * steps
    if upscaler.window is None:  # one picture after another
        chunks = pieces(count, PICTURES, stage="upscale")
        return tuple(
            replace(chunk, passes=passes * len(chunk), megapixels=megapixels) for chunk in chunks
        )
    length = upscaler.window
    chunks = windows(count, length, min(OVERLAP, length - 1), stage="upscale", passes=passes)
    return tuple(replace(chunk, megapixels=len(chunk) * megapixels) for chunk in chunks)


def _sizes(job: ResolvedUpscaleJob, before: Size, denoised: bool) -> tuple[Size, ...]:
    """Of the stages; what is not denoised needs no stops on the way."""
    target = target_size(job, before)
    return stage_sizes(before, target) if denoised else (target,)
