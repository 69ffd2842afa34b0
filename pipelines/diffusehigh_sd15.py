"""DiffuseHigh on Stable Diffusion 1.5 (arXiv:2406.18459, arXiv:2112.10752)."""

from __future__ import annotations

from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionPipeline

from relight.pipelines.diffuse_high import DiffuseHigh


class DiffuseHighSD15Pipeline(DiffuseHigh, StableDiffusionImg2ImgPipeline):
    """`StableDiffusionImg2ImgPipeline` that generates or upscales in guided stages.

    Components, loading, saving, LoRA, IP-Adapter, offloading and callbacks are those of the stock
    class.
    """

    text_to_image = StableDiffusionPipeline
