"""How a prompt is read for a model; job files and sidecars keep the user's own words."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING

from relight.jobs import RelightJob, ResolvedJob
from relight.lights import asked
from relight.lights.words import Words, understand
from relight.models.entries import Entry

if TYPE_CHECKING:
    from relight.engine.resolve import Models


@functools.lru_cache(maxsize=64)  # read once a run, though every window asks
def understood(prompt: str, entry: Entry) -> Words:
    """A prompt as the model of `entry` is given it: unchanged for a model that knows any words."""
    words = understand(prompt, entry.words)
    return replace(words, text=prompt, notes=()) if entry.vocabulary is None else words


def notes_on_light(job: ResolvedJob, models: Models) -> list[str]:
    """What of a job's light may surprise, which words of its prompt were read as others, and which
    its model doesn't know; nothing of a job without a model that relights."""
    if not isinstance(job, RelightJob) or models.relighting is None:
        return []
    read = understood(job.prompt, models.relighting.entry)
    notes = [f"prompt: {note}" for note in read.notes]
    if job.drawn_background and models.relighting.entry.vocabulary is not None:
        notes.append(
            f"background: {job.model} doesn't know the words, and draws a soft backdrop in the "
            "light's colours: give a picture or a video"
        )
    return [*asked(job.light, job.light_at).notes(), *notes]
