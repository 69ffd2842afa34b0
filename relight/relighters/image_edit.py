"""An image-editing model as a `Relighter`: each frame by itself, the light as an instruction.

`StableDiffusionInstructPix2PixPipeline` of diffusers (arXiv:2211.09800) is told to "change the
lighting to ..."; every frame starts from the same noise and is given the same noise on the way,
which is all that makes the frames agree. It knows no light map: a side becomes words.

    relighter = ImageEdit(StableDiffusionInstructPix2PixPipeline.from_pretrained(...))
    with light_fusion(pipe, relighter, video=frames, prompt="a red neon light", light="left"):
        pipe(...)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import StableDiffusionInstructPix2PixPipeline
from torch import Tensor

from relight.diffusion.light_maps import AnyLight
from relight.errors import InputError
from relight.lights import DirectionLight, Light, NoLight, parse_light
from relight.relighters.base import OnStep

INSTRUCTION = "change the lighting to {prompt}"


@dataclass(frozen=True)
class ImageEdit:
    """Relights with an image-editing pipeline.

    Attributes:
        pipe: is used as it is; its scheduler must not be the one of a pipeline it works inside of.
        guidance_scale: how closely the instruction is followed.
        image_guidance_scale: how closely the frame is kept.
    """

    pipe: StableDiffusionInstructPix2PixPipeline
    guidance_scale: float = 7.5
    image_guidance_scale: float = 1.5

    @property
    def multiple(self) -> int:
        """The VAE's factor times the UNet's depth, in pixels."""
        levels = len(self.pipe.unet.config.block_out_channels)
        return self.pipe.vae_scale_factor * 2 ** (levels - 1)

    def passes(self, steps: int) -> int:
        """One UNet pass a step, over all frames."""
        return steps

    def prepare(
        self,
        prompt: str,
        *,
        size: tuple[int, int],
        negative: str | None = None,
        light: AnyLight = "none",
        seconds: Sequence[float] | None = None,
        steps: int = 15,
        mask: Tensor | None = None,
        background: Tensor | None = None,
    ) -> ImageEditSession:
        """See `relight.relighters.base.Relighter`; `light` is a side or "none"."""
        if background is not None:
            raise InputError("an image-editing model is shown no background")
        if any(side % self.multiple for side in size):
            raise InputError(f"size {size} must be (height, width) in multiples of {self.multiple}")
        words = f"{prompt}{side_in_words(light)}"
        return ImageEditSession(self, INSTRUCTION.format(prompt=words), negative, steps, mask)


@dataclass(frozen=True)
class ImageEditSession:
    """What `ImageEdit.prepare` makes."""

    relighter: ImageEdit
    instruction: str
    negative: str | None
    steps: int
    mask: Tensor | None

    @torch.no_grad()
    def __call__(
        self,
        frames: Tensor,
        *,
        noise: torch.Generator | None = None,
        on_step: OnStep | None = None,
    ) -> Tensor:
        """See `relight.relighters.base.Session`; outside the mask the frames stay as they are."""
        # One number from the caller's generator seeds every frame alike.
        device = torch.device("cpu") if noise is None else noise.device
        seed = int(torch.randint(2**31, (1,), generator=noise, device=device))

        def step(pipe: Any, index: int, timestep: Tensor, tensors: dict[str, Any]) -> dict:
            if on_step is not None:
                on_step(index, self.steps)
            return tensors

        edited = self.relighter.pipe(
            [self.instruction] * len(frames),
            image=(frames / 2 + 0.5).clamp(0, 1),
            negative_prompt=None if self.negative is None else [self.negative] * len(frames),
            num_inference_steps=self.steps,
            guidance_scale=self.relighter.guidance_scale,
            image_guidance_scale=self.relighter.image_guidance_scale,
            generator=[torch.Generator().manual_seed(seed) for _ in frames],
            output_type="pt",
            callback_on_step_end=step,
        ).images
        relit = edited.to(frames) * 2 - 1
        return relit if self.mask is None else torch.lerp(frames, relit, self.mask.to(frames))


def side_in_words(light: AnyLight) -> str:
    """A light as the end of an instruction.

    Raises:
        InputError: it is neither a side nor "none".

    >>> side_in_words("left"), side_in_words("none")
    (', coming from the left', '')
    """
    kind = parse_light(light) if isinstance(light, str) else light
    if isinstance(kind, NoLight):
        return ""
    if isinstance(kind, DirectionLight) and str(kind) in ("left", "right", "top", "bottom"):
        return f", coming from the {kind}"
    given = repr(str(kind)) if isinstance(kind, Light) else f"a {type(light).__name__}"
    raise InputError(
        f"an image-editing model takes left, right, top, bottom or none as light, not {given}"
    )
