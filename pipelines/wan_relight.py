"""Light-A-Video on Wan 2.1 (arXiv:2502.08590, arXiv:2503.20314): a flow-matching transformer."""

from __future__ import annotations

import math

import torch
from diffusers import (
    AutoencoderKLWan,
    FlowMatchEulerDiscreteScheduler,
    WanTransformer3DModel,
    WanVideoToVideoPipeline,
)
from transformers import AutoTokenizer, UMT5EncoderModel

from relight.diffusion.codecs import WanCodec
from relight.diffusion.parts import RELIGHTER_PARTS, VIDEO_PARTS, Parts
from relight.methods.progressive_light_fusion import Recipe
from relight.pipelines.backbone import Backbone, Native, halvings, has_transformer
from relight.pipelines.light_a_video import LightAVideo


class WanRelightPipeline(LightAVideo, WanVideoToVideoPipeline):
    """`WanVideoToVideoPipeline` whose result is relit while it denoises.

    4k + 1 frames (others are filled up and cut back), multiples of 16 pixels. With `prompt_embeds`
    and `negative_prompt_embeds` the text encoder may be absent. Published: strength 0.4, 62 steps
    (24 are run), 832 x 480, 49 frames, `FlowMatchEulerDiscreteScheduler(shift=3.0)`.
    """

    recipes = Recipe(threshold=0.2, gamma=0.7).with_best()
    codec_class = WanCodec

    def size_multiple(self) -> int:
        return self.vae_scale_factor_spatial * self.transformer.config.patch_size[-1]

    def whole_frames(self, frames: int) -> int:
        step = self.vae_scale_factor_temporal
        return -(-(frames - 1) // step) * step + 1


def _load(parts: Parts) -> WanRelightPipeline:
    transformer = parts.weights(WanTransformer3DModel, "transformer")
    # The published recommendation: this VAE loses colour below float32.
    vae = parts.weights(AutoencoderKLWan, "vae", torch.float32)
    text = parts.weights(UMT5EncoderModel, "text_encoder")
    config = transformer.config
    parts.must_match("transformer", config.in_channels, "vae", vae.config.z_dim, "latent channels")
    width = text.config.d_model
    parts.must_match("transformer", config.text_dim, "text_encoder", width, "numbers a token")
    return WanRelightPipeline(
        tokenizer=parts.plain(AutoTokenizer, "tokenizer"),
        text_encoder=text,
        vae=vae,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        transformer=transformer,
    )


def _native(parts: Parts) -> Native:
    halved = parts.config("vae")["temperal_downsample"]  # in space always, in time where true
    patch = parts.config("transformer")["patch_size"][-1]
    multiple = math.lcm(2 ** len(halved) * patch, halvings(parts, "relighter/vae"))
    return Native(side=0, multiple=multiple, frame_step=2 ** sum(halved))


BACKBONE = Backbone(
    name="wan",
    pipeline=WanRelightPipeline,
    parts=(*VIDEO_PARTS, *RELIGHTER_PARTS),
    fits=lambda folder: has_transformer(folder, "WanTransformer3DModel"),
    native=_native,
    load=_load,
)
