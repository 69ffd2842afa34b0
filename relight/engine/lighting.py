"""A clip lit from a few of its frames: keyframes relit by a model, or stills relit elsewhere.

    keys.py    the light of each keyframe: relit together by the model, or fitted to a reference
    carry.py   that light along the clip's motion, to every small frame
    form.py    what the surface of the clip's subject adds under the light's direction
    here       light and form on every source frame

Each is a workflow of chunks; a chunk needs the stored small frames and the chunks of the workflows
before it, and, when it goes on with a long way, the chunk before itself.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from relight.engine.carry import Carry
from relight.engine.chunks import Chunk
from relight.engine.form import Form
from relight.engine.frames import Source
from relight.engine.full_size import Lit, transferred
from relight.engine.lit_clip import Clip, Load, Show
from relight.engine.region import Region
from relight.media import Frame
from relight.methods.exposure import BRIGHTNESS, exposed, exposure
from relight.methods.gain_and_glow import (
    GainGlow,
    apply_light,
    resized_weights,
    scaled_light,
    shaded_light,
)
from relight.methods.lamp import SOLE, lamp_share, paled, vivid
from relight.methods.optical_flow import one_way, warp
from relight.methods.surface_shading import bent, missing_fall_off, nearness

SAMPLE = 8
"""Keyframes that decide a clip's exposure and fall-off."""


@dataclass(kw_only=True)
class Lighting:
    """Every source frame under the carried light and its form: the result, nothing to compute."""

    clip: Clip
    carry: Carry
    form: Form | None
    region: Region | None = None
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
        source = Source(self.clip.job.input, self.clip.survey.times, self.clip.job.reading)
        load = _remembering(load)
        return transferred(source.open(first), self._lit(load, number), self.clip.scale)

    def lights(self, load: Load, begin: int, end: int) -> Iterator[tuple[Tensor, GainGlow]]:
        """Small frames (3, h, w) in [0, 1] from number `begin` to `end`, and the light of each."""
        fall_off, factor = self._lamp(load)
        keys, intensity = self.carry.keys, self.clip.job.intensity
        keeps = keys.keeps_colours * min(intensity, 1.0)
        for number in range(begin, end):
            small = self.clip.tensors([number])[0]
            light = scaled_light(self._of_lamp(number, small, fall_off, load), small, intensity)
            if self.form is not None:
                light = shaded_light(light, self._shading(self.form, number, fall_off, load))
            light = exposed(light, factor)
            if self.form is not None and keeps:
                planes = GainGlow.from_planes(light.planes[None])
                light = GainGlow.from_planes(vivid(planes, small[None], keeps).planes[0])
            yield small, light

    def _of_lamp(self, number: int, small: Tensor, fall_off: float, load: Load) -> GainGlow:
        """The carried light, its colour where the lamp shines."""
        keys, light = self.carry.keys, self.carry.light_at(number, load)
        if keys.weakest >= 1:
            return light
        if self.form is None or keys.all_around:
            share = lamp_share(torch.zeros(1, 1, 1), keys.weakest, SOLE)
        else:
            share = lamp_share(self._shading(self.form, number, fall_off, load), keys.weakest)
        planes = GainGlow.from_planes(light.planes[None])
        return GainGlow.from_planes(paled(planes, small[None], share[None]).planes[0])

    def _lit(self, load: Load, begin: int) -> Iterator[Lit]:
        times, seen = self.clip.survey.times, self.clip.survey.seen
        lights = self.lights(load, begin, len(seen))
        for number, (small, light) in enumerate(lights, begin):
            yield Lit(times[seen[number]], small, light.planes)

    def _shading(self, form: Form, number: int, fall_off: float, load: Load) -> Tensor:
        chunk = next(chunk for chunk in form.chunks if chunk.first <= number < chunk.last)
        gain = torch.from_numpy(load(chunk.name)["form"][number - chunk.first]).float()
        direction, clear = form.direction(number)
        job = self.clip.job
        near = bent(nearness(direction, gain.shape[-2], gain.shape[-1]))
        stops = fall_off * job.shape * clear
        return min(job.intensity, 1.0) * (gain + stops * float(np.log(2)) * near)

    def _lamp(self, load: Load) -> tuple[float, float]:
        """(stops of fall-off that the model's light lacks, factor of the exposure) of the clip."""
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
        lit = []
        for number, small in zip(some, smalls, strict=True):
            light = self._of_lamp(number, small, fall_off, load)
            strong = scaled_light(light, small, self.clip.job.intensity)
            lit.append(shaded_light(strong, self._shading(self.form, number, fall_off, load)))
        held = clear * min(self.clip.job.intensity, 1.0)  # no light, no other exposure
        changes = [self._change(number) for number in some] if held else []
        if self.region is None:
            return fall_off, exposure(lit, smalls, changes, brightness=1 - (1 - BRIGHTNESS) * held)
        # What is not lit keeps the camera as it is, and the lit part as bright as it was.
        weights = self.region.weights(some, load)
        held *= float(weights.mean())
        inside = resized_weights(weights, lit[0].glow.shape[-2:])
        lit = [GainGlow(x.log_gain, x.glow * part) for x, part in zip(lit, inside, strict=True)]
        parts = [small * part for small, part in zip(smalls, weights, strict=True)]
        changes = [change * part for change, part in zip(changes, weights, strict=False)]
        goal = self.region.brightness() ** min(self.clip.job.intensity, 1.0)
        brightness = goal * (1 - (1 - BRIGHTNESS) * held)
        return fall_off, exposure(lit, parts, changes, brightness=brightness)

    def _change(self, number: int) -> Tensor:
        """By how much a small frame differs from its neighbour along the motion, (3, h, w)."""
        beside = number - 1 if number else min(1, len(self.clip.survey.seen) - 1)
        now, then = self.clip.tensors([number, beside])
        flow, trust = one_way(now, then, (now.shape[-2], now.shape[-1]))
        return trust * (now - warp(then, flow)).abs()


def _remembering(load: Load) -> Load:
    """A `load` that keeps the last few chunks in memory."""
    return functools.lru_cache(maxsize=5)(load)
