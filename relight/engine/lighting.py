"""A clip lit from a few of its frames: keyframes relit by a model, or stills relit elsewhere.

    keys.py    the light of each keyframe, relit together by the model
    reference_lights.py    or of stills that were relit elsewhere
    carry.py   that light along the clip's motion, to every small frame
    form.py    what the surface of the clip's subject adds under the light's direction
    here       light and form on every source frame

Each is a workflow of chunks; a chunk needs the stored small frames and the chunks of the workflows
before it, and, when it goes on with a long way, the chunk before itself.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from relight.engine.carry import Carry
from relight.engine.chunks import Chunk
from relight.engine.form import Form
from relight.engine.frames import Source
from relight.engine.full_size import Lit, transferred
from relight.engine.lit_clip import Clip, Load, Show, light_size, remembering
from relight.engine.pairs import load_pairs
from relight.engine.region import Region
from relight.media import Frame
from relight.methods.ambient import in_ambient
from relight.methods.emitters import undarkened
from relight.methods.exposure import BRIGHTNESS, TRIED, changes_of, exposed, exposure, steadied
from relight.methods.full_size_light import apply_light, apply_light_uint8
from relight.methods.gain_and_glow import (
    GainGlow,
    resized_weights,
    scaled_light,
    shaded_light,
)
from relight.methods.lamp import SOLE, lamp_part, mixed, vivid
from relight.methods.open_sky import evened, evened_light, sky_shares
from relight.methods.placed_light import strength_gain
from relight.methods.spread import spread
from relight.methods.surface_shading import bent, missing_fall_off, nearness

SAMPLE = 8
"""Keyframes that decide a clip's exposure and fall-off."""
SKIES = 64
"""Small frames whose sky is kept in memory: those that decide the exposure are lit again."""


@dataclass(kw_only=True)
class Lighting:
    """Every source frame under the carried light and its form: the result, nothing to compute.

    Attributes:
        planar: frames may be lit as they are stored: nobody asks for their RGB.
    """

    clip: Clip
    carry: Carry
    form: Form | None
    region: Region | None = None
    chunks: tuple[Chunk, ...] = ()
    planar: bool = False

    def __post_init__(self) -> None:
        self._set: tuple[float, float] | None = None
        self._sky = functools.lru_cache(maxsize=SKIES)(self._found_sky)

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
        source = Source(self.clip.job.input, self.clip.survey.times, self.clip.job.reading)
        load = remembering(load)
        return transferred(
            source.open(first, planar=self.planar), self._lit(load, number), self.clip.small_of
        )

    def lights(self, load: Load, begin: int, end: int) -> Iterator[tuple[Tensor, GainGlow]]:
        """Small frames (3, h, w) in [0, 1] from number `begin` to `end`, and the light of each."""
        self._lamp(load)  # for which other chunks may have to be waited for

        def one(number: int) -> tuple[Tensor, GainGlow]:
            small = self.clip.tensors([number])[0]
            return small, self._light(number, small, load)

        yield from spread(one, (self._waited(number, load) for number in range(begin, end)))

    def _waited(self, number: int, load: Load, count: int = 1) -> int:
        """The number of a small frame, once the chunks that it and those after it need are there.

        To be called where frames are handed out: the threads that they are spread over are those
        that compute the chunks.
        """
        for one in range(number, number + count):
            self.carry.wait_for(one, load)
            if self.form is not None:
                load(self.form.chunk_of(one).name)
        return number

    def light_at(self, number: int, time: Fraction, load: Load) -> GainGlow:
        """The light of a small frame, its lamps as they stand at a time."""
        seconds = float(time - self.clip.survey.times[0])
        return self._light(number, self.clip.tensors([number])[0], load, seconds)

    @property
    def light_moves(self) -> bool:
        """Whether `light_at` changes with the time."""
        return self.carry.keys.light_moves

    def _light(
        self, number: int, small: Tensor, load: Load, seconds: float | None = None
    ) -> GainGlow:
        fall_off, factor = self._lamp(load)
        seen = self._seen(number)
        light = exposed(self._unexposed(number, seen, fall_off, load, seconds), factor)
        keys, share = self.carry.keys, min(self.clip.job.intensity, 1.0)
        here = self.clip.seconds([number])[0] if seconds is None else seconds
        strong = strength_gain(keys.strength_at(here))
        if strong:
            light = shaded_light(light, torch.full((1, 1, 1), share * strong))
        keeps = keys.keeps_colours * share
        if self.form is None:
            return light
        planes = GainGlow.from_planes(light.planes[None])
        if keeps:
            planes = vivid(planes, seen[None], keeps)
        light = GainGlow.from_planes(undarkened(planes, small[None]).planes[0])
        alone = self.region is not None and self.region.lit == "subject"
        return in_ambient(light, seen) if alone else light

    def _seen(self, number: int) -> Tensor:
        """A small frame at the light's size, (3, h, w)."""
        return self.clip.tensors([number], light_size)[0]

    def _of_lamp(self, number: int, seen: Tensor, shading: Tensor | None, load: Load) -> GainGlow:
        """The carried light, its colour where the lamp shines."""
        keys, light = self.carry.keys, self.carry.light_at(number, load)
        if self.form is not None and not self.form.placed:
            light = self._even_in_sky(number, seen, light)
        if not keys.coloured:
            return light
        planes = GainGlow.from_planes(light.planes[None])
        if shading is None or keys.all_around:
            part = torch.full((1, 1, 1, 1), SOLE)
        else:
            part = lamp_part(planes, seen[None], shading[None])
        return GainGlow.from_planes(mixed(planes, seen[None], part).planes[0])

    def _lit(self, load: Load, begin: int) -> Iterator[Lit]:
        times, seen = self.clip.survey.times, self.clip.survey.seen
        lights = self.lights(load, begin, len(seen))
        for number, (small, light) in enumerate(lights, begin):
            yield Lit(times[seen[number]], small, light.planes, self._moved(number, load))

    def _moved(self, number: int, load: Load) -> Callable[[Fraction], Tensor] | None:
        """A small frame's light at another time; None where that is the same."""
        if not self.light_moves:
            return None
        return lambda time: self.light_at(number, time, load).planes

    def _shading(
        self, form: Form, number: int, fall_off: float, load: Load, seconds: float | None
    ) -> Tensor:
        gain = form.gain(number, load, seconds)
        direction, clear = form.direction(number, seconds)
        job = self.clip.job
        near = bent(nearness(direction, gain.shape[-2], gain.shape[-1]))
        stops = fall_off * job.shape * clear
        gain = gain + stops * float(np.log(2)) * near
        if not form.placed:
            gain = evened(gain, self._sky(number), least=0.0)
        return min(job.intensity, 1.0) * gain

    def _even_in_sky(self, number: int, seen: Tensor, light: GainGlow) -> GainGlow:
        sky = self._sky(number)
        return evened_light(light, seen, sky) if bool(sky.any()) else light

    def _found_sky(self, number: int) -> Tensor:
        """Where a small frame is open sky, (1, h, w), at the light's size."""
        size = light_size(*self.clip.small.size)
        return sky_shares(self.clip.tensors([number]), size)[0]

    def _lamp(self, load: Load) -> tuple[float, float]:
        """(stops of fall-off that the model's light lacks, factor of the exposure) of the clip."""
        if self._set is None:  # once: windows of a video model ask for it again and again
            self._set = self._found_lamp(load)
        return self._set

    def _found_lamp(self, load: Load) -> tuple[float, float]:
        if self.form is None:
            return 0.0, 1.0
        numbers = self.carry.keys.numbers
        places = np.linspace(0, len(numbers) - 1, min(len(numbers), SAMPLE)).round()
        some = [numbers[int(place)] for place in places]
        smalls = [self.clip.tensors([number])[0] for number in some]
        drawn = torch.stack([self.carry.keys.light_of(number, load).planes for number in some])
        direction, clear = self.form.direction(some[0])
        source = torch.stack(smalls)
        seen = apply_light(source, GainGlow.from_planes(drawn))
        fall_off = missing_fall_off(source, seen, direction)

        def lit_one(number: int) -> GainGlow:
            return self._unexposed(number, self._seen(number), fall_off, load)

        lit = list(spread(lit_one, (self._waited(number, load) for number in some)))
        held = clear * min(self.clip.job.intensity, 1.0)  # no light, no other exposure
        brightness, weights, parts, inside = 1.0, None, smalls, lit
        if self.region is not None:
            # What is not lit keeps the camera as it is, and the lit part as bright as it was.
            weights = self.region.weights(some, load)
            brightness = self.region.brightness() ** min(self.clip.job.intensity, 1.0)
            size = lit[0].glow.shape[-2:]
            pairs = zip(lit, resized_weights(weights, size), strict=True)
            inside = [GainGlow(x.log_gain, x.glow * part) for x, part in pairs]
            parts = [small * part for small, part in zip(smalls, weights, strict=True)]
        held_here = held if weights is None else held * float(weights.mean())
        brightness *= 1 - (1 - BRIGHTNESS) * held_here
        factor = exposure(inside, parts, brightness=brightness)
        if not held:
            return fall_off, factor
        return fall_off, steadied(factor, self._changes(fall_off, factor * TRIED, load))

    def _unexposed(
        self,
        number: int,
        seen: Tensor,
        fall_off: float,
        load: Load,
        seconds: float | None = None,
    ) -> GainGlow:
        """The light of a small frame, its form in it, before the exposure; see `_seen`."""
        shading = None
        if self.form is not None:
            shading = self._shading(self.form, number, fall_off, load, seconds)
        light = self._of_lamp(number, seen, shading, load)
        light = scaled_light(light, seen, self.clip.job.intensity)
        return light if shading is None else shaded_light(light, shading)

    def _changes(self, fall_off: float, factor: float, load: Load) -> list[tuple[float, float]]:
        """For `steadied`: how frames all over the clip change to the next, lit and as they were.

        Seen at the source's size, or nearly: grain, which small frames have lost, counts, too.
        Of a light that moves both frames are seen under one: what it does itself is no shimmer.
        """
        pairs = load_pairs(self.clip.work)

        def change(number: int) -> tuple[float, float]:
            pair = self._pair(number, pairs[number], fall_off, factor, load)
            lit = [_lit_part(*part) for part in pair]
            return changes_of(pairs[number], lit)

        return list(spread(change, (self._waited(number, load, 2) for number in pairs)))

    def _pair(
        self, number: int, images: Sequence[np.ndarray], fall_off: float, factor: float, load: Load
    ) -> list[Part]:
        """A frame and the next, with what lights them and where."""
        moving = self.form is not None and self.form.light.moving
        pair: list[Part] = []
        for one, image in enumerate(images, number):
            of = number if moving else one
            light = exposed(self._unexposed(of, self._seen(of), fall_off, load), factor)
            weight = None if self.region is None else self.region.weights([one], load)
            pair.append((image, light, weight))
        return pair


Part = tuple[np.ndarray, GainGlow, Tensor | None]
"""A frame, its light, and where it is to be lit, (1, 1, h, w) in [0, 1]; None: everywhere."""


def _lit_part(image: np.ndarray, light: GainGlow, weight: Tensor | None) -> np.ndarray:
    lit = apply_light_uint8(image, light)
    if weight is None:
        return lit
    share = resized_weights(weight, image.shape[:2])[0, 0].numpy()[..., None]
    return (image + share * (lit.astype(np.float32) - image)).round().astype(np.uint8)
