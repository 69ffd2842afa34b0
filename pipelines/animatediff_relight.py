"""Light-A-Video on AnimateDiff (arXiv:2502.08590, arXiv:2307.04725): Stable Diffusion 1.5 video."""

from __future__ import annotations

from diffusers import AnimateDiffVideoToVideoPipeline

from relight.errors import InputError
from relight.methods.progressive_light_fusion import BEST, PAPER
from relight.pipelines.light_a_video import LightAVideo


class AnimateDiffRelightPipeline(LightAVideo, AnimateDiffVideoToVideoPipeline):
    """`AnimateDiffVideoToVideoPipeline` whose result is relit while it denoises.

    1 to 32 frames (more with `enable_free_noise`), multiples of 64 pixels for Stable Diffusion 1.5.
    Components, loading, saving, LoRA, IP-Adapter, FreeNoise, FreeInit, offloading and callbacks are
    those of the stock class. The published scheduler is
    `EulerAncestralDiscreteScheduler.from_config(config, beta_schedule="linear")`.
    """

    recipes = {"paper": PAPER["animatediff"], "best": BEST["animatediff"]}  # noqa: RUF012

    def size_multiple(self) -> int:
        return self.vae_scale_factor * 2 ** (len(self.unet.config.block_out_channels) - 1)

    def check_frames(self, frames: int) -> None:
        longest = self.motion_adapter.config.motion_max_seq_length
        if frames > longest and not self.free_noise_enabled:
            raise InputError(
                f"{frames} frames are more than this motion adapter's {longest}: call "
                "enable_free_noise(), or let `relight run` cut the clip into windows"
            )
