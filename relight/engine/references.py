"""The stills of a job that were relit elsewhere: read and checked before any work. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from relight.errors import InputError
from relight.jobs import RelightJob
from relight.jobs.references import split_reference
from relight.media.references import read_reference

SLACK_S = 0.1
"""How far a moment may be past the last frame: clips end a frame before the time people read."""


@dataclass(frozen=True, eq=False)
class Still:
    """A relit still. image: (h, w, 3) uint8, sRGB; seconds: its moment in the clip, if named."""

    image: np.ndarray
    seconds: float | None
    name: str

    def number(self, times: Sequence[Fraction], seen: Sequence[int]) -> int | None:
        """The small frame that it shows, if its moment is named.

        Raises:
            InputError: the moment is outside of the frames that are lit.
        """
        if self.seconds is None:
            return None
        first, last = float(times[0]), float(times[-1])
        if not first - SLACK_S <= self.seconds <= last + SLACK_S:
            raise InputError(
                f"the reference {self.name} is for {self.seconds:g} s, and the frames that are lit "
                f"go from {first:.2f} to {last:.2f} s: give a time between them",
                field="reference",
            )
        gaps = [abs(float(times[index]) - self.seconds) for index in seen]
        return int(np.argmin(gaps))


def read_stills(job: RelightJob) -> tuple[Still, ...]:
    """All stills of a job.

    Raises:
        InputError: one that can't be read or used, or two for one moment.
    """
    stills = tuple(_read(text, job) for text in job.reference)
    named = [still.seconds for still in stills if still.seconds is not None]
    for moment in named:
        if named.count(moment) > 1:
            raise InputError(f"two references for the moment {moment:g} s: give one picture for it")
    return stills


def _read(text: str, job: RelightJob) -> Still:
    seconds, path = split_reference(text)
    if seconds is None:
        seconds = job.reference_at
    if seconds is not None and seconds < 0:
        raise InputError(f"the reference {path} is for {seconds:g} s: give a time of 0 s or later")
    return Still(image=read_reference(path), seconds=seconds, name=path.name)
