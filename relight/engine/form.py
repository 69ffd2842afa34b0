"""What the surface of a clip's subject adds under the light's direction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from relight.engine.chunks import Chunk
from relight.engine.lit_clip import Clip, Show, direction_at, light_size
from relight.lights import Light
from relight.masks import CONTEXT
from relight.masks.surface import subject_surface
from relight.methods.gain_and_glow import (
    resized,
)
from relight.methods.surface_shading import shading_gain
from relight.methods.surfaces import Surface

FORM = 48
"""Frames in a chunk of the surface's shading."""


@dataclass(kw_only=True)
class Form:
    """The surface of the clip's subject, as the shading it has under the light."""

    clip: Clip
    light: Light
    chunks: tuple[Chunk, ...]

    def compute(
        self, chunk: Chunk, on_step: Callable[[], None] | None = None, show: Show | None = None
    ) -> dict[str, np.ndarray]:
        """What is stored of a chunk: natural log gains in linear light, (frames, 1, h, w)."""
        count = len(self.clip.survey.seen)
        first, last = max(chunk.first - CONTEXT, 0), min(chunk.last + CONTEXT, count)
        frames = self.clip.tensors(range(first, last))
        surface = subject_surface(resized(frames, light_size(frames.shape[-2:])))
        gains = []
        for number in range(chunk.first, chunk.last):
            direction, clear = self.direction(number)
            at = slice(number - first, number - first + 1)
            one = Surface(surface.normals[at], surface.weight[at], surface.confidence[at])
            gains.append(shading_gain(one, direction, shape=self.clip.job.shape * clear))
            if on_step is not None:
                on_step()
        return {"form": torch.cat(gains).half().numpy()}

    def direction(self, number: int) -> tuple[Tensor, float]:
        """Where the light comes from at a small frame, and how clearly."""
        size = light_size(self.clip.small[0].shape[:2])
        return direction_at(self.light, size, self.clip.seconds([number])[0])
