"""What the workflows of a clip that is lit from some of its frames share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from relight.engine.keyframes import scenes
from relight.engine.survey import Scale, SmallFrames, Survey
from relight.engine.work import Work
from relight.jobs import ResolvedRelightJob
from relight.lights import Light, NoLight
from relight.masks import GATHER, Colours, colours_of
from relight.methods.gain_and_glow import resized
from relight.methods.light_transfer import LIGHT_SIDE
from relight.methods.spread import spread
from relight.methods.surface_shading import direction_of

Load = Callable[[str], dict[str, np.ndarray]]
LEAST_SIDE = 16
"""Of what is looked at for a subject and a direction; smaller frames are stretched to it."""
MOMENTS = 7
"""Moments of a clip that decide the colours of its subject."""
Show = Callable[[Callable[[], np.ndarray]], None]


@dataclass(kw_only=True)
class Clip:
    """What all workflows of a clip share.

    Attributes:
        size: (width, height) of the source. scale: source frame -> small frame.
    """

    job: ResolvedRelightJob
    survey: Survey
    work: Work
    size: tuple[int, int]
    scale: Scale
    small: SmallFrames = field(init=False)

    def __post_init__(self) -> None:
        self.small = SmallFrames(self.work, len(self.survey.seen))

    def tensors(self, numbers: Sequence[int]) -> Tensor:
        """Small frames, (frames, 3, h, w) in [0, 1]."""
        stack = np.stack(list(spread(self.small.__getitem__, numbers)))
        return torch.from_numpy(stack).permute(0, 3, 1, 2).float() / 255

    @functools.cached_property
    def subject_colours(self) -> Colours | None:
        """Of the subject of a clip of one scene, from moments spread over it; else None."""
        count = len(self.survey.seen)
        if count < 2 * GATHER + 1 or len(scenes(self.survey.thumbs)) > 1:
            return None
        places = np.linspace(GATHER, count - 1 - GATHER, MOMENTS)
        runs = [
            self.tensors(range(at - GATHER, at + GATHER + 1))
            for at in sorted({round(place) for place in places})
        ]
        return colours_of([resized(run, light_size(run.shape[-2:])) for run in runs])

    def seconds(self, numbers: Sequence[int]) -> list[float]:
        """When they are shown, counted from the first frame that is lit."""
        times, seen = self.survey.times, self.survey.seen
        return [float(times[seen[number]] - times[0]) for number in numbers]


def direction_at(light: Light, size: Sequence[int], seconds: float) -> tuple[Tensor, float]:
    """Where a light comes from at a time, and how clearly; (0, 0, 1) and 0 for none."""
    if isinstance(light, NoLight):
        return torch.tensor([0.0, 0.0, 1.0]), 0.0
    return direction_of(torch.from_numpy(light.level_map(size[0], size[1], seconds)))


def light_size(size: Sequence[int]) -> tuple[int, int]:
    """(height, width) at which light is kept for small frames of that size.

    >>> light_size((1, 300))
    (16, 300)
    """
    shrink = min(LIGHT_SIDE / min(size), 1.0)
    height, width = (max(round(side * shrink), LEAST_SIDE) for side in size[:2])
    return height, width
