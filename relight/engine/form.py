"""What the surface of a clip's subject adds under the light's direction."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import cv2
import numpy as np
import torch
from torch import Tensor

from relight.engine.chunks import Chunk
from relight.engine.depth_clip import read_depth
from relight.engine.found_subject import FoundSubject
from relight.engine.lit_clip import Clip, Load, Show, direction_at, light_size
from relight.engine.subject_mask import SubjectMask
from relight.lights import Light, NoLight, PointLight
from relight.lights.lamps import AtFull, has_place, strength, taken_apart
from relight.masks.surface import AVERAGED, cut_surface, settled_subject, steady_surface
from relight.methods.gain_and_glow import resized
from relight.methods.placed_light import Lamp, colour_share, placed_gain, tint_gain
from relight.methods.settled import asked
from relight.methods.spread import one_thread, spread
from relight.methods.surface_shading import BEHIND, shading_gain
from relight.methods.surfaces import Surface, SurfaceSource, from_depth, inflated, unit
from relight.models.depth_anything import DepthAnything

RANGED = 8
"""Frames, spread over the clip, that decide the range of what a depth network finds."""
SOFT = 0.08
"""Blur of a picture that is a light, of the shorter side."""
FORM = 48
"""Frames in a chunk of the surface's shading; see `AVERAGED` for how many more are looked at."""


@dataclass(kw_only=True)
class Form:
    """The surface of the clip, as the shading it has under the light.

    Attributes:
        fps: of the source, which a depth clip of numbered pictures has too.
        subject: as it is found, coarsely or, for a lamp behind it, with its outline; None:
            something else tells the surface.
        mask: of the subject. network: folder or repository of a depth network.
    """

    clip: Clip
    light: Light
    chunks: tuple[Chunk, ...]
    fps: Fraction
    subject: FoundSubject | SubjectMask | None = None
    mask: SubjectMask | None = None
    network: str | None = None
    needs: ClassVar[frozenset[str]] = frozenset({"subject", "mask"})

    def __post_init__(self) -> None:
        self._loaded: DepthAnything | None = None
        self._direction_at = functools.lru_cache(maxsize=64)(self._found_direction)

    @property
    def beside(self) -> int:
        """Whether a chunk may be computed beside other steps: not by a network."""
        return int(self.network is None)

    def compute(
        self, chunk: Chunk, on_step: Callable[[], None] | None = None, show: Show | None = None
    ) -> dict[str, np.ndarray]:
        """What is stored of a chunk: natural log gains in linear light, (frames, 3, h, w); for a
        light that moves the surface, which shows it anew at each time."""
        with one_thread():
            first, surface = self._surface(chunk)
            own = range(chunk.first - first, chunk.last - first)
            step = on_step or (lambda: None)
            if self.light.moving:
                return _stored(surface, own, step)

            def gain(at: int) -> Tensor:
                return self._gain(first + at, _at(surface, at)).half()

            gains = []
            for one in spread(gain, own):
                gains.append(one)
                step()
        return {"form": torch.cat(gains).numpy()}

    def chunk_of(self, number: int) -> Chunk:
        """The chunk that holds a small frame."""
        return next(chunk for chunk in self.chunks if chunk.first <= number < chunk.last)

    def gain(self, number: int, load: Load, seconds: float | None = None) -> Tensor:
        """Natural log of what is added at a small frame, (3, h, w).

        Args:
            seconds: how a moving light stands then; None: when the frame is shown.
        """
        chunk = self.chunk_of(number)
        stored, place = load(chunk.name), number - chunk.first
        if not self.light.moving:
            return torch.from_numpy(stored["form"][place]).float()
        planes = torch.from_numpy(stored["surface"][place])[None].float()
        clear = torch.from_numpy(stored["confidence"][place : place + 1])
        surface = Surface(unit(planes[:, :3]), planes[:, 3:], clear)
        return self._gain(number, surface, seconds)[0]

    def _gain(self, number: int, surface: Surface, seconds: float | None = None) -> Tensor:
        """Natural log of what the light's form, place and colour add, (1, 3, h, w)."""
        seconds = self.clip.seconds([number])[0] if seconds is None else seconds
        if self.placed:
            return self._placed(surface, seconds)
        shape = self.clip.job.shape
        direction, clear = self.direction(number, seconds)
        gain = shading_gain(surface, direction, shape=shape * clear, behind=BEHIND)
        gain = gain.expand(-1, 3, -1, -1)
        share = colour_share(self.light.tint(seconds))
        if not share:
            return gain
        # As strong in linear light as it is said to be: dim, its map's own values would be ambient.
        parts = [(min(strength(self.light, seconds), 1.0), AtFull(self.light))]
        levels = self._levels(parts, seconds, surface, self.light.sided)
        return gain + share * tint_gain(levels)

    def _placed(self, surface: Surface, seconds: float) -> Tensor:
        parts = list(taken_apart(self.light, seconds))
        points = [(weight, one) for weight, one in parts if isinstance(one, PointLight)]
        others = [pair for pair in parts if not isinstance(pair[1], PointLight)]
        lamps = [_lamp(weight, point) for weight, point in points]
        sided = all(one.sided for _, one in others)
        levels = self._levels(others, seconds, surface, sided) if others else None
        return placed_gain(lamps, surface, levels, shape=self.clip.job.shape)

    def _levels(
        self, lights: Sequence[tuple[float, Light]], seconds: float, surface: Surface, sided: bool
    ) -> Tensor:
        """Linear light of maps added up by their weights, (1, 3, h, w); of `sided` ones as it is,
        of others blurred."""
        h, w = surface.normals.shape[-2:]
        maps = [weight * to_linear(one.level_map(h, w, seconds)) for weight, one in lights]
        if not sided:  # light has no outlines
            maps = [
                cv2.GaussianBlur(one.astype(np.float32), (0, 0), SOFT * min(h, w)) for one in maps
            ]
        return torch.from_numpy(np.sum(maps, axis=0)).permute(2, 0, 1)[None].float()

    @functools.cached_property
    def placed(self) -> bool:
        """Whether the light has places, not a side alone."""
        count = len(self.clip.survey.seen)
        return has_place(self.light, self.clip.seconds(range(count)))

    @property
    def notes(self) -> tuple[str, ...]:
        """What gives the scene its depth, in a line, where a light has places in it."""
        job = self.clip.job
        if not self.placed:
            return ()
        if job.shape == 0:
            found = "none, as shape is 0"
        elif job.depth_clip is not None:
            found = f"that of {job.depth_clip}"
        elif self.network is not None:
            found = f"that of the network {self.network}"
        else:
            subject = "found" if self.mask is None else "in the mask"
            found = f"the subject {subject}, inflated; --depth-clip gives that of the whole scene"
        return (f"depth for the light: {found}",)

    def _surface(self, chunk: Chunk) -> tuple[int, Surface]:
        """The number of the first frame of a surface that covers a chunk, and that surface."""
        job, first, last = self.clip.job, chunk.first, chunk.last
        size = light_size(*self.clip.small.size)
        if job.shape == 0:
            return first, _flat(last - first, size)
        if job.depth_clip is not None:
            depth = read_depth(job, self.fps, self.clip.shown(first, last), (size[1], size[0]))
            return first, from_depth(torch.from_numpy(depth)[:, None])
        if self.network is not None:
            return first, self._depth_network()(self.clip.tensors(range(first, last), light_size))
        if self.mask is not None:
            return first, self._masked(self.mask, first, last)
        if isinstance(self.subject, SubjectMask):
            return self._outlined(self.subject, first, last)
        return self._found(first, last)

    def _masked(self, mask: SubjectMask, first: int, last: int) -> Surface:
        """A mask's subject in some small frames."""
        frames = self.clip.tensors(range(first, last), light_size)
        load = functools.lru_cache(maxsize=4)(self.clip.work.load)
        mattes = torch.stack([mask.small(number, load) for number in range(first, last)])
        mattes = resized(mattes, frames.shape[-2:])
        return inflated(mattes, frames, (mattes.amax((1, 2, 3)) > 0.5).float())

    def _outlined(self, subject: SubjectMask, begin: int, end: int) -> tuple[int, Surface]:
        """The first of the frames, and the surface of the subject whose outline was found."""
        first, last = max(begin - AVERAGED, 0), min(end + AVERAGED, len(self.clip.survey.seen))
        frames = self.clip.tensors(range(first, last), light_size)
        motion = self.clip.neighbours.motion(range(first, last), light_size(*self.clip.small.size))
        return first, steady_surface(self._masked(subject, first, last), frames, motion)

    def _found(self, begin: int, end: int) -> tuple[int, Surface]:
        """The first of the frames, and the surface of the subject that was found in them."""
        assert isinstance(self.subject, FoundSubject)
        count = len(self.clip.survey.seen)
        first, last = max(begin - AVERAGED, 0), min(end + AVERAGED, count)
        numbers = asked(first, last, count)
        cuts, sure = self.subject.of(numbers, self.clip.work.load)
        small = resized(self.subject.frames(numbers), cuts.shape[-2:])
        cuts, sure = settled_subject(cuts, sure, small, numbers, count)
        own = [i for i, number in enumerate(numbers) if first <= number < last]
        frames = self.clip.tensors(range(first, last), light_size)
        surface = cut_surface(cuts[own], small[own], sure[own], frames)
        motion = self.clip.neighbours.motion(range(first, last), light_size(*self.clip.small.size))
        return first, steady_surface(surface, frames, motion)

    def _depth_network(self) -> SurfaceSource:
        """The network, with one range of depth for the whole clip."""
        if self._loaded is None:
            found = DepthAnything.from_pretrained(str(self.network))
            count = len(self.clip.survey.seen)
            places = np.linspace(0, count - 1, min(count, RANGED)).round().astype(int)
            found.bounds = found.bounds_of(self.clip.tensors(places.tolist()))
            self._loaded = found
        return self._loaded

    def direction(self, number: int, seconds: float | None = None) -> tuple[Tensor, float]:
        """Where the light comes from at a small frame, or at a time, and how clearly: not at all
        from a place."""
        if self.placed:
            return torch.tensor([0.0, 0.0, 1.0]), 0.0
        seconds = self.clip.seconds([number])[0] if seconds is None else seconds
        return self._direction_at(seconds if self.light.moving else 0.0)

    def _found_direction(self, seconds: float) -> tuple[Tensor, float]:
        return direction_at(self.light, light_size(*self.clip.small.size), seconds)


def _at(surface: Surface, at: int) -> Surface:
    """That of one frame."""
    one = slice(at, at + 1)
    return Surface(surface.normals[one], surface.weight[one], surface.confidence[one])


def _stored(surface: Surface, own: range, step: Callable[[], None]) -> dict[str, np.ndarray]:
    """What is stored of some frames of a surface; `step` is called for each."""
    frames = slice(own.start, own.stop)
    planes = torch.cat([surface.normals[frames], surface.weight[frames]], dim=1)
    for _ in own:
        step()
    return {
        "surface": planes.half().numpy(),
        "confidence": surface.confidence[frames].float().numpy(),
    }


def _flat(count: int, size: tuple[int, int]) -> Surface:
    """Of frames whose form is not asked for."""
    flat = torch.tensor([0.0, 0.0, 1.0]).view(1, 3, 1, 1).expand(count, -1, *size)
    return Surface(flat, torch.zeros_like(flat[:, :1]), torch.zeros(count))


def form_counts(light: Light, shape: float, moments: Sequence[float]) -> bool:
    """Whether a light has form, place or colour to add at some times.

    >>> from relight.lights import parse_light
    >>> form_counts(parse_light("left"), 0.0, [0.0]), form_counts(parse_light("candle"), 0.0, [0.0])
    (False, True)
    """
    if isinstance(light, NoLight):
        return False
    if shape > 0 or has_place(light, moments):
        return True
    return any(colour_share(light.tint(seconds)) > 0 for seconds in moments)


def _lamp(weight: float, point: PointLight) -> Lamp:
    red, green, blue = to_linear(np.array(point.color.rgb)).tolist()
    brightest = max(red, green, blue, 1e-6)
    return Lamp(
        x=point.x,
        y=point.y,
        z=point.z,
        radius=point.radius,
        colour=(red / brightest, green / brightest, blue / brightest),
        intensity=weight * point.intensity * brightest,
        fall=point.fall,
    )


def to_linear(encoded: np.ndarray) -> np.ndarray:
    """sRGB-encoded values in [0, 1] as linear light (IEC 61966-2-1).

    >>> to_linear(np.array([0.0, 0.5, 1.0])).round(2).tolist()
    [0.0, 0.21, 1.0]
    """
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
