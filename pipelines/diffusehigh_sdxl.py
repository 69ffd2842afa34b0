"""DiffuseHigh on Stable Diffusion XL (arXiv:2406.18459, arXiv:2307.01952)."""

from __future__ import annotations

from typing import Any

from diffusers import (
    EulerDiscreteScheduler,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLPipeline,
)
from torch import Tensor
from transformers import CLIPTextModelWithProjection, CLIPTokenizer

from relight.diffusion.parts import SDXL_PARTS, Parts, stable_diffusion
from relight.pipelines.backbone import Backbone, unet_native
from relight.pipelines.diffuse_high import DiffuseHigh
from relight.types import Size


class DiffuseHighSDXLPipeline(DiffuseHigh, StableDiffusionXLImg2ImgPipeline):
    """`StableDiffusionXLImg2ImgPipeline` that generates or upscales in guided stages.

    Components, loading, saving, LoRA, IP-Adapter, offloading and callbacks are those of the stock
    class. SDXL's size conditioning stays at the base size in every stage, as published: the model
    draws its detail as for a picture it knows.
    """

    text_to_image = StableDiffusionXLPipeline

    def stage_inputs(self, guide: Tensor) -> dict[str, Any]:
        base = self.base_size(Size(*guide.shape[-2:]))
        return {"original_size": base, "target_size": base}


def _load(parts: Parts) -> DiffuseHighSDXLPipeline:
    common = stable_diffusion(parts)
    second = parts.weights(CLIPTextModelWithProjection, "text_encoder_2")
    wanted = common["unet"].config.cross_attention_dim - common["text_encoder"].config.hidden_size
    given = second.config.hidden_size
    parts.must_match("unet", wanted, "text_encoder_2", given, "more numbers a token")
    return DiffuseHighSDXLPipeline(
        **common,
        scheduler=parts.plain(EulerDiscreteScheduler, "scheduler"),
        text_encoder_2=second,
        tokenizer_2=parts.plain(CLIPTokenizer, "tokenizer_2"),
    )


BACKBONE = Backbone(
    name="sdxl",
    pipeline=DiffuseHighSDXLPipeline,
    parts=SDXL_PARTS,
    fits=lambda folder: (folder / "text_encoder_2").is_dir(),
    native=unet_native,
    load=_load,
)
