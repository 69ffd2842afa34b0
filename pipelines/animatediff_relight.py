"""Light-A-Video on AnimateDiff (arXiv:2502.08590 on arXiv:2307.04725): SD 1.5 video."""

from __future__ import annotations

import math
from typing import Any

import torch
from diffusers import AnimateDiffVideoToVideoPipeline
from diffusers.pipelines.animatediff import AnimateDiffPipelineOutput

from relight.codecs import Pictures, as_pictures, picture_size
from relight.errors import InputError
from relight.ic_light import ICLightPipeline, OnStep
from relight.lights import Light
from relight.methods.progressive_light_fusion import BEST, PAPER, Recipe
from relight.pipelines.light_fusion import light_fusion


class AnimateDiffRelightPipeline(AnimateDiffVideoToVideoPipeline):
    """`AnimateDiffVideoToVideoPipeline` whose result is relit while it denoises.

    Components, loading, saving, LoRA, IP-Adapter, FreeNoise, FreeInit, offloading and callbacks are
    those of the stock class. The published scheduler is
    `EulerAncestralDiscreteScheduler.from_config(config, beta_schedule="linear")`.
    """

    recipes = {"paper": PAPER, "best": BEST}  # noqa: RUF012 - never written to

    @torch.no_grad()
    def __call__(
        self,
        video: Pictures,
        prompt: str,
        negative_prompt: str | None = None,
        *,
        relighter: ICLightPipeline,
        relight_prompt: str | None = None,
        light: Light = "left",
        gamma: float | None = None,
        relight_steps: int = 15,
        strength: float = 0.5,
        num_inference_steps: int = 50,
        guidance_scale: float = 2.0,
        height: int | None = None,
        width: int | None = None,
        generator: torch.Generator | None = None,
        recipe: str | Recipe = "paper",
        output_type: str = "pil",
        relight_chunk_size: int | None = None,
        on_relight_step: OnStep | None = None,
        **stock: Any,
    ) -> AnimateDiffPipelineOutput | tuple:
        """Relight a clip of 1 to 32 frames (more with `enable_free_noise`).

        Args:
            video: PIL images, an array (frames, h, w, 3) uint8 or in [0, 1], or a tensor
                (frames, 3, h, w) in [0, 1].
            prompt, negative_prompt: for the video model.
            relighter: `relight.ic_light.ICLightPipeline`.
            relight_prompt: subject and light, e.g. "a bear, red neon light"; None takes `prompt`.
            light: "left", "right", "top", "bottom", "none", an image, or light maps as a tensor
                (3, h, w) or (frames, 3, h, w) in [0, 1].
            gamma: share of Consistent Light Attention, 0 to 1; None takes the recipe's (0.5).
            relight_steps: UNet passes of each relight, at least 1.
            strength: part of the noise schedule that is run, in (0, 1].
            num_inference_steps: steps of the whole schedule; int(steps * strength) are run.
            guidance_scale: of the video model.
            height, width: size of the result in pixels; default the video's own, cut down to a
                multiple the model can take.
            generator: seeds everything.
            recipe: "paper" (as published), "best", or a `Recipe`.
            output_type: "pil", "np", "pt" or "latent".
            relight_chunk_size: frames per UNet pass of the relighter, for small memory.
            on_relight_step: called with (step, steps) of each relight; may raise to stop.
            stock: any other argument of `AnimateDiffVideoToVideoPipeline`.

        Returns:
            `AnimateDiffPipelineOutput` with one video of exactly (height, width).

        Raises:
            InputError: a value out of its range, or a size the model can't take.
        """
        video = as_pictures(video)
        self._check(len(video), strength, num_inference_steps, guidance_scale)
        height, width = (
            self._fit(name, asked, own)
            for name, asked, own in zip(
                ("height", "width"), (height, width), picture_size(video), strict=True
            )
        )
        if isinstance(recipe, str):
            if recipe not in self.recipes:
                raise InputError(f"unknown recipe {recipe!r}: use one of {', '.join(self.recipes)}")
            recipe = self.recipes[recipe]
        with light_fusion(
            self,
            relighter,
            video=video,
            prompt=prompt if relight_prompt is None else relight_prompt,
            light=light,
            gamma=gamma,
            relight_steps=relight_steps,
            recipe=recipe,
            generator=generator,
            chunk_size=relight_chunk_size,
            on_step=on_relight_step,
        ):
            return super().__call__(
                video=video,
                prompt=prompt,
                negative_prompt=negative_prompt,
                height=height,
                width=width,
                num_inference_steps=num_inference_steps,
                strength=strength,
                guidance_scale=guidance_scale,
                generator=generator,
                output_type=output_type,
                **stock,
            )

    def _check(self, frames: int, strength: float, steps: int, guidance_scale: float) -> None:
        longest = self.motion_adapter.config.motion_max_seq_length
        if frames > longest and not self.free_noise_enabled:
            raise InputError(
                f"{frames} frames are more than this motion adapter's {longest}: call "
                "enable_free_noise(), or let `relight run` cut the clip into windows"
            )
        if not 0 < strength <= 1:
            raise InputError(f"strength lies in (0, 1], not {strength}")
        if not math.isfinite(guidance_scale):
            raise InputError(f"guidance_scale is a number, not {guidance_scale}")
        if not 1 <= steps < math.inf or int(steps * strength) < 1:
            raise InputError(f"{steps} steps at strength {strength:g} leave no step to run")

    def _fit(self, name: str, asked: int | None, own: int) -> int:
        factor = self.vae_scale_factor * 2 ** (len(self.unet.config.block_out_channels) - 1)
        if asked is None:
            return max(own // factor, 1) * factor
        if asked < factor or asked % factor:
            raise InputError(f"{name} is a multiple of {factor} for this model, not {asked}")
        return asked
