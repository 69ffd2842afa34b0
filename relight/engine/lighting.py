"""A clip lit from a few of its frames: keyframes relit by a model, or stills relit elsewhere.

    key:   the light of each keyframe: relit together by the model, or fitted to a reference
    carry: that light along the clip's motion, to every small frame
    form:  what the surface of the clip's subject adds under the light's direction
    frames: light and form on every source frame

Each is a workflow of chunks; a chunk needs the stored small frames and the chunks of the workflows
before it, and, when it goes on with a long way, the chunk before itself.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from relight.diffusion.framing import Framing
from relight.engine.chunks import Chunk
from relight.engine.frames import Source
from relight.engine.references import Still
from relight.engine.relighting import DRAWN, Lit, glimpse, transferred
from relight.engine.survey import Scale, SmallFrames, Survey
from relight.engine.work import Work
from relight.errors import InputError
from relight.jobs import RelightJob
from relight.lights import Light, NoLight
from relight.masks import CONTEXT
from relight.masks.surface import subject_surface
from relight.media import Frame
from relight.methods.carried_light import Carried, Leg, blended, legs, reference_light, step
from relight.methods.gain_and_glow import (
    GainGlow,
    apply_light,
    resized,
    scaled_light,
    shaded_light,
)
from relight.methods.lamp import BRIGHTNESS, COLOUR, FAR_COLOUR, exposed, exposure, lamp_colour
from relight.methods.light_transfer import LIGHT_SIDE, fit_light
from relight.methods.registration import register
from relight.methods.surface_shading import direction_of, missing_fall_off, nearness, shading_gain
from relight.methods.surfaces import Surface
from relight.models.loader import Model
from relight.relighters.ic_light import ICLight

LEG = 48
"""Frames in a chunk of a way along which light is carried."""
FORM = 48
"""Frames in a chunk of the surface's shading."""
TOGETHER = 15
"""Keyframes relit at once, besides the first of the clip."""
SAMPLE = 8
"""Keyframes that decide a clip's exposure and fall-off."""

Load = Callable[[str], dict[str, np.ndarray]]
Show = Callable[[Callable[[], np.ndarray]], None]


@dataclass(kw_only=True)
class Clip:
    """What all workflows of a clip share.

    Attributes:
        size: (width, height) of the source. scale: source frame -> small frame.
    """

    job: RelightJob
    survey: Survey
    work: Work
    size: tuple[int, int]
    scale: Scale
    small: SmallFrames = field(init=False)

    def __post_init__(self) -> None:
        self.small = SmallFrames(self.work, len(self.survey.seen))

    def tensors(self, numbers: Sequence[int]) -> Tensor:
        """Small frames, (frames, 3, h, w) in [0, 1]."""
        stack = np.stack([self.small[number] for number in numbers])
        return torch.from_numpy(stack).permute(0, 3, 1, 2).float() / 255

    def seconds(self, numbers: Sequence[int]) -> list[float]:
        """When they are shown, counted from the first frame that is lit."""
        times, seen = self.survey.times, self.survey.seen
        return [float(times[seen[number]] - times[0]) for number in numbers]


@dataclass(kw_only=True)
class Keys:
    """The light of keyframes that a model relights together, with one noise.

    Attributes:
        framing: how they are shown to it. numbers: of the keyframes among the small frames.
        model: None where chunks are only read.
    """

    clip: Clip
    light: Light
    framing: Framing
    numbers: tuple[int, ...]
    chunks: tuple[Chunk, ...]
    model: Model | None

    def compute(
        self, chunk: Chunk, on_step: Callable[[], None] | None = None, show: Show | None = None
    ) -> dict[str, np.ndarray]:
        """What is stored of a chunk: the light of its keyframes, (keyframes, 6, h, w).

        The first keyframe of the clip is relit with every later chunk; by what its light differs
        from that of the first chunk, so does that of the others, and it is taken off.
        """
        numbers = self.numbers[chunk.first : chunk.last]
        anchored = chunk.index > 0
        if anchored:
            numbers = (self.numbers[0], *numbers)
        images = np.stack([self.framing.scale(self.clip.small[n]) for n in numbers])
        relit = self._relit(images, numbers, on_step)
        source = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
        if show is not None:
            show(functools.partial(self._preview, numbers[-1], relit[-1]))
        fitted = fit_light(source, relit, radius=DRAWN)
        light = lamp_colour(fitted, source, strength=self._colour(numbers, fitted.glow.shape[-2:]))
        # The size at which light is kept for the small frames, whatever the model's own.
        planes = resized(light.planes, light_size(self.clip.small[numbers[0]].shape[:2]))
        if anchored:
            first = torch.from_numpy(self.clip.work.load(self.chunks[0].name)["light"][0])
            planes = planes[1:] + (first - planes[0]).mean((1, 2), keepdim=True)
        return {"light": planes.numpy()}

    def light_of(self, number: int, load: Load) -> GainGlow:
        """The light of a keyframe, by its number among the small frames."""
        place = self.numbers.index(number)
        chunk = next(chunk for chunk in self.chunks if chunk.first <= place < chunk.last)
        stored = load(chunk.name)["light"][place - chunk.first]
        return GainGlow.from_planes(torch.from_numpy(stored))

    def _relit(
        self, images: np.ndarray, numbers: Sequence[int], on_step: Callable[[], None] | None
    ) -> Tensor:
        """(keyframes, 3, h, w) in [0, 1]."""
        clip, job, model = self.clip, self.clip.job, self.model
        pixels = torch.from_numpy(self.framing.pad(images)).permute(0, 3, 1, 2).float() / 127.5 - 1
        relighter = ICLight(
            pipe=model.relighter, gamma=job.gamma, share_noise=True, chunk_size=model.chunk
        )
        session = relighter.prepare(
            job.prompt,
            size=(pixels.shape[-2], pixels.shape[-1]),
            light=self.light,
            seconds=clip.seconds(numbers),
            steps=job.relight_steps,
        )
        noise = torch.Generator("cpu").manual_seed(job.seed)
        told = (lambda *_: on_step()) if on_step else None
        relit = session(pixels, noise=noise, on_step=told)
        return (self.framing.cut(relit).cpu().float() / 2 + 0.5).clamp(0, 1)

    def _colour(self, numbers: Sequence[int], size: Sequence[int]) -> Tensor:
        """How strong the lamp's colour is at each pixel, (keyframes, 1, h, w)."""
        maps = []
        for seconds in self.clip.seconds(numbers):
            direction, clear = direction_at(self.light, size, seconds)
            far = 0.5 - 0.5 * nearness(direction, size[0], size[1])
            maps.append(COLOUR + (FAR_COLOUR - COLOUR) * clear * far)
        return torch.stack(maps)

    def _preview(self, number: int, relit: Tensor) -> np.ndarray:
        index = self.clip.survey.seen[number]
        source = Source(self.clip.job.input, self.clip.survey.times)
        frame = next(source.open(index, index + 1)).image
        return glimpse(frame, self.framing.scale(frame), relit, True)


@dataclass(kw_only=True)
class References:
    """The light of stills that were relit elsewhere, by the number of the frame each shows."""

    lights: dict[int, GainGlow]

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(sorted(self.lights))

    def light_of(self, number: int, load: Load) -> GainGlow:
        """The light of a still, by the number of its frame among the small frames."""
        return self.lights[number]


def read_references(clip: Clip, stills: Sequence[Still]) -> References:
    """Register stills to their frames and fit their light; done once, and stored.

    Raises:
        InputError: a still of another scene, too small, or a second one for one frame.
    """
    lights: dict[int, GainGlow] = {}
    times, seen = clip.survey.times, clip.survey.seen
    for index, still in enumerate(stills):
        name = f"reference-{index:03d}"
        if not clip.work.has(name):
            clip.work.save(name, _registered(clip, still, still.number(times, seen)))
        stored = clip.work.load(name)
        number = int(stored["number"][0])
        if number in lights:
            moment = clip.seconds([number])[0]
            raise InputError(
                f"{still.name} is a second reference for the moment {moment:.2f} s: give one"
            )
        lights[number] = GainGlow.from_planes(torch.from_numpy(stored["light"]))
    return References(lights=lights)


def _registered(clip: Clip, still: Still, number: int | None) -> dict[str, np.ndarray]:
    found = register(still.image, clip.small, number)
    frame = clip.small[found.index]
    laid, covered = found.warp(still.image, frame.shape[0], frame.shape[1])
    light = reference_light(frame, laid, covered)
    return {"light": light.planes.numpy(), "number": np.array([found.index])}


@dataclass(kw_only=True)
class Carry:
    """Light carried along the clip's motion from its keyframes, in both directions.

    Attributes:
        parts: of each chunk, the way it belongs to and its frames, in the way's own order.
    """

    clip: Clip
    keys: Keys | References
    chunks: tuple[Chunk, ...]
    parts: tuple[tuple[Leg, range], ...]

    @classmethod
    def plan(cls, clip: Clip, keys: Keys | References) -> Carry:
        """Cut the ways from the keyframes into chunks."""
        parts = tuple(
            (leg, leg.frames[begin : begin + LEG])
            for leg in legs(len(clip.survey.seen), keys.numbers)
            for begin in range(0, len(leg.frames), LEG)
        )
        chunks = tuple(
            Chunk(stage="carry", index=i, first=min(p), last=max(p) + 1, passes=len(p))
            for i, (_, p) in enumerate(parts)
        )
        return cls(clip=clip, keys=keys, chunks=chunks, parts=parts)

    def compute(
        self, chunk: Chunk, on_step: Callable[[], None] | None = None, show: Show | None = None
    ) -> dict[str, np.ndarray]:
        """What is stored of a part of a way: light and trust of each frame, up to a cut."""
        leg, part = self.parts[chunk.index]
        small, load = self.clip.small, self.clip.work.load
        planes = self.keys.light_of(leg.reference, load)
        anchor = Carried(planes, torch.ones_like(planes.glow[:1]))
        before, state = leg.reference, anchor
        stored: dict[str, np.ndarray] = {}
        if part[0] != leg.frames[0]:  # this part goes on with the one before
            before = part[0] - part.step
            last = self._record(load(self.chunks[chunk.index - 1].name), before)
            if last is None:
                return {"ended": np.array([1])}
            state = last
        for number in part:
            found = step(anchor, small[leg.reference], state, small[before], small[number])
            if found is None:
                break
            tensors = found.to_tensors()
            stored |= {f"{number:07d}-{key}": value.numpy() for key, value in tensors.items()}
            # From what is stored, so that a run that is resumed ends in the same light.
            state, before = Carried.from_tensors(tensors), number
            if on_step is not None:
                on_step()
        return stored or {"ended": np.array([1])}

    def light_at(self, number: int, load: Load) -> GainGlow:
        """The light of a small frame; none in a scene that has no keyframe."""
        if number in self.keys.numbers:
            return self.keys.light_of(number, load)
        found = []
        for chunk, (leg, part) in zip(self.chunks, self.parts, strict=True):
            if number in part:
                record = self._record(load(chunk.name), number)
                if record is not None:
                    found.append((abs(number - leg.reference), record))
        if not found:
            size = self.keys.light_of(self.keys.numbers[0], load).glow.shape[-2:]
            return GainGlow.none(size[0], size[1])
        if len(found) == 1:
            return found[0][1].light
        (near, a), (far, b) = found
        return blended(a, b, near / (near + far))

    @staticmethod
    def _record(stored: dict[str, np.ndarray], number: int) -> Carried | None:
        prefix = f"{number:07d}-"
        tensors = {
            key.removeprefix(prefix): torch.from_numpy(value)
            for key, value in stored.items()
            if key.startswith(prefix)
        }
        return Carried.from_tensors(tensors) if tensors else None


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


def direction_at(light: Light, size: Sequence[int], seconds: float) -> tuple[Tensor, float]:
    """Where a light comes from at a time, and how clearly; (0, 0, 1) and 0 for none."""
    if isinstance(light, NoLight):
        return torch.tensor([0.0, 0.0, 1.0]), 0.0
    return direction_of(torch.from_numpy(light.level_map(size[0], size[1], seconds)))


def light_size(size: Sequence[int]) -> tuple[int, int]:
    """(height, width) at which light is kept for small frames of that size."""
    shrink = min(LIGHT_SIDE / min(size), 1.0)
    return round(size[0] * shrink), round(size[1] * shrink)


@dataclass(kw_only=True)
class Lighting:
    """Every source frame under the carried light and its form: the result, nothing to compute."""

    clip: Clip
    carry: Carry
    form: Form | None
    chunks: tuple[Chunk, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the source."""
        return self.clip.size

    def compute(
        self, chunk: Chunk, on_step: Callable[[], None] | None = None, show: Show | None = None
    ) -> dict[str, np.ndarray]:
        """There are no chunks."""
        return {}

    def frames(self, load: Load, first: int = 0) -> Iterator[Frame]:
        """Frames from index `first` on, relit; `load` gives what was stored of a chunk."""
        seen = self.clip.survey.seen
        number = int(max(np.searchsorted(seen, first, "right") - 1, 0))
        source = Source(self.clip.job.input, self.clip.survey.times)
        load = _remembering(load)
        return transferred(source.open(first), self._lit(load, number), self.clip.scale)

    def _lit(self, load: Load, begin: int) -> Iterator[Lit]:
        times, seen = self.clip.survey.times, self.clip.survey.seen
        fall_off, factor = self._lamp(load)
        for number in range(begin, len(seen)):
            small = self.clip.tensors([number])[0]
            light = scaled_light(self.carry.light_at(number, load), small, self.clip.job.intensity)
            if self.form is not None:
                light = shaded_light(light, self._shading(number, fall_off, load))
            yield Lit(times[seen[number]], small, exposed(light, factor).planes)

    def _shading(self, number: int, fall_off: float, load: Load) -> Tensor:
        chunk = next(chunk for chunk in self.form.chunks if chunk.first <= number < chunk.last)
        form = torch.from_numpy(load(chunk.name)["form"][number - chunk.first]).float()
        direction, clear = self.form.direction(number)
        job = self.clip.job
        near = nearness(direction, form.shape[-2], form.shape[-1])
        stops = fall_off * job.shape * clear
        return min(job.intensity, 1.0) * (form + stops * float(np.log(2)) * near)

    def _lamp(self, load: Load) -> tuple[float, float]:
        """(stops of fall-off that the model's light lacks, factor of the exposure) of the clip."""
        if self.form is None:
            return 0.0, 1.0
        numbers = self.carry.keys.numbers
        places = np.linspace(0, len(numbers) - 1, min(len(numbers), SAMPLE)).round()
        some = [numbers[int(place)] for place in places]
        lights = [self.carry.keys.light_of(number, load) for number in some]
        smalls = [self.clip.tensors([number])[0] for number in some]
        direction, clear = self.form.direction(some[0])
        source = torch.stack(smalls)
        seen = apply_light(source, GainGlow.from_planes(torch.stack([x.planes for x in lights])))
        fall_off = missing_fall_off(source, seen, direction)
        lit = []
        for number, light, small in zip(some, lights, smalls, strict=True):
            strong = scaled_light(light, small, self.clip.job.intensity)
            lit.append(shaded_light(strong, self._shading(number, fall_off, load)))
        held = clear * min(self.clip.job.intensity, 1.0)  # no light, no other exposure
        return fall_off, exposure(lit, smalls, brightness=1 - (1 - BRIGHTNESS) * held)


def _remembering(load: Load) -> Load:
    """A `load` that keeps the last few chunks in memory."""
    return functools.lru_cache(maxsize=6)(load)
