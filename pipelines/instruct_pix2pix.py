"""InstructPix2Pix (arXiv:2211.09800): a Stable Diffusion 1.5 that follows an instruction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from diffusers import EulerAncestralDiscreteScheduler, StableDiffusionInstructPix2PixPipeline
from torch import Tensor

from relight.diffusion.parts import SD15_PARTS, Parts, stable_diffusion
from relight.diffusion.typed import Call
from relight.pipelines.backbone import Backbone, is_pipeline, unet_native
from relight.relighters.image_edit import Given


@dataclass(frozen=True)
class InstructPix2PixEditor:
    """See `relight.relighters.image_edit.Editor`.

    Attributes:
        guidance_scale: how closely the instruction is followed.
        image_guidance_scale: how closely the frame is kept.
    """

    pipe: StableDiffusionInstructPix2PixPipeline
    guidance_scale: float = 7.5
    image_guidance_scale: float = 1.5
    takes_map: bool = False

    @property
    def multiple(self) -> int:
        """The VAE's factor times the UNet's depth, in pixels."""
        levels = len(self.pipe.unet.config.block_out_channels)
        return self.pipe.vae_scale_factor * 2 ** (levels - 1)

    def instruction(self, light: str, has_map: bool) -> str:
        """In the few words it was trained on."""
        return f"change the lighting to {light}"

    def edit(self, frame: Tensor, instruction: str, given: Given) -> Tensor:
        """(3, h, w) in [0, 1] -> the same, edited; its size is the frame's."""
        stock = cast(Call, self.pipe)
        return stock(
            instruction,
            image=frame[None],
            negative_prompt=given.negative,
            num_inference_steps=given.steps,
            guidance_scale=self.guidance_scale,
            image_guidance_scale=self.image_guidance_scale,
            generator=given.generator,
            output_type="pt",
            callback_on_step_end=given.callback,
        ).images[0]


def _load(parts: Parts) -> StableDiffusionInstructPix2PixPipeline:
    stock = cast(Call, StableDiffusionInstructPix2PixPipeline)  # whose types want a checker
    return stock(
        **stable_diffusion(parts, pictures=2),
        scheduler=parts.plain(EulerAncestralDiscreteScheduler, "scheduler"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


BACKBONE = Backbone(
    name="instruct-pix2pix",
    pipeline=StableDiffusionInstructPix2PixPipeline,
    parts=SD15_PARTS,
    fits=lambda folder: is_pipeline(folder, "StableDiffusionInstructPix2PixPipeline"),
    native=unet_native,
    load=_load,
    editor=InstructPix2PixEditor,
)
