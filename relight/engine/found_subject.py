"""The subject of a clip as it is found, coarsely, for every small frame.

A step of its own: the form of a frame asks the subjects of three seconds on either side. To find
them anew in each of its chunks would take most of a run's time, and to ask fewer beside a chunk's
border would show that border.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from relight.engine.chunks import Chunk, pieces
from relight.engine.lit_clip import Clip, Load, Show
from relight.masks import CONTEXT
from relight.masks.grabcut import look_for, work_size

PIECE = 96
"""Frames in a chunk; `CONTEXT` more on either side are looked at."""


@dataclass(kw_only=True)
class FoundSubject:
    """Where the subject is, cut at the size it is looked for, and how clear it is."""

    clip: Clip
    chunks: tuple[Chunk, ...]
    beside: ClassVar[int] = 1
    needs: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def plan(cls, clip: Clip) -> FoundSubject:
        """Cut the small frames into chunks, each of which is found by itself."""
        return cls(clip=clip, chunks=pieces(len(clip.survey.seen), PIECE, stage="subject"))

    def compute(
        self, chunk: Chunk, on_step: Callable[[], None] | None = None, show: Show | None = None
    ) -> dict[str, np.ndarray]:
        """What is stored of a chunk: cuts (frames, h, w) of 8 bits, and confidence (frames,)."""
        first = max(chunk.first - CONTEXT, 0)
        last = min(chunk.last + CONTEXT, len(self.clip.survey.seen))
        numbers = range(first, last)
        motion = self.clip.neighbours.motion(numbers, work_size(*self.clip.small.size))
        found = look_for(self.frames(numbers), colours=self.clip.subject_colours, motion=motion)
        own = slice(chunk.first - first, chunk.last - first)
        if on_step is not None:
            on_step()
        codes = (255 * found.cut[own, 0]).round().byte()
        return {"cut": codes.numpy(), "sure": found.confidence[own].float().numpy()}

    def frames(self, numbers: Sequence[int]) -> Tensor:
        """Small frames at the size at which the subject is looked for, (frames, 3, h, w)."""
        return self.clip.tensors(numbers, work_size)

    def of(self, numbers: Sequence[int], load: Load) -> tuple[Tensor, Tensor]:
        """(cuts (frames, 1, h, w) in [0, 1], confidence (frames,)) of some small frames, rising."""
        cuts, sure = [], []
        for chunk in self.chunks:
            own = [number - chunk.first for number in numbers if chunk.first <= number < chunk.last]
            if own:
                stored = load(chunk.name)
                cuts.append(torch.from_numpy(stored["cut"][own]))
                sure.append(torch.from_numpy(stored["sure"][own]))
        return torch.cat(cuts)[:, None].float() / 255, torch.cat(sure)
