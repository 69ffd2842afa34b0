"""What of a clip is lit: its subject or the rest, perhaps before another background."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from relight.engine.backdrop import Backdrop
from relight.engine.lit_clip import Load
from relight.engine.subject_mask import SubjectMask

KEY = 1.15
"""How much brighter a subject that is lit alone may become."""
DIMMED = (0.45, 1.25)
"""Bounds of a subject's brightness before a new background, relative to its own."""


@dataclass(kw_only=True)
class Region:
    """What of a clip is lit.

    Attributes:
        mask: the subject's. lit: "subject" or "background". backdrop: a new one, behind it.
    """

    mask: SubjectMask
    lit: str
    backdrop: Backdrop | None = None

    def weights(self, numbers: Sequence[int], load: Load) -> Tensor:
        """How far each pixel of small frames is lit, (frames, 1, h, w) in [0, 1]."""
        mattes = torch.stack([self.mask.small(number, load) for number in numbers])
        return mattes if self.lit == "subject" else 1 - mattes

    def brightness(self) -> float:
        """How bright the lit part is to be, relative to the source: as what is around it is.

        Half of the way, in stops, to the new background's mean; a subject has its own colours. It
        may be brighter than it was by `KEY`: its lit side would be no brighter otherwise, as what
        is not lit alone keeps the scene's own light in its shade.
        """
        key = KEY if self.lit == "subject" else 1.0
        if self.backdrop is None:
            return key
        clip = self.mask.clip
        count = len(clip.survey.seen)
        numbers = sorted({0, count // 2, count - 1})
        indices = [clip.survey.seen[number] for number in numbers]
        around = self.backdrop.at(clip.survey.times, indices).mean() / 255
        own = float(clip.tensors(numbers).mean())
        return key * float(np.clip((around / max(own, 1e-3)) ** 0.5, *DIMMED))
