"""Notes about the input of a run: is it still the same file, is there anything to light?"""

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
from relight.metrics.frames import luminance

BLOCK = 8
BLOCKY = 0.35
"""`metrics.blockiness` from which a source is said to be compressed: a JPEG of quality 50 or so."""


def marks_of(path: Path) -> tuple[tuple[int, ...], ...]:
    """What changes when a file, or one of a sequence, is another one: node, size and date."""
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
        return blocky(media.to_uint8(frame.image))
    return False


def blocky(frame: np.ndarray) -> bool:
    """Whether a frame (h, w, 3) uint8 shows blocks of compression.

    Pixel art, tables and pictures side by side have lines on a grid of 8 pixels too. But blocks of
    compression end in every line of it, more than their middles step, and hold something within.

    >>> art = np.random.default_rng(0).integers(0, 256, (9, 9, 3)).astype(np.uint8)
    >>> [blocky(art.repeat(times, 0).repeat(times, 1)) for times in (4, 8, 16)]
    [False, False, False]
    """
    if metrics.blockiness(frame) <= BLOCKY:
        return False
    luma = luminance(frame).astype(np.float32)
    across, down = _stepped(luma), _stepped(luma.T)
    ends, middles, within = (a + b for a, b in zip(across, down, strict=True))
    return bool(ends > middles and within > 0)


def _stepped(luma: np.ndarray) -> tuple[float, float, float]:
    """How a luminance (h, w) steps to the side, in levels more than beside the step.

    Returns:
        What three quarters of the lines between blocks reach at least; what three quarters of those
        through their middles reach at most; the largest step within a block, in levels.
    """
    steps = np.abs(np.diff(luma, axis=1))
    more = steps[:, 1:-1] - (steps[:, :-2] + steps[:, 2:]) / 2  # than their neighbours
    lines = more.mean(0) if more.size else np.zeros(BLOCK)
    first = BLOCK - 2  # of the lines between two blocks
    ends, middles = lines[first::BLOCK], lines[first - BLOCK // 2 :: BLOCK]
    if not ends.size or not middles.size:
        return 0.0, 0.0, 0.0
    inner = np.delete(steps, np.s_[BLOCK - 1 :: BLOCK], axis=1)
    return float(np.quantile(ends, 0.25)), float(np.quantile(middles, 0.75)), float(inner.max())


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
