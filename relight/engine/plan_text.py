"""A plan in lines for people, as `relight run --dry-run` and the studio show it."""

from __future__ import annotations

from collections.abc import Mapping

from relight.engine import estimates
from relight.engine.plan import Plan, Stage, plan
from relight.engine.source import notes_on_blocks
from relight.engine.work import work_folder
from relight.jobs import Job, ResolvedUpscaleJob

UNTRIED = (
    "that the default's few steps do as well as --recipe paper was measured with mini only; the "
    "weights of sd15 and sdxl were not at hand"
)


def describe(job: Job) -> list[str]:
    """The plan of a job in lines for people.

    Raises:
        RelightError: as `plan`.
    """
    lines = lines_of(plan(job), estimates.known())
    return [*lines, *(f"  note: {note}" for note in notes_on_blocks(job))]


def lines_of(found: Plan, known: Mapping[str, float]) -> list[str]:
    """A plan in lines for people; `known`: see `relight.engine.estimates.known`."""
    seconds, job = found.seconds(known), found.job
    lines = [
        f"{job.input} -> {job.output}",
        f"  source: {many(found.frames, 'frame')} of {found.info.width}x{found.info.height}",
        f"  model: {found.model}" + (f", on {found.stages[0].device}" if found.stages else ""),
    ]
    lines += [f"  {_stage_line(stage)}" for stage in found.stages]
    notes = [*found.notes, *[UNTRIED] * _is_untried(found)]
    lines += [f"  note: {note}" for note in notes]
    lines += [
        f"  output: {many(found.frames, 'frame')} of {found.width}x{found.height}",
        "  time: not known, no run of this kind was made here yet"
        if seconds is None
        else f"  time: about {duration(seconds)}, from the last runs here",
        f"  disk: up to {size(found.disk_bytes)} in {work_folder(job.output, job.work)}",
        f"  memory: about {size(found.memory_bytes(known))}",
    ]
    return lines


def _is_untried(found: Plan) -> bool:
    """Whether a model other than the embedded one enlarges by the default recipe."""
    if isinstance(found.job, ResolvedUpscaleJob) and found.job.recipe == "paper":
        return False
    return any(stage.name == "upscale" and stage.model != "mini" for stage in found.stages)


def _stage_line(stage: Stage) -> str:
    kind = "guide" if stage.name == "guide" else "UNet"
    return (
        f"{stage.name}: {many(stage.frames, 'frame')} of {stage.width}x{stage.height} in "
        f"{many(len(stage.chunks), 'chunk')}, {many(stage.passes, f'{kind} pass')}, "
        f"{stage.cost:.1f} megapixels"
    )


def many(count: int, noun: str) -> str:
    """A number of things.

    >>> many(1, "frame"), many(2, "frame"), many(0, "UNet pass")
    ('1 frame', '2 frames', '0 UNet passes')
    """
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{count} {noun if count == 1 else plural}"


def duration(seconds: float) -> str:
    """Rounded as an estimate is.

    >>> duration(0.4), duration(100), duration(7300)
    ('1 s', '1 min 40 s', '2 h 1 min')
    """
    whole = max(round(seconds), 1)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def size(count: int) -> str:
    """Bytes as people write them.

    >>> size(5 * 10**6), size(3 * 10**9), size(4096), size(1_200_000)
    ('5 MB', '3.0 GB', '4 kB', '1.2 MB')
    """
    if count < 1e6:
        return f"{count / 1e3:.0f} kB"
    if count < 1e9:
        return f"{count / 1e6:.0f} MB" if count >= 5e6 else f"{count / 1e6:.1f} MB"
    return f"{count / 1e9:.1f} GB"
