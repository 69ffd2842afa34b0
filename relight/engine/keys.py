"""The light of a clip's keyframes, relit together by a model."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from relight.diffusion.finite import refuse_black
from relight.diffusion.framing import Framing
from relight.engine.chunks import Chunk
from relight.engine.frames import Source
from relight.engine.full_size import DRAWN, glimpse
from relight.engine.lit_clip import Clip, Load, Show, direction_at, light_size
from relight.engine.prompts import understood
from relight.engine.region import Region
from relight.errors import InputError
from relight.jobs import ModelRelightJob
from relight.lights import Light, NoLight
from relight.lights.colors import LAMPS
from relight.lights.lamps import AtFull, has_place, strength
from relight.media import to_uint8
from relight.methods.carried_light import reference_light
from relight.methods.delight import delit
from relight.methods.gain_and_glow import (
    GainGlow,
    resized,
    resized_weights,
)
from relight.methods.lamp import (
    VIVID,
    highlighted,
    lamp_colour,
    paled,
    without_haze,
)
from relight.methods.light_transfer import fit_light, smooth_light
from relight.methods.light_within import light_within
from relight.methods.open_sky import shared_with_sky, sky_shares
from relight.methods.placed_light import colour_share, levelled
from relight.methods.registration import register
from relight.methods.spread import one_thread
from relight.methods.surface_shading import nearness
from relight.methods.two_lamps import two_lamps
from relight.models.loader import Model

SIDED = 0.5
"""How clearly a light needs a side, for two colours to lie on two sides."""
WHITE_LAMP = 0.9
"""Least channel of a lamp, the brightest at 1, that counts as white."""
TOGETHER = 15
"""Keyframes relit at once, besides the first of the clip."""
AGREE = 2.0
"""Width, in keyframes, over which their lights are averaged along the motion: one lamp stands there
all the time."""


@dataclass(kw_only=True)
class Keys:
    """The light of keyframes that a model relights together, with one noise.

    Attributes:
        framing: how they are shown to it. numbers: of the keyframes among the small frames.
        region: what is lit; None: everything.
    """

    clip: Clip
    job: ModelRelightJob
    light: Light
    framing: Framing
    numbers: tuple[int, ...]
    chunks: tuple[Chunk, ...]
    model: Model
    region: Region | None = None

    def compute(
        self, chunk: Chunk, on_step: Callable[[], None] | None = None, show: Show | None = None
    ) -> dict[str, np.ndarray]:
        """What is stored of a chunk: the light of its keyframes, (keyframes, 6, h, w).

        The first keyframe of the clip is relit with every later chunk; by what its light differs
        from that of the first chunk, so does that of the others, and it is taken off.
        """
        numbers = self.numbers[chunk.first : chunk.last]
        if self.model.entry.edits:
            return self._edited(numbers, on_step, show)
        if chunk.after is not None:
            numbers = (self.numbers[0], *numbers)
        images = np.stack([self.framing.scale(self.clip.small[n]) for n in numbers])
        # The embedded model never saw a part on grey: it is shown, and lights, the whole frame.
        hidden = None if self.model.entry.transfer else self.region
        weights = None if hidden is None else self._weights(hidden, numbers)
        relit = self._relit(images, numbers, weights, on_step)
        source = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
        refuse_black(relit, source)
        if show is not None:
            show(functools.partial(self._preview, numbers[-1], relit[-1]))
        with one_thread():
            light = self._light_of(source, relit, numbers, weights)
        # The size at which light is kept for the small frames, whatever the model's own.
        planes = resized(light.planes, light_size(*self.clip.small.size))
        if chunk.after is not None:
            first = torch.from_numpy(self.clip.work.load(chunk.after)["light"][0])
            planes = planes[1:] + (first - planes[0]).mean((1, 2), keepdim=True)
        return {"light": planes.numpy()}

    def _light_of(
        self, source: Tensor, relit: Tensor, numbers: Sequence[int], weights: Tensor | None
    ) -> GainGlow:
        """What a model's pictures of keyframes give, (keyframes, 3, h, w) in [0, 1]."""
        fitted = fit_light(source, relit, radius=DRAWN)
        if weights is not None:
            fitted = light_within(fitted, source, weights)
        size = fitted.glow.shape[-2:]
        if self.model.entry.vocabulary is not None:
            fitted = without_haze(fitted, source)
        sky = sky_shares(self.clip.tensors(numbers), size)
        light = lamp_colour(fitted, source, colour=self._lamps(numbers, size), sky=sky)
        light = shared_with_sky(light, resized(source, size), sky)
        # No colour was named: what a small model draws all the same turns skin that is nearly grey.
        neutral = self._neutral(numbers)
        light = paled(light, source, 0.0) if neutral else highlighted(light, source)
        light = self._left_to_the_lamp(light, source, numbers)
        if self.light.moving:
            return light
        # What a model draws anew in each would drift between them.
        return smooth_light(light, source, sigma=AGREE)

    def _edited(
        self, numbers: Sequence[int], on_step: Callable[[], None] | None, show: Show | None
    ) -> dict[str, np.ndarray]:
        """The same of a model that edits pictures: registered, and of its light nothing changed."""
        images = np.stack([self.framing.scale(self.clip.small[n]) for n in numbers])
        relit = self._relit(images, numbers, None, on_step)
        if show is not None:
            show(functools.partial(self._preview, numbers[-1], relit[-1]))
        drawn = to_uint8(relit.permute(0, 2, 3, 1).numpy())
        lights = []
        for number, picture, moment in zip(numbers, drawn, self.clip.seconds(numbers), strict=True):
            frame = self.clip.small[number]
            try:
                found = register(picture, [frame], 0)
            except InputError:
                raise InputError(
                    f"{self.clip.job.model} drew another scene for the keyframe at {moment:.2f} s: "
                    "take another seed, or words that name the light alone"
                ) from None
            laid, covered = found.warp(picture, frame.shape[0], frame.shape[1])
            planes = reference_light(frame, laid, covered).planes
            lights.append(resized(planes[None], light_size(*frame.shape[:2]))[0])
        return {"light": torch.stack(lights).numpy()}

    def light_of(self, number: int, load: Load) -> GainGlow:
        """The light of a keyframe, by its number among the small frames."""
        place = self.numbers.index(number)
        chunk = next(chunk for chunk in self.chunks if chunk.first <= place < chunk.last)
        stored = load(chunk.name)["light"][place - chunk.first]
        return GainGlow.from_planes(torch.from_numpy(stored))

    def _weights(self, region: Region, numbers: Sequence[int]) -> Tensor:
        """How far each pixel of keyframes is lit, (keyframes, 1, h, w), as they are shown."""
        weights = region.weights(numbers, functools.lru_cache(maxsize=4)(self.clip.work.load))
        return resized_weights(weights, (self.framing.height, self.framing.width))

    def _behind(self, numbers: Sequence[int]) -> Tensor | None:
        """The new background of keyframes, (keyframes, 3, h, w) in [-1, 1], for a model that is
        shown one."""
        backdrop = None if self.region is None else self.region.backdrop
        if backdrop is None or self.model.load_backdrop is None:
            return None
        survey = self.clip.survey
        frames = backdrop.at(survey.times, [survey.seen[number] for number in numbers])
        padded = self.framing.pad(np.stack([self.framing.scale(frame) for frame in frames]))
        return torch.from_numpy(padded).permute(0, 3, 1, 2).float() / 127.5 - 1

    def _relit(
        self,
        images: np.ndarray,
        numbers: Sequence[int],
        weights: Tensor | None,
        on_step: Callable[[], None] | None,
    ) -> Tensor:
        """(keyframes, 3, h, w) in [0, 1]."""
        clip, job, model = self.clip, self.job, self.model
        padded = torch.from_numpy(self.framing.pad(images)).permute(0, 3, 1, 2).float() / 255
        pixels = 2 * delit(padded, job.delight) - 1
        behind = self._behind(numbers)
        session = model.of_keyframes(job.gamma, backdrop=behind is not None).prepare(
            understood(job.prompt, model.entry).text,
            size=(pixels.shape[-2], pixels.shape[-1]),
            light=self.light if self._plain else AtFull(self.light),
            seconds=clip.seconds(numbers),
            steps=job.relight_steps,
            mask=None if weights is None else self.framing.filled(weights),
            background=behind,
        )
        noise = torch.Generator("cpu").manual_seed(job.seed)
        told = (lambda *_: on_step()) if on_step else None
        relit = session(pixels, noise=noise, on_step=told)
        return (self.framing.cut(relit).cpu().float() / 2 + 0.5).clamp(0, 1)

    def _left_to_the_lamp(
        self, light: GainGlow, source: Tensor, numbers: Sequence[int]
    ) -> GainGlow:
        """The model's light without what the lamp's place and colour give: see `form.py`."""
        moments = self.clip.seconds(numbers)
        shares = [1 - colour_share(self.light.tint(seconds)) for seconds in moments]
        if isinstance(self.light, NoLight):
            return light
        if min(shares) < 1:
            light = paled(light, source, torch.tensor(shares).view(-1, 1, 1, 1))
        return levelled(light, source) if self.placed else light

    @functools.cached_property
    def placed(self) -> bool:
        """Whether the light has places, not a side alone."""
        every = self.clip.seconds(range(len(self.clip.survey.seen)))
        return has_place(self.light, every)

    @property
    def light_moves(self) -> bool:
        """Whether the light is another one at another time."""
        return self.light.moving

    def strength_at(self, seconds: float) -> float:
        """How strong the light is at a time; a model is shown one from a side at full strength."""
        return 1.0 if self._plain else strength(self.light, seconds)

    @property
    def _plain(self) -> bool:
        """Whether the model is shown the light's strength: the light has a place, or is none."""
        return self.placed or isinstance(self.light, NoLight)

    def _neutral(self, numbers: Sequence[int]) -> bool:
        """Whether neither prompt nor lamp names a colour to a small model, which draws some."""
        entry = self.model.entry
        if entry.vocabulary is None or not understood(self.clip.job.prompt, entry).neutral:
            return False
        tints = [self.light.tint(seconds) for seconds in self.clip.seconds(numbers)]
        return min(min(tint) for tint in tints) > WHITE_LAMP

    @functools.cached_property
    def keeps_colours(self) -> float:
        """How far what the light darkens keeps its chroma, under a small model's light."""
        return VIVID if self.model.entry.vocabulary is not None else 0.0

    @functools.cached_property
    def named(self) -> tuple[tuple[float, float, float], ...]:
        """Colours of the lamps that the prompt names, of a small model; none, one or two."""
        if self.model.entry.vocabulary is None:
            return ()
        colours = understood(self.clip.job.prompt, self.model.entry).colours
        return tuple(LAMPS[name] for name in colours) if len(colours) <= 2 else ()

    @functools.cached_property
    def coloured(self) -> bool:
        """Whether the light is a lamp's of a colour: pale where it is not all the light."""
        return not self._neutral(self.numbers)

    @property
    def all_around(self) -> bool:
        """Whether coloured lamps stand on both sides."""
        return len(self.named) == 2

    def _lamps(self, numbers: Sequence[int], size: Sequence[int]) -> Tensor | None:
        """The colour that the prompt names for a small model, which draws it unevenly and mixes up
        the sides of two: the first is on the light's side. None without a name, or a clear side
        for two."""
        if not self.named:
            return None
        near, far = self.named[0], self.named[-1]
        maps = []
        for seconds in self.clip.seconds(numbers):
            direction, clear = direction_at(self.light, (size[0], size[1]), seconds)
            if near != far and clear < SIDED:
                return None
            maps.append(two_lamps(near, far, nearness(direction, size[0], size[1])))
        return torch.cat(maps)

    def _preview(self, number: int, relit: Tensor) -> np.ndarray:
        index = self.clip.survey.seen[number]
        source = Source(self.clip.job.input, self.clip.survey.times, self.clip.job.reading)
        frame = to_uint8(next(source.open(index, index + 1)).image)
        return glimpse(frame, self.framing.scale(frame), relit, True)
