"""Light-A-Video on CogVideoX (arXiv:2502.08590, arXiv:2408.06072): a v-prediction transformer."""

from __future__ import annotations

import math

from diffusers import (
    AutoencoderKLCogVideoX,
    CogVideoXDDIMScheduler,
    CogVideoXTransformer3DModel,
    CogVideoXVideoToVideoPipeline,
)
from transformers import AutoTokenizer, T5EncoderModel

from relight.diffusion.codecs import CogVideoXCodec
from relight.diffusion.parts import RELIGHTER_PARTS, VIDEO_PARTS, Parts
from relight.methods.progressive_light_fusion import Recipe
from relight.pipelines.backbone import Backbone, Native, halvings, has_transformer
from relight.pipelines.light_a_video import LightAVideo


class CogVideoXRelightPipeline(LightAVideo, CogVideoXVideoToVideoPipeline):
    """`CogVideoXVideoToVideoPipeline` whose result is relit while it denoises.

    8k + 1 frames (others are filled up and cut back), multiples of 16 pixels. With `prompt_embeds`
    and `negative_prompt_embeds` the text encoder may be absent. Published: strength 0.4, 62 steps
    (24 are run), 720 x 480, 49 frames, `CogVideoXDDIMScheduler`.
    """

    recipes = Recipe(power=2.0, threshold=0.2, gamma=0.7).with_best()
    codec_class = CogVideoXCodec

    def size_multiple(self) -> int:
        return self.vae_scale_factor_spatial * self.transformer.config.patch_size

    def whole_frames(self, frames: int) -> int:
        # The VAE decodes latents in pairs after the first; an even number gives frames too many.
        step = self.vae_scale_factor_temporal * 2
        return -(-(frames - 1) // step) * step + 1


def _load(parts: Parts) -> CogVideoXRelightPipeline:
    transformer = parts.weights(CogVideoXTransformer3DModel, "transformer")
    vae = parts.weights(AutoencoderKLCogVideoX, "vae")
    text = parts.weights(T5EncoderModel, "text_encoder")
    config, channels = transformer.config, vae.config.latent_channels
    parts.must_match("transformer", config.in_channels, "vae", channels, "latent channels")
    width = text.config.d_model
    parts.must_match("transformer", config.text_embed_dim, "text_encoder", width, "numbers a token")
    return CogVideoXRelightPipeline(
        tokenizer=parts.plain(AutoTokenizer, "tokenizer"),
        text_encoder=text,
        vae=vae,
        transformer=transformer,
        scheduler=parts.plain(CogVideoXDDIMScheduler, "scheduler"),
    )


def _native(parts: Parts) -> Native:
    scale, config = halvings(parts, "vae"), parts.config("transformer")
    return Native(
        side=(config["sample_height"] * config["sample_width"]) ** 0.5 * scale,
        multiple=math.lcm(scale * config["patch_size"], halvings(parts, "relighter/vae")),
        frame_step=2 * parts.config("vae")["temporal_compression_ratio"],
    )


BACKBONE = Backbone(
    name="cogvideox",
    pipeline=CogVideoXRelightPipeline,
    parts=(*VIDEO_PARTS, *RELIGHTER_PARTS),
    fits=lambda folder: has_transformer(folder, "CogVideoXTransformer3DModel"),
    native=_native,
    load=_load,
)
