"""The mattes of a subject that was found, the same wherever nothing in the frames changes.

Grain alone may decide whether a sleeve of the wall's colour is cut out with the rest. In a still
scene the matte then drifts from second to second, and the light within it breathes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from relight.engine.chunks import Chunk, pieces
from relight.engine.lit_clip import Load, Show
from relight.engine.stored import encoded
from relight.engine.subject_mask import SubjectMask
from relight.jobs.regions import MaskFile
from relight.media.depth import to_uint8
from relight.methods.gain_and_glow import resized
from relight.methods.settled import asked, settled, step_of
from relight.methods.spread import one_thread

PIECE = 24
"""Frames in a chunk; some twenty others, seconds away, are looked at for each."""


@dataclass(kw_only=True)
class SettledMask(SubjectMask):
    """The mattes of `found`, settled."""

    found: SubjectMask
    beside: ClassVar[int] = 1
    needs: ClassVar[frozenset[str]] = frozenset({"matte"})

    @classmethod
    def of(cls, found: SubjectMask, stage: str) -> SettledMask:
        """Of mattes that are computed before; `stage` names its chunks."""
        count = len(found.clip.survey.seen)
        chunks = pieces(count, PIECE, stage=stage)
        return cls(clip=found.clip, asked=found.asked, chunks=chunks, found=found)

    def compute(
        self, chunk: Chunk, on_step: Callable[[], None] | None = None, show: Show | None = None
    ) -> dict[str, np.ndarray]:
        """What is stored of a chunk: the mattes of its small frames, 8 bits each, by number."""
        count = len(self.clip.survey.seen)
        numbers = asked(chunk.first, chunk.last, count)
        load: Load = functools.lru_cache(maxsize=2)(self.clip.work.load)
        mattes = torch.stack([self.found.small(number, load) for number in numbers])
        with one_thread():
            frames = resized(self.clip.tensors(numbers), mattes.shape[-2:])
            mattes = settled(mattes, frames, numbers, step_of(count))
        if on_step is not None:
            on_step()
        own = dict(zip(numbers, mattes, strict=True))
        return {
            f"{number:07d}": encoded(to_uint8(own[number][0].numpy()))
            for number in range(chunk.first, chunk.last)
        }


def steps_of(mask: SubjectMask, stage: str = "mask") -> tuple[SubjectMask, ...]:
    """What is computed for a mask, in order; the last has its mattes. A file's are as they are."""
    return (mask,) if isinstance(mask.asked, MaskFile) else (mask, SettledMask.of(mask, stage))
