"""An upscaling job as chunks: overlapping windows of a clip, or a few pictures at a time.

A frame's noise depends on its index in the clip alone, so windows agree where they overlap, and
chunks can be computed in any order.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import Tensor

from relight.diffusion.finite import refuse_black
from relight.diffusion.pictures import as_pixels
from relight.engine.chunks import Chunk, joined
from relight.engine.frames import Buffered, FrameSource
from relight.engine.stored import pack, pack_still, still, unpack
from relight.errors import NotFinite
from relight.jobs import ResolvedUpscaleJob
from relight.media import Frame, to_uint8
from relight.methods.back_projection import larger
from relight.methods.detail_agreement import REACH, agreed
from relight.methods.detail_agreement import ROUNDS as AGREED_ROUNDS
from relight.methods.diffuse_high import PAPER, RECIPES, UpscaleRecipe
from relight.methods.network_enlargement import PROJECTED, ROUNDS, NetworkEnlargement
from relight.models.entries import UpscaleEntry
from relight.models.guides import restores
from relight.models.loader import Upscaler
from relight.types import Band, Enlarge, Size, bands, whole_times


@dataclass(frozen=True, kw_only=True)
class Upscaling:
    """The work of an upscaling job.

    Attributes:
        job: with every setting decided. recipe: its recipe. sizes: of each stage.
        chunks: of frames. times: of the frames. opened: opens the frames to upscale at an index.
        originals: likewise, of the job's own input. mend: makes an enlarged frame, float32 in
            [0, 1], true to its source and of its type. deep: more than 8 bits are wanted.
        guide: makes the large picture that a stage starts from.
        upscaler: None where nothing is denoised: the result is the guide.
        shared: what the guide made of the last frames of a chunk, by their index: the next chunk
            wants them too, as neighbours and as its first.
    """

    job: ResolvedUpscaleJob
    recipe: UpscaleRecipe
    sizes: tuple[Size, ...]
    chunks: tuple[Chunk, ...]
    times: tuple[Fraction, ...]
    opened: Callable[[int], Iterator[Frame]]
    originals: Callable[[int], Iterator[Frame]]
    mend: Callable[[np.ndarray, np.ndarray], np.ndarray]
    deep: bool
    guide: Enlarge
    upscaler: Upscaler | None
    shared: dict[int, Tensor] = field(default_factory=dict, repr=False)

    @functools.cached_property
    def source(self) -> FrameSource:
        """The frames to upscale, by index."""
        return Buffered(self.opened)

    def compute(
        self,
        chunk: Chunk,
        on_step: Callable[[], None] | None = None,
        show: Callable[[Callable[[], np.ndarray]], None] | None = None,
    ) -> dict[str, np.ndarray]:
        """What is stored of a chunk: its frames, enlarged.

        Args:
            on_step: called after each denoising step; may raise to stop. show: not used.
        """
        step = on_step or (lambda: None)
        if self.upscaler is None and len(self.times) == 1:
            return pack_still(self._still(step))
        if self.upscaler is None:
            return pack(self._guided(chunk, step), chunk, self.deep)
        frames = self.source.read(chunk.first, chunk.last)
        images = np.stack([to_uint8(frame.image) for frame in frames])
        if self.upscaler.window is not None:
            return pack(self._enlarge(images, chunk.first, step), chunk, self.deep)
        each = [self._enlarge(images[i : i + 1], chunk.first + i, step) for i in range(len(images))]
        return pack(torch.cat(each), chunk, self.deep)

    def frames(
        self, load: Callable[[str], dict[str, np.ndarray]], first: int = 0
    ) -> Iterator[Frame]:
        """Frames from index `first` on, enlarged; `load` gives what was stored of a chunk."""
        alone = self.upscaler is None and len(self.times) == 1
        value = still if alone else unpack
        frames = joined(self.chunks, lambda chunk: load(chunk.name), value, first)
        for original, values in zip(self.originals(first), frames, strict=False):
            yield original.with_image(self.mend(values, original.image))

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the result."""
        height, width = self.sizes[-1]
        return width, height

    def _still(self, on_step: Callable[[], None]) -> np.ndarray:
        """The one picture of the job enlarged by the guide alone, in bands: (height, width, 3)."""
        (frame,) = self.opened(0)  # `source` would hold it
        image, size = to_uint8(frame.image), Size(*self.sizes[-1])
        del frame
        times = whole_times(image.shape, size)
        reach = None if times is None else reach_of(self.guide, times)
        kind = np.uint16 if self.deep else np.uint8
        made = np.empty((*size, 3), kind)
        height, width = image.shape[:2]
        whole = Band(*(slice(None) for _ in Band._fields))
        for band in [whole] if reach is None else bands(height, width, times or 1, reach):
            near = as_pixels(image[band.near][None])
            part = Size(*size) if reach is None else Size(near.shape[-2] * (times or 1), size.width)
            large = self.recipe.finish(self.recipe.guide(near, part, self.guide), near)[0]
            _check(large)
            values = large[:, band.made].cpu().float().mul_(np.iinfo(kind).max).round_()
            made[band.rows] = values.permute(1, 2, 0).numpy()
        on_step()
        return made

    def _guided(self, chunk: Chunk, on_step: Callable[[], None]) -> Iterator[Tensor]:
        """The chunk's frames enlarged by the guide alone, one by one: (3, height, width).

        The frames of a clip share what they show with neighbours, which may be of other chunks.
        """
        first = max(chunk.first - REACH, 0)
        last = min(chunk.last + REACH, len(self.times))
        frames = [to_uint8(frame.image)[None] for frame in self.source.read(first, last)]
        made = dict(self.shared)  # by the chunk before
        self.shared.clear()

        def pairs() -> Iterator[tuple[Tensor, Tensor]]:
            for index, frame in enumerate(frames, first):
                small = as_pixels(frame)
                large = made.pop(index, None)
                if large is None:
                    large = self.guide(small, self.sizes[-1])[0]
                if chunk.last - REACH <= index and chunk.last < len(self.times):
                    self.shared[index] = large
                yield small[0], large

        inner = agreed(pairs(), chunk.first - first, chunk.last - first)
        for image, frame in zip(inner, frames[chunk.first - first :], strict=False):
            result = self.recipe.finish(image[None], as_pixels(frame), AGREED_ROUNDS)[0]
            _check(result)
            on_step()
            yield result

    def _enlarge(self, images: np.ndarray, start: int, on_step: Callable[[], None]) -> Tensor:
        """(frames, h, w, 3) uint8 -> (frames, 3, height, width) in [0, 1].

        Args:
            start: index of the first frame in its clip: a frame's noise depends on it alone.
        """

        def step(pipe: Any, index: int, timestep: Tensor, tensors: dict[str, Any]) -> dict:
            on_step()
            return tensors

        job, upscaler = self.job, self.upscaler
        assert upscaler is not None, "something is denoised"
        pipe: Any = upscaler.pipe  # of pictures, or of clips
        common = {
            "prompt": job.prompt,
            "negative_prompt": job.negative_prompt,
            "sizes": self.sizes,
            "recipe": self.recipe,
            "enlarge": self.guide,
            "tile": job.tile or None,
            "pad": True,
            "output_type": "pt",
            "callback_on_step_end": step,
            "generator": torch.Generator("cpu").manual_seed(job.seed),
        }
        if upscaler.window is None:
            made = pipe(image=images, **common).images
        else:
            if job.recipe != "paper":
                common["enlarge"] = self._together
            noise = pipe.frame_noise(self.sizes, len(images), start, job.seed)
            made = pipe(images, stage_noise=noise, **common).frames[0]
        refuse_black(made, torch.from_numpy(images).permute(0, 3, 1, 2) / 255)
        return made

    def _together(self, images: Tensor, size: Size) -> Tensor:
        """The guide of a clip's window (frames, 3, h, w), its detail shared between frames."""
        large = self.guide(images, size)
        return torch.stack(list(agreed(zip(images, large, strict=True))))


def _check(image: Tensor) -> None:
    if not bool(torch.isfinite(image).all()):
        raise NotFinite("the guide gave values that are not numbers")


def reach_of(guide: Enlarge, times: int) -> int | None:
    """Rows of a small picture around one that decide its rows in the result; None: all may."""
    projected = 2 * ROUNDS * PROJECTED  # of the guide, and of the result
    if isinstance(guide, NetworkEnlargement):
        reach = guide.reach(times)
        return None if reach is None else reach + projected
    return PROJECTED + projected if guide is larger else None


def recipe_of(job: ResolvedUpscaleJob, entry: UpscaleEntry) -> UpscaleRecipe:
    """The recipe with the settings of a job that leaves nothing open.

    Args:
        entry: of the job's model.
    """
    recipe = RECIPES[job.recipe]
    if job.recipe == "paper":
        return recipe.with_(noising_steps=job.steps, upscale_guidance_scale=job.guidance)
    recipe = recipe.with_identity(job.identity, entry.reach)
    if restores(job.guide):
        recipe = replace(recipe, back_projection=0.0)
    if not recipe.noising_steps or job.steps is None:
        return recipe
    return recipe.with_(
        # The default recipe's schedule is as long as its steps ask for.
        num_inference_steps=max(job.steps, PAPER.num_inference_steps),
        noising_steps=job.steps,
        dwt_steps=job.steps,
        upscale_guidance_scale=job.guidance,
    )
