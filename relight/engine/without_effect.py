"""Settings of a job that have no effect beside its others: named in a note, never ignored in
silence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from relight.jobs import Job, ResolvedJob, ResolvedRelightJob, ResolvedUpscaleJob
from relight.lights import NoLight, asked

if TYPE_CHECKING:
    from relight.engine.resolve import Models
    from relight.media import VideoInfo

Reason = tuple[tuple[str, ...], str]
"""Names of settings, and why they have no effect."""
RUNNING = ("attention", "compile")
"""How a model is run; memory and number format are decided, and said, without one too."""
VIDEO = ("scene", "negative_prompt", "strength", "steps", "guidance")
"""What only the video model reads."""
FORM = ("surface", "depth_clip")
"""Where the form of things comes from."""
LONG = ("prompt", "scene", "negative_prompt")
"""Named without their text."""


def notes_without_effect(
    given: Job, job: ResolvedJob, models: Models, info: VideoInfo
) -> list[str]:
    """A line for each reason why settings that were given have no effect.

    Args:
        given: the job as it was asked for. job: the same with every setting decided.
    """
    from relight.engine.resolve import resolve

    reasons = list(_reasons(job, models))
    names = {name for some, _ in reasons for name in some}
    usual = {name: type(given).model_fields[name].get_default() for name in names}
    # A sidecar holds all settings, as they were decided: those were not asked for.
    decided = resolve(given.model_copy(update=usual), models, info)
    idle = {
        name
        for name, default in usual.items()
        if getattr(given, name) not in (default, getattr(decided, name))
    }
    notes = []
    for some, why in reasons:
        found = [name for name in some if name in idle]
        idle -= set(found)
        if found:
            notes.append(_line(given, found, why))
    return notes


def _line(given: Job, names: Sequence[str], why: str) -> str:
    """One note.

    >>> from relight.jobs import UpscaleJob
    >>> _line(UpscaleJob(input="a.png", output="b.png", steps=5), ["prompt", "steps"], "why")
    'prompt and steps 5 have no effect: why'
    """
    parts = [name if name in LONG else f"{name} {_shown(getattr(given, name))}" for name in names]
    said = ", ".join(parts[:-1]) + " and " * (len(parts) > 1) + parts[-1]
    return f"{said} {'has' if len(parts) == 1 else 'have'} no effect: {why}"


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return value.name if isinstance(value, Path) else str(value)


def _reasons(job: ResolvedJob, models: Models) -> Iterator[Reason]:
    if isinstance(job, ResolvedUpscaleJob):
        yield from _of_upscaling(job)
    else:
        yield from _of_relighting(job, models)


def _of_upscaling(job: ResolvedUpscaleJob) -> Iterator[Reason]:
    if job.recipe == "paper":
        yield ("identity",), "recipe paper has no such setting"
    if job.steps is None:
        settings = ("prompt", "negative_prompt", "steps", "guidance", "tile")
        why = f"at identity {job.identity:g} the guide makes the result, and no model is run"
        yield (*settings, *RUNNING), why
    elif job.guidance <= 1:
        yield ("negative_prompt",), f"guidance {job.guidance:g} runs without guidance"


def _of_relighting(job: ResolvedRelightJob, models: Models) -> Iterator[Reason]:
    if job.behind is None:
        yield ("contact_shadow",), "there is no new background"
    elif job.drawn_background:
        yield ("contact_shadow",), "a background that the video model draws has its own shadows"
    if models.relighting is None:
        yield from _of_a_reference(job)
        return
    if job.recipe == "fast":
        yield VIDEO, "recipe fast runs no video model"
    elif job.guidance <= 1:
        yield ("negative_prompt",), f"guidance {job.guidance:g} runs without guidance"
    if job.transfer == "off":
        yield ("light_fps",), "with transfer off the model sees every frame"
    elif job.drawn_background:
        yield ("light_fps",), "the video model draws the background of every frame"
    if models.relighting.entry.edits:
        yield ("gamma",), f"{job.model} edits one keyframe after another"
    yield from _of_form(job, models.relighting.entry.edits)


def _of_form(job: ResolvedRelightJob, edits: bool) -> Iterator[Reason]:
    """What the form of things has no part in, or takes from elsewhere."""
    why = _formless(job, edits)
    if why is not None:
        yield ("shape", *FORM), why
    elif job.shape == 0:
        why = "shape 0 asks for no form"
        yield FORM, why
    elif job.depth_clip is not None:
        why = f"{job.depth_clip.name} gives the light its form"
        yield ("surface",), why
    elif job.surface != "subject":
        why = "a network gives the light its form"
    if job.lit == "all" and why is not None:
        yield ("mask", "matte_model"), f"all is relit, and {why}"


def _of_a_reference(job: ResolvedRelightJob) -> Iterator[Reason]:
    why = "a reference has its own light"
    settings = ("light", "light_at", "model", "recipe", "relight_steps", "gamma", "side")
    settings = (*settings, *VIDEO, "light_fps", "delight", "shape", *FORM)
    upscaling = ("prompt", *RUNNING) if job.upscale is None else ()
    yield (*upscaling, *settings), why
    if job.lit == "all":
        yield ("mask", "matte_model"), "all is relit, and a reference has its own light"


def _formless(job: ResolvedRelightJob, edits: bool) -> str | None:
    """Why the light of a job takes no form from what is in the clip; None: it does."""
    if job.recipe == "paper":
        return "recipe paper adds no form to the light"
    if job.transfer == "off":
        return "with transfer off the model's own pixels are taken"
    if edits and job.depth_clip is None:
        return f"{job.model} gives the light its form"
    if isinstance(asked(job.light, job.light_at), NoLight):
        return "light none has no side"
    return None
