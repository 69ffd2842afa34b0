"""What is said about the input of a run: is it still the same file, is there anything to light?"""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np

from relight import media, metrics
from relight.engine.survey import plain
from relight.errors import InputError
from relight.jobs import RelightJob, ResolvedJob, UpscaleJob
from relight.media.sequences import files_of, is_clip

BLOCKY = 0.35
"""`metrics.blockiness` from which a source is said to be compressed: a JPEG of quality 50 or so."""


def marks_of(path: Path) -> tuple[tuple[int, ...], ...]:
    """What tells whether a file, or each of a sequence, is the one it was: node, size and date."""
    files = [path]
    if is_clip(path, media.Reading(as_clip=True)):
        with contextlib.suppress(InputError, OSError):
            files = files_of(path)
    marks = []
    for file in files:
        with contextlib.suppress(OSError):
            found = file.stat()
            marks.append((found.st_ino, found.st_size, found.st_mtime_ns))
    return tuple(marks)


def notes_on_plain(job: ResolvedJob, thumbs: np.ndarray) -> list[str]:
    """What to say where there is nothing to light, so that what comes out is no surprise.

    Args:
        thumbs: see `relight.engine.survey.Survey`.
    """
    if not isinstance(job, RelightJob):
        return []
    what = plain(thumbs)
    if what == "black" and job.transfer == "off":
        return ["the clip is black: all that shows is the model's invention"]
    if what == "black":
        return ["the clip is black: light changes nothing on it, but for its glow"]
    if what == "flat":
        return ["the clip is one even area: all that shows is the light's own form"]
    return []


def notes_on_blocks(job: ResolvedJob) -> list[str]:
    """What to say where the guide would enlarge the blocks of a compressed source as they are."""
    if not isinstance(job, UpscaleJob) or job.guide != "mini":
        return []
    for frame in media.read(job.input, start=job.start, frames=1, how=job.reading):
        if metrics.blockiness(media.to_uint8(frame.image)) > BLOCKY:
            return ["the source shows blocks of compression: --guide restore takes them away"]
    return []
