"""Light-A-Video on CogVideoX (arXiv:2502.08590, arXiv:2408.06072): a v-prediction transformer."""

from __future__ import annotations

from diffusers import CogVideoXVideoToVideoPipeline

from relight.methods.progressive_light_fusion import BEST, PAPER
from relight.pipelines.light_a_video import LightAVideo


class CogVideoXRelightPipeline(LightAVideo, CogVideoXVideoToVideoPipeline):
    """`CogVideoXVideoToVideoPipeline` whose result is relit while it denoises.

    8k + 1 frames (others are filled up and cut back), multiples of 16 pixels. With `prompt_embeds`
    and `negative_prompt_embeds` the text encoder may be absent. Published: strength 0.4, 62 steps
    (24 are run), 720 x 480, 49 frames, `CogVideoXDDIMScheduler`.
    """

    recipes = {"paper": PAPER["cogvideox"], "best": BEST["cogvideox"]}  # noqa: RUF012

    def size_multiple(self) -> int:
        return self.vae_scale_factor_spatial * self.transformer.config.patch_size

    def whole_frames(self, frames: int) -> int:
        # The VAE decodes latents in pairs after the first; an even number gives frames too many.
        step = self.vae_scale_factor_temporal * 2
        return -(-(frames - 1) // step) * step + 1
