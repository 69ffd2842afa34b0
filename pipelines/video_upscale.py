"""Upscaling of video: DiffuseHigh's stages (arXiv:2406.18459) on a stock video pipeline."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import torch
from diffusers import AnimateDiffVideoToVideoPipeline, EulerDiscreteScheduler, MotionAdapter
from diffusers.pipelines.animatediff import AnimateDiffPipelineOutput
from torch import Tensor

from relight.diffusion.codecs import VideoCodec, video_codec
from relight.diffusion.parts import SD15_PARTS, Parts, stable_diffusion
from relight.diffusion.pictures import Pictures, as_pixels
from relight.methods.back_projection import larger
from relight.methods.diffuse_high import UpscaleRecipe, in_turn
from relight.methods.latent_propagation import LatentPropagation
from relight.pipelines.backbone import Backbone, unet_native
from relight.pipelines.guided_stages import GuidedStages, chosen
from relight.types import Edit, Enlarge, Size


class VideoUpscaleAnimateDiffPipeline(GuidedStages, AnimateDiffVideoToVideoPipeline):
    """`AnimateDiffVideoToVideoPipeline` that upscales a clip in guided stages.

    The low band of every predicted frame is held to the enlarged clip, so the motion is the
    clip's, and only the detail is new; a *video* model draws it, and its frames are made to agree
    on it along the motion. 1 to 32 frames; longer clips go through `relight.upscale` in windows.
    """

    @torch.no_grad()
    def __call__(  # pyright: ignore[reportIncompatibleMethodOverride] - another call on purpose
        self,
        video: Pictures,
        prompt: str | None = None,
        *,
        negative_prompt: str | None = None,
        sizes: Sequence[Size],
        stage_noise: Sequence[Tensor] | None = None,
        generator: torch.Generator | None = None,
        recipe: str | UpscaleRecipe = "best",
        identity: float | None = None,
        enlarge: Enlarge = larger,
        tile: int | None = None,
        pad: bool = False,
        output_type: str = "pil",
        return_dict: bool = True,
        **stock: Any,
    ) -> AnimateDiffPipelineOutput | tuple:
        """Upscale a clip.

        Args:
            video: PIL images, an array (frames, h, w, 3) uint8 or in [0, 1], or a tensor
                (frames, 3, h, w) in [0, 1].
            prompt, negative_prompt: for every stage (or `prompt_embeds` among `stock`).
            sizes: (height, width) of each stage, growing; multiples of `size_multiple()`.
            stage_noise: the noise of each stage, (1, c, frames, h / f, w / f); default: from
                `generator`.
            generator: seeds everything.
            recipe: "best", "paper" or an `UpscaleRecipe`.
            identity: 0 "reimagine the details" to 1 "keep my clip"; None: as the recipe says.
            enlarge: makes what a stage starts from and is held to, e.g. a network of
                `relight.models.guides.load_guide`; default: bicubic.
            tile: side in pixels of the tiles in which UNet and VAE work, for small memory.
            pad: take any size: what the model can't take is filled up, and cut off again.
            output_type: "pil", "np", "pt" or "latent".
            stock: any other argument of the stock pipeline's call, the same in every stage.

        Returns:
            The stock pipeline's output, with one video of exactly the last of `sizes`.

        Raises:
            InputError: no sizes, sizes that shrink or that the model can't take, a wrong value.
        """
        recipe = chosen(recipe)
        if identity is not None:
            recipe = recipe.with_identity(identity)
        pixels = as_pixels(video)
        sizes = self.checked_sizes(sizes, Size(*pixels.shape[-2:]), stage_noise, pad)
        call = {"prompt": prompt, "negative_prompt": negative_prompt, **stock}
        call["generator"] = generator
        self.checked_call(call)
        pixels, latents = self.staged(pixels, sizes, recipe, stage_noise, tile, call, enlarge)
        self.maybe_free_model_hooks()
        if output_type == "latent":
            frames = self.encoded(pixels) if latents is None else latents
        else:
            video = (pixels * 2 - 1).transpose(0, 1)[None]  # (1, 3, frames, h, w)
            frames = self.video_processor.postprocess_video(video, output_type=output_type)
        return AnimateDiffPipelineOutput(frames=frames) if return_dict else (frames,)

    def frame_noise(
        self, sizes: Sequence[Size], frames: int, start: int, seed: int
    ) -> list[Tensor]:
        """`stage_noise` for frames `start`, `start` + 1 ... of a clip, the same in every window.

        Args:
            sizes: of the stages. seed: together with a frame's index, decides its noise.
        """
        channels, multiple = self.unet.config.in_channels, self.size_multiple()
        noise = []
        for stage, size in enumerate(sizes):
            h, w = (-(-side // multiple) * multiple // self.vae_scale_factor for side in size)
            each = [
                torch.randn(channels, h, w, generator=_generator(seed, stage, start + i))
                for i in range(frames)
            ]
            noise.append(torch.stack(each, dim=1)[None])
        return noise

    def codec(self) -> VideoCodec:
        return video_codec(self.vae, self._execution_device)

    def in_time(self, edit: Edit, start: Tensor, pixels: Tensor, recipe: UpscaleRecipe) -> Edit:
        if not recipe.propagation or len(pixels) == 1:
            return edit
        return in_turn(edit, LatentPropagation(start, pixels, recipe.propagation))

    def denoised(self, guide: Tensor, **call: Any) -> Tensor:
        height, width = guide.shape[-2:]
        return super().__call__(video=[guide], height=height, width=width, **call).frames


def _generator(*numbers: int) -> torch.Generator:
    """Seeded by all the numbers together: neighbours have nothing in common."""
    digest = hashlib.sha256(repr(numbers).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))


def _load(parts: Parts) -> VideoUpscaleAnimateDiffPipeline:
    return VideoUpscaleAnimateDiffPipeline(
        **stable_diffusion(parts),
        motion_adapter=parts.weights(MotionAdapter, "motion_adapter"),
        # AnimateDiff was trained on linear betas, over the checkpoint's own configuration.
        scheduler=parts.plain(EulerDiscreteScheduler, "scheduler", beta_schedule="linear"),
    )


BACKBONE = Backbone(
    name="sd15",
    pipeline=VideoUpscaleAnimateDiffPipeline,
    parts=(*SD15_PARTS, "motion_adapter"),
    fits=lambda folder: not (folder / "text_encoder_2").is_dir(),
    native=unet_native,
    load=_load,
)
