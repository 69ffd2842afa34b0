"""How a prompt is read for a model; job files and sidecars keep the user's own words."""

from __future__ import annotations

import functools
from dataclasses import replace

from relight.lights.words import Words, understand
from relight.models.entries import Entry


@functools.lru_cache(maxsize=64)  # read once a run, though every window asks
def understood(prompt: str, entry: Entry) -> Words:
    """A prompt as the model of `entry` is given it: unchanged for a model that knows any words."""
    words = understand(prompt, entry.words)
    return replace(words, text=prompt, notes=()) if entry.vocabulary is None else words
