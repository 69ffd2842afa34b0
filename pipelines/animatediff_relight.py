"""Light-A-Video on AnimateDiff (arXiv:2502.08590, arXiv:2307.04725): Stable Diffusion 1.5 video."""

from __future__ import annotations

from diffusers import (
    AnimateDiffVideoToVideoPipeline,
    EulerAncestralDiscreteScheduler,
    MotionAdapter,
)

from relight.diffusion.codecs import AnimateDiffCodec
from relight.diffusion.parts import OFFSETS, SD15_PARTS, Parts, stable_diffusion
from relight.errors import InputError
from relight.methods.progressive_light_fusion import Recipe
from relight.pipelines.backbone import Backbone, unet_native
from relight.pipelines.light_a_video import LightAVideo


class AnimateDiffRelightPipeline(LightAVideo, AnimateDiffVideoToVideoPipeline):
    """`AnimateDiffVideoToVideoPipeline` whose result is relit while it denoises.

    1 to 32 frames (more with `enable_free_noise`), multiples of 64 pixels for Stable Diffusion 1.5.
    Components, loading, saving, LoRA, IP-Adapter, FreeNoise, FreeInit, offloading and callbacks are
    those of the stock class. The published scheduler is
    `EulerAncestralDiscreteScheduler.from_config(config, beta_schedule="linear")`.
    """

    recipes = Recipe().with_best()
    codec_class = AnimateDiffCodec
    draws_backgrounds = True

    def size_multiple(self) -> int:
        return self.vae_scale_factor * 2 ** (len(self.unet.config.block_out_channels) - 1)

    def check_frames(self, frames: int) -> None:
        longest = self.motion_adapter.config.motion_max_seq_length
        if frames > longest and not self.free_noise_enabled:
            raise InputError(
                f"{frames} frames are more than this motion adapter's {longest}: call "
                "enable_free_noise(), or let `relight run` cut the clip into windows"
            )


def _load(parts: Parts) -> AnimateDiffRelightPipeline:
    return AnimateDiffRelightPipeline(
        **stable_diffusion(parts),
        motion_adapter=parts.weights(MotionAdapter, "motion_adapter"),
        # Both published schedulers run linear betas over the checkpoint's own configuration.
        scheduler=parts.plain(EulerAncestralDiscreteScheduler, "scheduler", beta_schedule="linear"),
    )


BACKBONE = Backbone(
    name="animatediff",
    pipeline=AnimateDiffRelightPipeline,
    parts=(*SD15_PARTS, "motion_adapter", OFFSETS),
    fits=lambda folder: not (folder / "transformer").is_dir(),
    native=unet_native,
    load=_load,
)
