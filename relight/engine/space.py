"""Is there room on the disk for a run? Asked before it begins, so that it isn't lost at its end."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from relight.engine.work import Work
from relight.errors import MediaError
from relight.media.formats import format_of

if TYPE_CHECKING:
    from relight.engine.plan import Plan

LEAST = 0.5
"""Part of the space a plan gives as the most that a run takes in any case."""
VIDEO_BYTES, PICTURE_BYTES = 0.01, 0.2
"""Bytes of an output's pixel at least: of a compressed video, of pictures."""


def check_space(found: Plan, work: Work) -> None:
    """Refuse a run that the disk has no room for.

    Args:
        found: the plan of the run. work: its work folder, which is there; what it holds of an
            earlier run is not needed again.

    Raises:
        MediaError: not even half of the estimate is free.
    """
    chunks = max(LEAST * found.disk_bytes - _size(work.root), 0.0)
    output = _output_bytes(found)
    there = _disk(work.root) == _disk(found.job.output.parent)
    # The output is encoded in the work folder, then moved.
    _check(work.root, chunks + output, "--work names a folder elsewhere")
    if not there:
        _check(found.job.output.parent, output, "choose another folder for the output")


def free_space(folder: Path) -> int:
    """Bytes free where a folder is, or will be."""
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    return shutil.disk_usage(there).free


def _check(folder: Path, needed: float, hint: str) -> None:
    from relight.engine.plan_text import size

    left = free_space(folder)
    if needed > left:
        raise MediaError(
            f"the disk of {folder} is too full: at least {size(int(needed))} are needed, "
            f"{size(left)} are free; free some space, or {hint}",
            path=folder,
        )


def _output_bytes(found: Plan) -> float:
    pixels = found.frames * found.width * found.height
    form = format_of(found.job.output)
    video = form is not None and form.kind == "video"
    return pixels * (VIDEO_BYTES if video else PICTURE_BYTES)


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


def _disk(folder: Path) -> int:
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    return there.stat().st_dev
