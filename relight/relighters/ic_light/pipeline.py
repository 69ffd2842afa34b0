"""IC-Light (Zhang et al., ICLR 2025): Stable Diffusion 1.5 that relights a picture it is shown.

The UNet sees the latent of the picture (and, with `fbc` weights, of a background) beside the noisy
one; the light comes from the picture the sampling starts from. Its UNet: `weights.py`; its sampler:
`sampling.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DiffusionPipeline,
    ImagePipelineOutput,
    UNet2DConditionModel,
)
from diffusers.image_processor import VaeImageProcessor
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from relight.diffusion.codecs import FrameCodec
from relight.diffusion.light_maps import AnyLight, light_map
from relight.diffusion.pictures import Pictures, as_pictures, picture_size, resized
from relight.diffusion.prompts import encode_prompts
from relight.diffusion.typed import Scheduler
from relight.errors import InputError
from relight.relighters.base import OnStep
from relight.relighters.ic_light.sampling import Sampling, sample
from relight.relighters.steps import STRENGTH
from relight.types import Size

NEGATIVE_PROMPT = "lowres, bad anatomy, bad hands, cropped, worst quality"
ADDED_PROMPT = "best quality"


class ICLightPipeline(DiffusionPipeline):
    """Relights images, or the frames of a clip, under one light.

    Args:
        vae, text_encoder, tokenizer: those of the Stable Diffusion 1.5 base model.
        unet: from `ic_light_unet`.
        scheduler: see `ic_light_scheduler`; a fresh copy serves each call.
    """

    model_cpu_offload_seq = "text_encoder->unet->vae"

    def __init__(
        self,
        vae: AutoencoderKL,
        text_encoder: CLIPTextModel,
        tokenizer: CLIPTokenizer,
        unet: UNet2DConditionModel,
        scheduler: Scheduler,
    ) -> None:
        super().__init__()
        self.register_modules(
            vae=vae, text_encoder=text_encoder, tokenizer=tokenizer, unet=unet, scheduler=scheduler
        )
        self.vae_scale_factor = 2 ** (len(vae.config["block_out_channels"]) - 1)
        self.image_processor = VaeImageProcessor(vae_scale_factor=self.vae_scale_factor)

    @torch.no_grad()
    def __call__(
        self,
        image: Pictures,
        prompt: str,
        negative_prompt: str = NEGATIVE_PROMPT,
        light: AnyLight = "left",
        seconds: Sequence[float] | None = None,
        background: Pictures | None = None,
        gamma: float = 0.0,
        num_inference_steps: int = 15,
        strength: float = STRENGTH,
        guidance_scale: float = 2.0,
        share_noise: bool = False,
        height: int | None = None,
        width: int | None = None,
        generator: torch.Generator | None = None,
        chunk_size: int | None = None,
        output_type: str = "pil",
        return_dict: bool = True,
        on_step: OnStep | None = None,
    ) -> ImagePipelineOutput | tuple:
        """Relight one image, or the frames of a clip (`gamma=0`: each frame by itself).

        Args:
            image: PIL images, an array (frames, h, w, 3) or a tensor (frames, 3, h, w); uint8, or
                float in [0, 1]; one picture or several.
            prompt: subject and light, of any length, e.g. "a bear, red neon light".
            negative_prompt: what to move away from, when `guidance_scale` > 1.
            light: see `relight.diffusion.light_maps`.
            seconds: when each frame is shown, for a moving light.
            background: for `fbc` weights: one image, or one a frame.
            gamma: share of Consistent Light Attention over the frames, 0 to 1.
            num_inference_steps: UNet passes, at least 1 (the published rounding runs 15 of 15, but
                3 of 4: `round(n / strength)` are scheduled, `int` of `strength` of them run).
            strength: how far from the light map the sampling starts, in (0, 1].
            guidance_scale: classifier-free guidance; <= 1 runs without it, at half the cost.
            share_noise: one noise for all frames, none added in the first steps: far steadier.
            height, width: output size in pixels; default that of the first image, cut down to a
                multiple the model can take.
            generator: seeds the noise.
            chunk_size: frames per UNet pass; None takes all at once. The result is the same.
            output_type: "pil", "np" (frames, h, w, 3) in [0, 1] or "pt" (frames, 3, h, w).
            return_dict: False returns the tuple (images,).
            on_step: called with (step, steps) after every UNet pass; may raise to stop.

        Raises:
            InputError: a value out of its range, or `background` and the weights disagree.
        """
        how = Sampling(
            gamma=gamma,
            steps=num_inference_steps,
            strength=strength,
            guidance_scale=guidance_scale,
            share_noise=share_noise,
            chunk_size=chunk_size,
        )
        image = as_pictures(image)
        size = self._size(picture_size(image), height, width)
        pixels = self.image_processor.preprocess(resized(image, size), *size)
        shown = None
        if background is not None:
            behind = resized(as_pictures(background), size)
            shown = self.image_processor.preprocess(behind, *size)
        relit = self.relight(
            pixels,
            embeds=self.encode_prompt(prompt, negative_prompt, guidance_scale),
            light_latents=self.light_latents(light, *size, seconds),
            background=shown,
            how=how,
            generator=generator,
            on_step=on_step,
        )
        self.maybe_free_model_hooks()
        images: Any = self.image_processor.postprocess(relit.cpu(), output_type=output_type)
        return ImagePipelineOutput(images=images) if return_dict else (images,)

    @torch.no_grad()
    def encode_prompt(
        self, prompt: str, negative_prompt: str = NEGATIVE_PROMPT, guidance_scale: float = 2.0
    ) -> Tensor:
        """-> (2, tokens, channels), [negative, positive]; (1, ...) without guidance."""
        texts = [f"{prompt}, {ADDED_PROMPT}"]
        if guidance_scale > 1:
            texts.insert(0, negative_prompt)
        device = self._execution_device
        return encode_prompts(self.tokenizer, self.text_encoder, texts, device)

    @torch.no_grad()
    def light_latents(
        self, light: AnyLight, height: int, width: int, seconds: Sequence[float] | None = None
    ) -> Tensor | None:
        """The start latents of a light: (1 or frames, c, h, w), or None for light "none"."""
        picture = light_map(light, height, width, seconds)
        return None if picture is None else self.codec.encode(picture)

    @property
    def codec(self) -> FrameCodec:
        return FrameCodec(self.vae, self._execution_device)

    @torch.no_grad()
    def relight(
        self,
        pixels: Tensor,
        *,
        embeds: Tensor,
        light_latents: Tensor | None,
        background: Tensor | None = None,
        how: Sampling = Sampling(),  # noqa: B008 - frozen
        generator: torch.Generator | None = None,
        on_step: OnStep | None = None,
    ) -> Tensor:
        """(frames, 3, h, w) pixels about [-1, 1] -> the same under the new light, not clamped.

        What `__call__` does once prompt and light are encoded. The start noise is one frame's,
        repeated; the sampler's own noise is drawn for each frame unless `how.share_noise`.
        """
        latents = sample(
            self.unet,
            self.scheduler,
            self._condition(pixels, background),  # (frames, c or 2c, h, w)
            embeds,
            light_latents,
            how,
            generator=generator,
            on_step=on_step,
        )
        return self.codec.decode(latents)

    def _condition(self, pixels: Tensor, background: Tensor | None) -> Tensor:
        c = self.vae.config.latent_channels
        wanted = self.unet.config.in_channels // c - 1  # pictures beside the noisy latents
        if wanted != (1 if background is None else 2):
            kind, verb = ("fbc", "needs") if wanted == 2 else ("fc", "takes no")
            raise InputError(f"this IC-Light UNet ({kind} weights) {verb} background image")
        latents = self.codec.encode(pixels)
        if background is not None:
            if len(background) not in (1, len(latents)):
                raise InputError(f"{len(background)} backgrounds don't fit {len(latents)} frames")
            behind = self.codec.encode(background).expand_as(latents)
            latents = torch.cat([latents, behind], dim=1)
        return latents

    def size_multiple(self) -> int:
        """Height and width must be multiples of this, in pixels."""
        return self.vae_scale_factor * 2 ** (len(self.unet.config.block_out_channels) - 1)

    def _size(self, own: Size, height: int | None, width: int | None) -> Size:
        factor = self.size_multiple()
        size = []
        for name, asked, natural in zip(("height", "width"), (height, width), own, strict=True):
            if asked is not None and (asked < factor or asked % factor):
                raise InputError(f"{name} is a multiple of {factor}, not {asked}")
            size.append(asked or max(natural // factor, 1) * factor)
        return Size(*size)
