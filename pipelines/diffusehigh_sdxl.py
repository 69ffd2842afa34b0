"""DiffuseHigh on Stable Diffusion XL (arXiv:2406.18459, arXiv:2307.01952)."""

from __future__ import annotations

from typing import Any

from diffusers import StableDiffusionXLImg2ImgPipeline, StableDiffusionXLPipeline
from torch import Tensor

from relight.pipelines.diffuse_high import DiffuseHigh


class DiffuseHighSDXLPipeline(DiffuseHigh, StableDiffusionXLImg2ImgPipeline):
    """`StableDiffusionXLImg2ImgPipeline` that generates or upscales in guided stages.

    Components, loading, saving, LoRA, IP-Adapter, offloading and callbacks are those of the stock
    class. SDXL's size conditioning stays at the base size in every stage, as published: the model
    draws its detail as for a picture it knows.
    """

    text_to_image = StableDiffusionXLPipeline

    def stage_inputs(self, guide: Tensor) -> dict[str, Any]:
        base = self.base_size(guide.shape[-2:])
        return {"original_size": base, "target_size": base}
