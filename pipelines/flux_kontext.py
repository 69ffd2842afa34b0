"""FLUX.1 Kontext (arXiv:2506.15742): a flow-matching transformer that edits in context."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from diffusers import (
    AutoencoderKL,
    FlowMatchEulerDiscreteScheduler,
    FluxKontextPipeline,
    FluxTransformer2DModel,
)
from torch import Tensor
from transformers import AutoTokenizer, CLIPTextModel, T5EncoderModel

from relight.diffusion.parts import Parts
from relight.diffusion.typed import Call
from relight.pipelines.backbone import Backbone, Native, halvings, is_pipeline
from relight.relighters.image_edit import Given

SIDE = 1024.0
"""Side of the square whose area it was trained at; its configurations do not say."""


@dataclass(frozen=True)
class KontextEditor:
    """See `relight.relighters.image_edit.Editor`.

    The stock pipeline brings any size to an area of one megapixel and the frame to one of its
    trained shapes, which moves every pixel. It is asked for the frame's own size instead.

    Attributes:
        guidance_scale: of its distilled guidance; 2.5 is what its authors advise for edits.
    """

    pipe: FluxKontextPipeline
    guidance_scale: float = 2.5
    takes_map: bool = False  # a second picture would only be pasted beside the first

    @property
    def multiple(self) -> int:
        """Latents are packed two by two."""
        return 2 * self.pipe.vae_scale_factor

    def instruction(self, light: str, has_map: bool) -> str:
        """In a sentence, with what has to stay."""
        return (
            f"Relight the picture: {light}. Keep the subject, its pose, the camera, the framing "
            "and the background exactly as they are."
        )

    def edit(self, frame: Tensor, instruction: str, given: Given) -> Tensor:
        """(3, h, w) in [0, 1] -> the same, edited."""
        height, width = frame.shape[-2:]
        stock = cast(Call, self.pipe)
        return stock(
            image=frame[None],
            prompt=instruction,
            negative_prompt=given.negative,
            height=height,
            width=width,
            max_area=height * width,
            _auto_resize=False,
            num_inference_steps=given.steps,
            guidance_scale=self.guidance_scale,
            generator=given.generator,
            output_type="pt",
            callback_on_step_end=given.callback,
        ).images[0]


def _native(parts: Parts) -> Native:
    return Native(side=SIDE, multiple=2 * halvings(parts, "vae"))


def _load(parts: Parts) -> FluxKontextPipeline:
    return FluxKontextPipeline(
        scheduler=parts.plain(FlowMatchEulerDiscreteScheduler, "scheduler"),
        vae=parts.weights(AutoencoderKL, "vae"),
        text_encoder=parts.weights(CLIPTextModel, "text_encoder"),
        tokenizer=parts.plain(AutoTokenizer, "tokenizer"),
        text_encoder_2=parts.weights(T5EncoderModel, "text_encoder_2"),
        tokenizer_2=parts.plain(AutoTokenizer, "tokenizer_2"),
        transformer=parts.weights(FluxTransformer2DModel, "transformer"),
    )


BACKBONE = Backbone(
    name="flux-kontext",
    pipeline=FluxKontextPipeline,
    parts=(
        "vae",
        "text_encoder",
        "tokenizer",
        "text_encoder_2",
        "tokenizer_2",
        "transformer",
        "scheduler",
    ),
    fits=lambda folder: is_pipeline(folder, "FluxKontextPipeline"),
    native=_native,
    load=_load,
    editor=KontextEditor,
)
