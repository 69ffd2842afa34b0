"""Light-A-Video on Wan 2.1 (arXiv:2502.08590, arXiv:2503.20314): a flow-matching transformer."""

from __future__ import annotations

from diffusers import WanVideoToVideoPipeline

from relight.methods.progressive_light_fusion import BEST, PAPER
from relight.pipelines.light_a_video import LightAVideo


class WanRelightPipeline(LightAVideo, WanVideoToVideoPipeline):
    """`WanVideoToVideoPipeline` whose result is relit while it denoises.

    4k + 1 frames (others are filled up and cut back), multiples of 16 pixels. With `prompt_embeds`
    and `negative_prompt_embeds` the text encoder may be absent. Published: strength 0.4, 62 steps
    (24 are run), 832 x 480, 49 frames, `FlowMatchEulerDiscreteScheduler(shift=3.0)`.
    """

    recipes = {"paper": PAPER["wan"], "best": BEST["wan"]}  # noqa: RUF012

    def size_multiple(self) -> int:
        return self.vae_scale_factor_spatial * self.transformer.config.patch_size[-1]

    def whole_frames(self, frames: int) -> int:
        step = self.vae_scale_factor_temporal
        return -(-(frames - 1) // step) * step + 1
