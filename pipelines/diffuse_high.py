"""The call that the picture upscalers share: DiffuseHigh (arXiv:2406.18459) on a stock pipeline."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from diffusers import DiffusionPipeline
from diffusers.pipelines.pipeline_utils import ImagePipelineOutput
from torch import Tensor

from relight.diffusion.pictures import Pictures, as_pixels
from relight.errors import InputError
from relight.methods.back_projection import larger
from relight.methods.diffuse_high import UpscaleRecipe
from relight.pipelines.guided_stages import GuidedStages, chosen
from relight.types import Enlarge, Size


class DiffuseHigh(GuidedStages):
    """Put before a stock image-to-image pipeline, it generates or upscales in guided stages."""

    text_to_image: ClassVar[type[DiffusionPipeline]]

    @torch.no_grad()
    def __call__(
        self,
        prompt: str | list[str] | None = None,
        *,
        negative_prompt: str | list[str] | None = None,
        image: Pictures | None = None,
        sizes: Sequence[Size],
        num_inference_steps: int | None = None,
        noising_steps: int | None = None,
        dwt_steps: int | None = None,
        guidance_scale: float | None = None,
        upscale_guidance_scale: float | None = None,
        wavelet: str | None = None,
        wavelet_level: int | None = None,
        sharpening_kernel: int | None = None,
        sharpening_sigma: float | None = None,
        sharpening_alpha: float | None = None,
        stage_noise: Sequence[Tensor] | None = None,
        generator: torch.Generator | None = None,
        recipe: str | UpscaleRecipe = "paper",
        identity: float | None = None,
        enlarge: Enlarge = larger,
        tile: int | None = None,
        pad: bool = False,
        output_type: str = "pil",
        return_dict: bool = True,
        **stock: Any,
    ) -> ImagePipelineOutput | tuple:
        """Generate a large picture, or upscale one.

        Args:
            prompt, negative_prompt: for every stage (or `prompt_embeds` among `stock`).
            image: what to start from: PIL images, an array (n, h, w, 3) uint8 or in [0, 1], or a
                tensor (n, 3, h, w) in [0, 1]; pictures of one call have one size. None generates
                the first picture, at the model's own area in the shape of the first of `sizes`.
            sizes: (height, width) of each stage, growing; multiples of `size_multiple()`.
            num_inference_steps: steps of the whole schedule, and of the generated first picture.
            noising_steps: how many of them, the last ones, each stage runs.
            dwt_steps: how many of those are guided.
            guidance_scale: of the generated first picture.
            upscale_guidance_scale: of the stages.
            wavelet, wavelet_level: see `relight.methods.wavelet_structure_guidance.dwt`.
            sharpening_kernel, sharpening_sigma, sharpening_alpha: see
                `relight.methods.diffuse_high.sharpened`.
            stage_noise: the noise of each stage, (n, c, h / f, w / f); default: from `generator`.
            generator: seeds everything.
            recipe: "paper", "best" or an `UpscaleRecipe`: gives every value above that is None.
            identity: 0 "reimagine the details" to 1 "keep my picture"; None: as the recipe says.
            enlarge: makes what a stage starts from and is held to, e.g. a network of
                `relight.models.guides.load_guide`; default: bicubic, as published.
            tile: side in pixels of the tiles in which UNet and VAE work, for small memory; None:
                the UNet takes whole pictures, the VAE tiles of those above 1536 x 1536.
            pad: take any size: what the model can't take is filled up, and cut off again.
            output_type: "pil", "np", "pt" or "latent".
            stock: any other argument of the stock pipeline's call, the same in every stage.

        Returns:
            `images`, of exactly the last of `sizes`.

        Raises:
            InputError: no sizes, sizes that shrink or that the model can't take, a wrong value.
        """
        recipe = chosen(
            recipe,
            num_inference_steps=num_inference_steps,
            noising_steps=noising_steps,
            dwt_steps=dwt_steps,
            guidance_scale=guidance_scale,
            upscale_guidance_scale=upscale_guidance_scale,
            wavelet=wavelet,
            wavelet_level=wavelet_level,
            sharpening_kernel=sharpening_kernel,
            sharpening_sigma=sharpening_sigma,
            sharpening_alpha=sharpening_alpha,
        )
        if identity is not None:
            recipe = recipe.with_identity(identity)
        pixels = None if image is None else as_pixels(image)
        before = None if pixels is None else Size(*pixels.shape[-2:])
        sizes = self.checked_sizes(sizes, before, stage_noise, pad)
        call = {"prompt": prompt, "negative_prompt": negative_prompt, **stock}
        call["generator"] = generator
        self.checked_call(call)
        if pixels is None:
            pixels = self._generated(sizes[0], recipe, call)
        call = {name: _for_each(name, value, len(pixels)) for name, value in call.items()}
        pixels, latents = self.staged(pixels, sizes, recipe, stage_noise, tile, call, enlarge)
        self.maybe_free_model_hooks()
        if output_type == "latent":
            images: Any = self.encoded(pixels) if latents is None else latents
        else:
            images = self.image_processor.postprocess(pixels * 2 - 1, output_type=output_type)
        return ImagePipelineOutput(images=images) if return_dict else (images,)

    def stage_inputs(self, guide: Tensor) -> dict[str, Any]:
        """More arguments of the stock call at a stage, e.g. a condition made from `guide`.

        Args:
            guide: what the stage starts from, (n, 3, h, w) in [0, 1].
        """
        return {}

    def denoised(self, guide: Tensor, **call: Any) -> Tensor:
        return super().__call__(image=guide, **{**self.stage_inputs(guide), **call}).images

    def _generated(self, size: Size, recipe: UpscaleRecipe, call: Mapping[str, Any]) -> Tensor:
        """The first picture, from the prompt: (n, 3, h, w) in [0, 1] at the model's own area."""
        height, width = self.base_size(size)
        known = inspect.signature(self.text_to_image.__init__).parameters
        parts = {**self.config, **self.components}
        pipe: Any = self.text_to_image(**{name: parts[name] for name in known if name in parts})
        pipe.set_progress_bar_config(**getattr(self, "_progress_bar_config", {}))
        pipe.scheduler = type(self.scheduler).from_config(self.scheduler.config)
        latents = pipe(
            height=height,
            width=width,
            num_inference_steps=recipe.num_inference_steps,
            guidance_scale=recipe.guidance_scale,
            output_type="latent",
            **call,
        ).images
        return (self.codec().decode(latents) / 2 + 0.5).clamp(0, 1)


def _for_each(name: str, value: Any, count: int) -> Any:
    """A prompt, once for each picture."""
    if "prompt" not in name:
        return value
    if isinstance(value, list) and len(value) != count:
        raise InputError(f"{len(value)} texts in {name} for {count} pictures")
    return [value] * count if isinstance(value, str) and count > 1 else value
