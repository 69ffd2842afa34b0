"""The frame that is on the screen at a time."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator

from relight.errors import InputError
from relight.media.clip import Frame, Moment
from relight.media.options import Reading
from relight.media.reading import SLACK_S, moments, probe

BEFORE_S = (1.0, 16.0, 256.0)
"""How far before a time its frame is looked for, each where the one before finds none: a file is
sought through only where a picture was held for long."""


def frame_at(path: str | os.PathLike, seconds: float, how: Reading = Reading()) -> Frame:  # noqa: B008 - frozen
    """The last frame of a file that begins at or before a time; the last one holds.

    Raises as `relight.media.read` does, but for a time past the end.
    """
    if not math.isfinite(seconds) or seconds < 0:
        raise InputError(f"no frame is shown at {seconds} s: give a time of 0 s or later")
    for start in _starts(path, seconds, how):
        found = moments(path, start=start, how=how, on_note=lambda note: None)
        with contextlib.closing(found):  # its pixels may be had only while the file is open
            try:
                shown = _last_until(found, seconds)
            except InputError:  # past the last frame
                if not start:
                    raise
                continue
            if shown is not None:
                return shown.frame()
    raise InputError(f"{path}: no frame is shown at {seconds:g} s")


def _starts(path: str | os.PathLike, seconds: float, how: Reading) -> Iterator[float]:
    """Where reading begins: pictures are read from their start, wherever it is said to be."""
    if seconds > BEFORE_S[0] and probe(path, how).kind == "video":
        yield from (seconds - before for before in BEFORE_S if seconds > before)
    yield 0.0


def _last_until(found: Iterator[Moment], seconds: float) -> Moment | None:
    """The last moment until a time; None where all are later."""
    shown = None
    for moment in found:
        if moment.time > seconds + SLACK_S:
            break
        shown = moment
    return shown
