"""A relighting job as chunks: windows of small frames -> their light -> every source frame.

Light changes slowly, so the model sees few frames, small. What it makes of them is turned into
light (`relight.methods.light_transfer`) which is carried to every frame of the source along the
source's own motion. A chunk is one window of the model; it depends on the stored small frames
alone, so chunks can be computed in any order.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
import torch
from torch import Tensor

from relight.diffusion.finite import refuse_black
from relight.diffusion.framing import Framing
from relight.engine.chunks import Chunk, joined
from relight.engine.frames import Source
from relight.engine.full_size import DRAWN, Lit, glimpse, transferred
from relight.engine.lighting import Lighting
from relight.engine.lit_clip import Load, remembering
from relight.engine.prompts import understood
from relight.engine.region import Region
from relight.engine.stored import pack, unpack
from relight.engine.survey import SmallFrames, Survey
from relight.engine.work import Work
from relight.jobs import ModelRelightJob
from relight.lights import Light
from relight.media import Frame, to_uint8
from relight.media.depth import like
from relight.media.source_invariants import FRINGE, keep_bars
from relight.methods.anchored_window import anchored
from relight.methods.delight import delit
from relight.methods.full_size_light import apply_light
from relight.methods.gain_and_glow import GainGlow, resized_weights, scaled_light
from relight.methods.light_transfer import fit_light, smooth_light
from relight.methods.light_within import light_within
from relight.methods.spread import one_thread
from relight.models.loader import Model
from relight.relighters.steps import schedule_steps

SHARED_TOO = 0.1
"""Radius of the window, of the shorter side, for a light that stands over the clip's own: what is
finer in it a small model has drawn. At .06 (`DRAWN`) `best` keeps less of a clip's structure than
`paper`, at .2 it loses a tenth of a stop of the lean."""


@dataclass(kw_only=True)
class Relighting:
    """The work of a relighting job.

    Attributes:
        job: with every setting decided. light: its light, read. chunks: windows of seen frames.
        size: (width, height) of the source.
        region: what is lit; None: everything.
        shared: the light of the whole clip; None: every window has a light of its own.
        planar: frames may be lit as they are stored: nobody asks for their RGB.
    """

    job: ModelRelightJob
    light: Light
    framing: Framing
    size: tuple[int, int]
    survey: Survey
    work: Work
    chunks: tuple[Chunk, ...]
    model: Model
    region: Region | None = None
    shared: Lighting | None = None
    planar: bool = False

    def __post_init__(self) -> None:
        self.small = SmallFrames(self.work)
        self.source = Source(self.job.input, self.survey.times, self.job.reading)

    def compute(
        self,
        chunk: Chunk,
        on_step: Callable[[], None] | None = None,
        show: Callable[[Callable[[], np.ndarray]], None] | None = None,
    ) -> dict[str, np.ndarray]:
        """What is stored of a window: its gain and glow, or the model's own frames.

        Args:
            on_step: called after each pass of the relighter and each step of the video model; may
                raise to stop.
            show: given, after each relight, a function that makes a picture of it.
        """
        images = self.small.stack(chunk.first, chunk.last)
        on_fused = None if show is None else functools.partial(self._show, show, self._peek(chunk))
        padded = self._shown(images)
        seen = self.survey.seen[chunk.first : chunk.last]
        seconds = [float(self.survey.times[i] - self.survey.times[0]) for i in seen]
        weights = None if self.region is None else self._weights(self.region, chunk)
        relit = run_window(
            padded,
            self.model,
            self.job,
            self.light,
            seconds,
            mask=None if weights is None else self.framing.filled(weights),
            on_step=on_step,
            on_fused=on_fused,
        )
        relit = self.framing.cut(relit).cpu().float()
        source = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
        refuse_black(relit, source)
        if self.shared is not None and not self.job.drawn_background:
            with one_thread():
                shared = self._under_shared(self.shared, chunk)
            relit = anchored(relit, shared).clamp(0, 1)
        if self.job.transfer == "off":
            return pack(relit, chunk)
        with one_thread():
            made = {"light": self._light_of(chunk, source, relit, weights).numpy()}
        return made | pack(relit, chunk) if self.job.drawn_background else made

    def _light_of(
        self, chunk: Chunk, source: Tensor, relit: Tensor, weights: Tensor | None
    ) -> Tensor:
        """Of a window's frames, (frames, 3, h, w) in [0, 1], the light: (frames, 6, h, w)."""
        if self.shared is not None and self.job.drawn_background:
            # What is drawn is the background; its subject was drawn along, and is the worse for it.
            lights = self.shared.lights(self.work.load, chunk.first, chunk.last)
            return torch.stack([light.planes for _, light in lights])
        light = fit_light(source, relit, radius=DRAWN if self.shared is None else SHARED_TOO)
        if weights is not None:
            light = light_within(light, source, weights)
        if not self.light.moving:  # else it would be where the lamp was, and will be
            light = smooth_light(light, source)
        return light.planes

    def _under_shared(self, lighting: Lighting, chunk: Chunk) -> Tensor:
        """A window's small frames, (frames, 3, h, w) in [0, 1], under the clip's light.

        A light that does not move is averaged over the whole window along the motion: what the
        form's chunks do not agree on would be a step within it.
        """
        lights = lighting.lights(self.work.load, chunk.first, chunk.last)
        smalls, shared = zip(*lights, strict=True)
        small = torch.stack(smalls)
        light = GainGlow.from_planes(torch.stack([one.planes for one in shared]))
        if not self.light.moving:
            light = smooth_light(light, small, sigma=float(len(chunk)))
        return apply_light(small, light)

    def _shown(self, images: np.ndarray) -> np.ndarray:
        """Frames as the model sees them: of its size, their own shading weakened."""
        padded = self.framing.pad(images)
        if not self.job.delight:
            return padded
        frames = torch.from_numpy(padded).permute(0, 3, 1, 2).float() / 255
        return to_uint8(delit(frames, self.job.delight).permute(0, 2, 3, 1).numpy())

    def _weights(self, region: Region, chunk: Chunk) -> Tensor:
        """How far each pixel is lit, (frames, 1, h, w), at the size frames are scaled to."""
        numbers = range(chunk.first, chunk.last)
        weights = region.weights(numbers, functools.lru_cache(maxsize=4)(self.work.load))
        return resized_weights(weights, (self.framing.height, self.framing.width))

    def frames(
        self, load: Callable[[str], dict[str, np.ndarray]], first: int = 0
    ) -> Iterator[Frame]:
        """Frames from index `first` on, relit; `load` gives what was stored of a chunk."""
        if self.job.transfer == "off":
            return self._generated(load, first)
        number = max(np.searchsorted(self.survey.seen, first, "right") - 1, 0)
        return transferred(
            self.source.open(first, planar=self.planar),
            self._lit(load, int(number)),
            self.framing.scale,
        )

    def _lit(self, load: Callable[[str], dict[str, np.ndarray]], begin: int) -> Iterator[Lit]:
        load = remembering(load)
        lights = joined(
            self.chunks, lambda chunk: load(chunk.name), lambda x, i: x["light"][i], begin
        )
        for number, light in enumerate(lights, begin):
            small = torch.from_numpy(self.small[number]).permute(2, 0, 1).float() / 255
            time = self.survey.times[self.survey.seen[number]]
            found = GainGlow.from_planes(torch.from_numpy(light))
            own = scaled_light(found, small, self.job.intensity)
            yield Lit(time, small, own.planes, self._moved(number, own, load))

    def _moved(self, number: int, own: GainGlow, load: Load) -> Callable[[Fraction], Tensor] | None:
        """A small frame's light at another time: as the shared one changes, on a log scale."""
        shared = self.shared
        if shared is None or not shared.light_moves:
            return None
        here = self.survey.times[self.survey.seen[number]]

        @functools.cache
        def before() -> Tensor:
            return shared.light_at(number, here, load).log_gain

        def moved(time: Fraction) -> Tensor:
            change = shared.light_at(number, time, load).log_gain - before()
            change = change * self.job.intensity
            return GainGlow(own.log_gain + change, own.glow * change.exp()).planes

        return moved

    def _generated(
        self, load: Callable[[str], dict[str, np.ndarray]], first: int
    ) -> Iterator[Frame]:
        """The model's own frames, at the source's size."""
        for source, values in zip(self.source.open(first), self.drawn(load, first), strict=False):
            image = like(values, source.image)
            yield source.with_image(keep_bars(image, source.image, FRINGE))

    def drawn(
        self, load: Callable[[str], dict[str, np.ndarray]], first: int = 0
    ) -> Iterator[np.ndarray]:
        """The model's own frames, (h, w, 3) float32 in [0, 1] of the source's size."""
        for values in joined(self.chunks, lambda chunk: load(chunk.name), unpack, first):
            yield cv2.resize(values, self.size, interpolation=cv2.INTER_CUBIC)

    def _peek(self, chunk: Chunk) -> Callable[[], np.ndarray]:
        """Reads the source frame of a window's last one, once it is asked for."""
        index = self.survey.seen[chunk.last - 1]
        return functools.cache(lambda: to_uint8(next(self.source.open(index, index + 1)).flat()))

    def _show(
        self,
        show: Callable[[Callable[[], np.ndarray]], None],
        frame: Callable[[], np.ndarray],
        drawn: Tensor,
    ) -> None:
        relit = self.framing.cut(drawn[-1]).cpu().float().clamp(-1, 1) / 2 + 0.5
        transfer = self.job.transfer == "on"

        def preview() -> np.ndarray:
            image = frame()
            return glimpse(image, self.framing.scale(image), relit, transfer)

        show(preview)


def run_window(
    images: np.ndarray,
    model: Model,
    job: ModelRelightJob,
    light: Light,
    seconds: Sequence[float],
    *,
    mask: Tensor | None = None,
    on_step: Callable[[], None] | None = None,
    on_fused: Callable[[Tensor], None] | None = None,
) -> Tensor:
    """(frames, h, w, 3) uint8 of a size the model takes -> relit (frames, 3, h, w) in [0, 1].

    Every window starts from the same seed: the same noise lets it find the same light.

    Args:
        job: with every setting decided. light: its light.
        seconds: when each frame is shown, counted from the first that is lit.
        mask: what is lit, (frames, 1, h, w) in [0, 1]; None: everything.
        on_step: see `Relighting.compute`.
    """
    assert model.pipe is not None, "an editor relights keyframes alone"

    def step_end(_pipe: object, _step: int, _time: object, given: dict) -> dict:
        if on_step:
            on_step()
        return given

    relit: Tensor
    (relit,) = model.pipe(
        images,
        prompt=understood(job.scene, model.entry).text,
        negative_prompt=job.negative_prompt,
        relighter=model.relighter,
        relight_prompt=understood(job.prompt, model.entry).text,
        light=light,
        seconds=seconds,
        mask=mask,
        draw_background=job.drawn_background,
        gamma=job.gamma,
        relight_steps=job.relight_steps,
        strength=job.strength,
        num_inference_steps=schedule_steps(job.steps, job.strength),
        guidance_scale=job.guidance,
        generator=torch.Generator("cpu").manual_seed(job.seed),
        recipe=job.recipe,
        output_type="pt",
        return_dict=False,
        relight_chunk_size=model.chunk,
        on_relight_step=(lambda *_: on_step()) if on_step else None,
        on_fused=on_fused,
        callback_on_step_end=step_end,
    )
    return relit[0]
