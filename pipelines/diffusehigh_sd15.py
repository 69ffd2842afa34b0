"""DiffuseHigh on Stable Diffusion 1.5 (arXiv:2406.18459, arXiv:2112.10752)."""

from __future__ import annotations

from typing import cast

from diffusers import (
    EulerDiscreteScheduler,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionPipeline,
)

from relight.diffusion.parts import SD15_PARTS, Parts, stable_diffusion
from relight.diffusion.typed import Call
from relight.pipelines.backbone import Backbone, unet_native
from relight.pipelines.diffuse_high import DiffuseHigh


class DiffuseHighSD15Pipeline(DiffuseHigh, StableDiffusionImg2ImgPipeline):
    """`StableDiffusionImg2ImgPipeline` that generates or upscales in guided stages.

    Components, loading, saving, LoRA, IP-Adapter, offloading and callbacks are those of the stock
    class.
    """

    text_to_image = StableDiffusionPipeline


def _load(parts: Parts) -> DiffuseHighSD15Pipeline:
    stock = cast(Call, DiffuseHighSD15Pipeline)  # whose types want a checker
    return stock(
        **stable_diffusion(parts),
        scheduler=parts.plain(EulerDiscreteScheduler, "scheduler"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


BACKBONE = Backbone(
    name="sd15",
    pipeline=DiffuseHighSD15Pipeline,
    parts=SD15_PARTS,
    fits=lambda folder: not (folder / "text_encoder_2").is_dir(),
    native=unet_native,
    load=_load,
)
