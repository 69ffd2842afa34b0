"""Everything that can be refused or estimated before a model is loaded. Torch-free."""

from __future__ import annotations

import math
from pathlib import Path

from relight.engine import backdrop
from relight.engine.depth_clip import check_depth
from relight.engine.references import read_stills
from relight.engine.sizes import GUIDED, possible_size
from relight.errors import InputError, MediaError, ModelError
from relight.jobs import Job, RelightJob, UpscaleJob
from relight.jobs.base import Delivery
from relight.jobs.conflicts import MATTE_MODELS
from relight.jobs.regions import USAGE, MaskFile, MaskSeed
from relight.lights import resolve as resolve_light
from relight.media import Reading, VideoInfo, check_many, probe
from relight.media.reading import SLACK_S
from relight.models import hub
from relight.models.catalogue import CATALOGUE, UPSCALERS
from relight.models.entries import Entry
from relight.models.guides import check_guide
from relight.types import Size

DRAWS = "animatediff_relight"
"""The backbone that draws backgrounds."""
LONGEST_SCHEDULE = 50
"""Steps of DiffuseHigh's published schedule: its recipe can't run more."""


def refuse(job: Job, info: VideoInfo) -> None:
    """Refuse what can't be, before torch is imported.

    Raises:
        InputError: a light, a size or a number of steps that can't be; a clip for one picture.
        ModelError: an unknown model, or one whose weights are missing.
    """
    if (info.frames or info.duration) and frame_count(job, info) > 1:
        check_many(job.output, info)
    _refuse_model(job, info)
    upscaling = None
    if isinstance(job, RelightJob):
        length = None if info.duration is None else info.duration - job.start
        refuse_region(job, info)
        resolve_light(job.light, job.light_at, length, tonemap=job.tonemap)
        read_stills(job)
        check_depth(job, info)
        hub.depth_network(job.surface)
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
        window = GUIDED
        if not _by_guide(upscaling):
            window = max(entry.window or 1 for entry in UPSCALERS.values())
        possible_size(upscaling, Size(info.height, info.width), min(frame_count(job, info), window))


def _by_guide(job: UpscaleJob) -> bool:
    """Whether a job needs its guide alone, as far as it says: `auto` may yet find a model."""
    own = UPSCALERS["mini"].identity if job.model in ("auto", "mini") else 0.0
    return job.recipe != "paper" and (own if job.identity is None else job.identity) == 1


def refuse_region(job: RelightJob, info: VideoInfo) -> tuple[str, ...]:
    """Refuse a mask or a background that can't be one of this clip; notes are returned, in lines.

    Raises:
        InputError, MediaError: it can't be read, is outside of the frame or the clip, or has
            another number of pictures.
    """
    asked, notes = job.region, ()
    known = CATALOGUE.get(job.model)
    if job.drawn_background and known is not None and known.backbone != DRAWS:
        raise InputError(
            f"{job.model} can't draw a background from words: take mini or animatediff, or give a "
            "picture or a video",
            field="background",
            value=job.background,
        )
    length = _seconds_taken(job, info)
    if job.behind is not None and job.behind.path is not None:
        try:
            notes = backdrop.notes_on(job.behind.path, info, length)
        except (InputError, MediaError) as error:
            raise type(error)(f"the background {error}", field="background") from None
    if isinstance(asked, MaskSeed):
        asked.check(info.width, info.height, length)
    if isinstance(asked, MaskFile):
        return (*notes, *_refuse_mask_file(asked.path, job, info))
    if job.matte_model is not None:
        _refuse_matte_model(job.matte_model)
    return notes


def _seconds_taken(job: RelightJob, info: VideoInfo) -> float | None:
    """How long the part of the clip is at most that a job takes, as far as the file says."""
    if info.duration is None or job.frames is None or info.variable:
        return None if info.duration is None else info.duration - job.start
    return min(info.duration - job.start, job.frames / float(info.fps))


def _refuse_matte_model(path: Path) -> None:
    if path.is_dir():
        known = (path / "config.json").is_file() and any(path.glob("*.safetensors"))
        wanted = None if known else "a folder of SAM 2 holds config.json and safetensors"
    else:
        fits = path.suffix.lower() in MATTE_MODELS
        wanted = None if fits and path.is_file() else "give a .tflite or .onnx file, or a folder"
    if wanted is not None:
        raise InputError(
            f"there is no matte model {path}: {wanted}", field="matte_model", path=path
        )


def _refuse_mask_file(path: Path, job: RelightJob, info: VideoInfo) -> tuple[str, ...]:
    try:
        mask = probe(path, Reading(as_clip=True))
    except InputError as error:
        raise InputError(f"the mask {error}; or use {USAGE}", field="mask", path=path) from None
    except MediaError as error:
        raise MediaError(f"the mask {error}", field="mask", path=path) from None
    if mask.hdr:
        raise MediaError(
            f"the mask {path} is HDR ({mask.hdr}), whose levels say no share: export it as SDR",
            field="mask",
            path=path,
        )
    notes = []
    if (mask.width, mask.height) != (info.width, info.height):
        notes.append(
            f"the mask is resized from {mask.width}x{mask.height} to {info.width}x{info.height}"
        )
    if mask.kind == "picture":
        return tuple(notes)
    there = mask.frames or round((mask.duration or 0) * mask.fps)
    wanted = {frame_count(job, info), info.frames or frame_count(job, info)}
    # A length in seconds gives a rough count only; all pictures are counted when they are read.
    unsure = 0 if mask.frames and info.frames else 1 + 0.01 * max(wanted)
    rough = info.variable and (job.start or not info.frames)
    if there and not rough and min(abs(there - count) for count in wanted) > unsure:
        raise InputError(
            f"the mask {path} has {there} pictures, and the clip {max(wanted)} frames: give "
            "one for each, or one picture for all",
            field="mask",
            path=path,
        )
    if mask.kind == "video" and abs(mask.fps - info.fps) > info.fps / 100:
        notes.append(
            f"the mask has {float(mask.fps):g} frames a second and the clip {float(info.fps):g}: "
            "they are matched one to one"
        )
    return tuple(notes)


def _refuse_model(job: Job, info: VideoInfo) -> None:
    if isinstance(job, RelightJob):
        if job.model in CATALOGUE:
            refuse_recipe(job, CATALOGUE[job.model])
        hub.check(job.model, CATALOGUE)
        return
    assert isinstance(job, UpscaleJob)
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
    """How many frames a job will take, as far as the file says."""
    rate = float(info.fps)
    count = info.frames or round((info.duration or 0) * rate)
    count = max(count - math.ceil((job.start - SLACK_S) * rate), 1)
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
    return UpscaleJob(model=upscaler, scale=job.upscale, guide="mini", **settings)
