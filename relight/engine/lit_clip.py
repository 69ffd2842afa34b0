"""What the workflows of a clip that is lit from some of its frames share."""

from __future__ import annotations

import functools
import itertools
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from relight import media
from relight.engine.keyframes import scenes
from relight.engine.letterbox import Letterbox
from relight.engine.neighbours import Neighbours
from relight.engine.survey import Scale, SmallFrames, Survey
from relight.engine.work import Work
from relight.jobs import ResolvedRelightJob
from relight.lights import Light, NoLight
from relight.masks import GATHER, Colours, colours_of
from relight.masks.grabcut import work_size
from relight.methods.gain_and_glow import resized
from relight.methods.light_transfer import LIGHT_SIDE
from relight.methods.spread import spread
from relight.methods.surface_shading import direction_of

Load = Callable[[str], dict[str, np.ndarray]]
LEAST_SIDE = 16
"""Of what is looked at for a subject and a direction; smaller frames are stretched to it."""
KEPT = 3
"""Chunks of a stage in memory."""
MOMENTS = 7
"""Moments of a clip that decide the colours of its subject."""
EVEN = 0.1
"""Of a frame's length: by how much frames at a constant rate may be off, as files round times."""
Show = Callable[[Callable[[], np.ndarray]], None]


@dataclass(kw_only=True)
class Clip:
    """What all workflows of a clip share.

    Attributes:
        size: (width, height) of the source. scale: source frame -> small frame, with its bars.
        small: the small frames, without bars; see `small_of`.
    """

    job: ResolvedRelightJob
    survey: Survey
    work: Work
    size: tuple[int, int]
    scale: Scale
    small: SmallFrames = field(init=False)
    neighbours: Neighbours = field(init=False)

    def __post_init__(self) -> None:
        self.small = SmallFrames(self.work, len(self.survey.seen), self._without_bars)
        self.neighbours = Neighbours(self.small)

    @functools.cached_property
    def letterbox(self) -> Letterbox:
        """The bars of the small frames; stills that were relit elsewhere have theirs, too."""
        if self.job.reference:
            return Letterbox()
        return Letterbox.of(SmallFrames(self.work, len(self.survey.seen)))

    def _without_bars(self, small: np.ndarray) -> np.ndarray:
        return self.letterbox.filled(small)

    def small_of(self, frame: np.ndarray) -> np.ndarray:
        """A source frame as its small frame is."""
        return self._without_bars(self.scale(frame))

    def tensors(
        self, numbers: Sequence[int], size: Callable[[int, int], tuple[int, int]] | None = None
    ) -> Tensor:
        """Small frames, (frames, 3, h, w) in [0, 1]; smaller where `size` of theirs says so."""

        def one(number: int) -> Tensor:
            frame = torch.from_numpy(self.small[number]).permute(2, 0, 1)[None].float() / 255
            return frame if size is None else resized(frame, size(*frame.shape[-2:]))

        return torch.cat(list(spread(one, numbers)))

    @functools.cached_property
    def subject_colours(self) -> Colours | None:
        """Of the subject of a clip of one scene, from moments spread over it; else None."""
        count = len(self.survey.seen)
        if count < 2 * GATHER + 1 or len(scenes(self.survey.thumbs)) > 1:
            return None
        places = np.linspace(GATHER, count - 1 - GATHER, MOMENTS)
        runs = [
            range(at - GATHER, at + GATHER + 1) for at in sorted({round(place) for place in places})
        ]
        size = work_size(*light_size(*self.small.size))
        motions = [self.neighbours.motion(run, size) for run in runs]
        return colours_of([self.tensors(run, light_size) for run in runs], motions)

    @functools.cached_property
    def first_index(self) -> int:
        """Of the first frame that is lit, in the file."""
        times, job = self.survey.times, self.job
        if not times[0]:
            return 0
        rate = media.probe(job.input, job.reading).fps
        place = float(times[0] * rate)
        steps = [float((b - a) * rate) for a, b in itertools.pairwise(times)]
        if abs(place - round(place)) < EVEN and all(abs(step - 1) < EVEN for step in steps):
            return round(place)
        return media.frames_before(job.input, float(times[0]), job.reading)

    def shown(self, first: int, last: int) -> list[tuple[int, Fraction]]:
        """(index in the file, seconds from its first frame) of small frames."""
        some = self.survey.seen[first:last]
        return [(self.first_index + index, self.survey.times[index]) for index in some]

    def seconds(self, numbers: Sequence[int]) -> list[float]:
        """When they are shown, counted from the first frame that is lit."""
        times, seen = self.survey.times, self.survey.seen
        return [float(times[seen[number]] - times[0]) for number in numbers]


def remembering(load: Load) -> Load:
    """A `load` that keeps the last chunks of each stage in memory: a frame is between two, and the
    next frames, which are lit at the same time, may be between others.

    >>> loaded = []
    >>> load = remembering(lambda name: loaded.append(name) or {})
    >>> for name in ("a-0", "b-0", "a-1", "b-0", "a-2", "a-1", "a-3", "a-0"):
    ...     _ = load(name)
    >>> loaded
    ['a-0', 'b-0', 'a-1', 'a-2', 'a-3', 'a-0']
    """
    kept: defaultdict[str, Load] = defaultdict(lambda: functools.lru_cache(maxsize=KEPT)(load))
    return lambda name: kept[name.rpartition("-")[0]](name)


def direction_at(light: Light, size: tuple[int, int], seconds: float) -> tuple[Tensor, float]:
    """Where a light comes from at a time, and how clearly; (0, 0, 1) and 0 for none.

    >>> from relight.lights import parse_light
    >>> direction_at(parse_light("left"), (1, 300), 0.0)[0][0] < 0
    tensor(True)
    """
    if isinstance(light, NoLight):
        return torch.tensor([0.0, 0.0, 1.0]), 0.0
    height, width = (max(side, LEAST_SIDE) for side in size)
    return direction_of(torch.from_numpy(light.level_map(height, width, seconds)))


def light_size(height: int, width: int) -> tuple[int, int]:
    """(height, width) at which light is kept for small frames of that size.

    >>> light_size(1, 300)
    (16, 300)
    """
    shrink = min(LIGHT_SIDE / min(height, width), 1.0)
    return max(round(height * shrink), LEAST_SIDE), max(round(width * shrink), LEAST_SIDE)
