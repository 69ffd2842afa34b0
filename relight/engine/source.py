"""What is said about the input of a run: is it still the same file, is there anything to light?"""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path

import numpy as np

from relight import media, metrics
from relight.engine.survey import plain
from relight.errors import InputError
from relight.jobs import Job, RelightJob, ResolvedJob, UpscaleJob
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


def shows_blocks(job: Job) -> bool:
    """Whether the first frame that a job takes shows blocks of compression."""
    return _blocky(job.input, marks_of(job.input), job.start, job.reading)


@functools.lru_cache(maxsize=8)  # it is asked when models are loaded, and for the sidecar
def _blocky(path: Path, marks: object, start: float, how: media.Reading) -> bool:
    for frame in media.read(path, start=start, frames=1, how=how, on_note=lambda note: None):
        return metrics.blockiness(media.to_uint8(frame.image)) > BLOCKY
    return False


def notes_on_blocks(asked: Job) -> list[str]:
    """What to say of the blocks of a compressed source that is enlarged.

    Args:
        asked: the job, before its open settings are decided.
    """
    if not isinstance(asked, UpscaleJob) or asked.recipe == "paper":
        return []
    if asked.guide not in (None, "mini") or not shows_blocks(asked):
        return []
    if asked.guide is None:
        return ["the source shows blocks of compression: the guide restore takes them away, and "
                "--guide mini keeps them"]  # fmt: skip
    return ["the source shows blocks of compression: --guide restore takes them away"]
