"""An upscaling job as chunks: overlapping windows of a clip, or a few pictures at a time.

A frame's noise depends on its index in the clip alone, so windows agree where they overlap, and
chunks can be computed in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import Tensor

from relight.engine.chunks import Chunk, joined
from relight.engine.frames import FrameSource
from relight.engine.sizes import Size
from relight.engine.stored import pack, unpack
from relight.jobs import UpscaleJob
from relight.media import Frame, to_uint8
from relight.methods.diffuse_high import PAPER, RECIPES, UpscaleRecipe
from relight.models.loader import Upscaler


@dataclass(frozen=True, kw_only=True)
class Upscaling:
    """The work of an upscaling job.

    Attributes:
        job: with every setting decided. sizes: (height, width) of each stage.
        chunks: of frames. times: of the frames. source: the frames to upscale.
        originals: opens the job's own input at an index. mend: makes an enlarged frame, float32
            in [0, 1], true to its source and of its type. deep: more than 8 bits are wanted.
        upscaler: None where chunks are only read.
    """

    job: UpscaleJob
    sizes: tuple[Size, ...]
    chunks: tuple[Chunk, ...]
    times: tuple[Fraction, ...]
    source: FrameSource
    originals: Callable[[int], Iterator[Frame]]
    mend: Callable[[np.ndarray, np.ndarray], np.ndarray]
    deep: bool = False
    upscaler: Upscaler | None = None

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
        frames = self.source.read(chunk.first, chunk.last)
        images = np.stack([to_uint8(frame.image) for frame in frames])
        step = on_step or (lambda: None)
        if self.upscaler.window is not None:
            return pack(self._enlarge(images, chunk.first, step), chunk, self.deep)
        each = [self._enlarge(images[i : i + 1], chunk.first + i, step) for i in range(len(images))]
        return pack(torch.cat(each), chunk, self.deep)

    def frames(
        self, load: Callable[[str], dict[str, np.ndarray]], first: int = 0
    ) -> Iterator[Frame]:
        """Frames from index `first` on, enlarged; `load` gives what was stored of a chunk."""
        frames = joined(self.chunks, lambda chunk: load(chunk.name), unpack, first)
        for original, values in zip(self.originals(first), frames, strict=False):
            yield original.with_image(self.mend(values, original.image))

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the result."""
        height, width = self.sizes[-1]
        return width, height

    def _enlarge(self, images: np.ndarray, start: int, on_step: Callable[[], None]) -> Tensor:
        return enlarge(images, start, self.job, self.sizes, self.upscaler, on_step)


def enlarge(
    images: np.ndarray,
    start: int,
    job: UpscaleJob,
    sizes: tuple[Size, ...],
    upscaler: Upscaler,
    on_step: Callable[[], None] = lambda: None,
) -> Tensor:
    """(frames, h, w, 3) uint8 -> (frames, 3, height, width) in [0, 1], of the last of `sizes`.

    Args:
        start: index of the first frame in its clip: a frame's noise depends on it alone.
        job: with every setting decided.
    """

    def step(pipe: Any, index: int, timestep: Tensor, tensors: dict[str, Any]) -> dict[str, Any]:
        on_step()
        return tensors

    pipe = upscaler.pipe
    common = {
        "prompt": job.prompt,
        "negative_prompt": job.negative_prompt,
        "sizes": sizes,
        "recipe": recipe_of(job),
        "tile": job.tile or None,
        "pad": True,
        "output_type": "pt",
        "callback_on_step_end": step,
        "generator": torch.Generator("cpu").manual_seed(job.seed),
    }
    if upscaler.window is None:
        return pipe(image=images, **common).images
    noise = pipe.frame_noise(sizes, len(images), start, job.seed)
    return pipe(images, stage_noise=noise, **common).frames[0]


def recipe_of(job: UpscaleJob) -> UpscaleRecipe:
    """The recipe with the settings of a job that leaves nothing open."""
    recipe = RECIPES[job.recipe].with_(
        # The default recipe's schedule is as long as its steps ask for.
        num_inference_steps=max(job.steps, PAPER.num_inference_steps),
        noising_steps=job.steps,
        upscale_guidance_scale=job.guidance,
    )
    if job.recipe == "paper":
        return recipe
    return recipe.with_(dwt_steps=job.steps).with_identity(job.identity)
