"""The call that all relighting pipelines share: Light-A-Video (arXiv:2502.08590) on a stock one."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import numpy as np
import torch
from diffusers.utils import BaseOutput
from PIL import Image
from torch import Tensor

from relight.diffusion.codecs import VideoCodec
from relight.diffusion.light_maps import AnyLight
from relight.diffusion.pictures import Pictures, as_pictures, picture_size, resized
from relight.diffusion.typed import StockPipeline
from relight.errors import InputError
from relight.methods.progressive_light_fusion import Recipe
from relight.pipelines.foreground import drawn_of, foreground_mode
from relight.pipelines.fusion import as_relighter, check_maps, check_mask, light_fusion
from relight.relighters.base import OnStep, Relighter
from relight.relighters.ic_light import ICLightPipeline
from relight.types import Size

Videos = list[list[Image.Image]] | np.ndarray | Tensor


class LightAVideo(StockPipeline, ABC):
    """Put before a stock video-to-video pipeline, it relights what that pipeline generates.

    A subclass gives its recipes and its codec, and says which sizes and frame counts its model can
    take.
    """

    recipes: ClassVar[Mapping[str, Recipe]]
    codec_class: ClassVar[type[VideoCodec]]
    draws_backgrounds: ClassVar[bool] = False

    @torch.no_grad()
    def __call__(
        self,
        video: Pictures,
        prompt: str | None = None,
        negative_prompt: str | None = None,
        *,
        relighter: ICLightPipeline | Relighter,
        relight_prompt: str | None = None,
        light: AnyLight = "left",
        seconds: Sequence[float] | None = None,
        mask: Tensor | None = None,
        draw_background: bool = False,
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
        return_dict: bool = True,
        relight_chunk_size: int | None = None,
        on_relight_step: OnStep | None = None,
        on_fused: Callable[[Tensor], None] | None = None,
        **stock: Any,
    ) -> BaseOutput | tuple:
        """Relight a clip.

        Args:
            video: PIL images, an array (frames, h, w, 3) uint8 or in [0, 1], or a tensor
                (frames, 3, h, w) in [0, 1]. A number of frames that the model can't take is filled
                up with copies of the last, which are cut off the result.
            prompt, negative_prompt: for the video model (or `prompt_embeds` among `stock`).
            relighter: an `ICLightPipeline`, or another `relight.relighters.base.Relighter`.
            relight_prompt: subject and light, e.g. "a bear, red neon light"; None takes `prompt`.
            light: a text or an object of `relight.lights`, an image, or light maps as a tensor
                (3, h, w) or (frames, 3, h, w) in [0, 1], as many as the clip's frames.
            seconds: when each frame is shown, for a light of `relight.lights` that moves.
            mask: what is relit, (1 or frames, 1, h, w) in [0, 1] of any size; None: everything.
            draw_background: keep the subject of `mask` and draw what is behind it from `prompt`:
                foreground mode. The first part of the whole schedule draws, the last part, of
                `strength`, relights.
            gamma: share of Consistent Light Attention, 0 to 1; None takes the recipe's.
            relight_steps: UNet passes of each relight, at least 1.
            strength: part of the noise schedule that is run, in (0, 1].
            num_inference_steps: steps of the whole schedule; int(steps * strength) are run.
            guidance_scale: of the video model.
            height, width: size of the result in pixels; default the video's own, cut down to a
                multiple the model can take. The clip is resized to it, by Lanczos.
            generator: seeds everything.
            recipe: "paper" (as published), "best", or a `Recipe`.
            output_type: "pil", "np", "pt", or "latent", of which copies of the last frame that were
                added are not cut off.
            return_dict: False returns the tuple (frames,).
            relight_chunk_size: frames that the relighter computes at a time, for small memory.
            on_relight_step: called with (step, steps) of each relight; may raise to stop.
            on_fused: called with the relit prediction of each step, (frames, 3, h, w), about
                [-1, 1].
            stock: any other argument of the stock pipeline's call.

        Returns:
            The stock pipeline's output, with one video of exactly (height, width).

        Raises:
            InputError: a value out of its range, or a size the model can't take.
        """
        video = as_pictures(video)
        frames = len(video)
        self.check_frames(frames)
        _check_ranges(strength, num_inference_steps, guidance_scale)
        _check_one_clip({"prompt": prompt, "negative_prompt": negative_prompt, **stock})
        own = picture_size(video)
        size = Size(self._fit("height", height, own.height), self._fit("width", width, own.width))
        whole = self.whole_frames(frames)
        video = _filled_up(resized(video, size), whole)
        if isinstance(light, Tensor) and light.ndim == 4:  # a moving light: a map for each frame
            check_maps(light, frames)
            light = _repeated(light, whole) if len(light) > 1 else light
        if mask is not None:
            check_mask(mask, frames)
            mask = _repeated(mask, whole) if len(mask) > 1 else mask
        recipe = self._recipe(recipe)
        about: dict[str, Any] = {
            "video": video,
            "mask": mask,
            "prompt": prompt if relight_prompt is None else relight_prompt,
            "light": light,
            "seconds": _times(seconds, frames, len(video)),
            "relight_steps": relight_steps,
            "recipe": recipe,
            "generator": generator,
            "on_step": on_relight_step,
            "on_fused": on_fused,
            "codec": self.codec_class,
        }
        drawn = drawn_of(num_inference_steps, strength) if draw_background else None
        with self._relit(relighter, about, gamma, relight_chunk_size, drawn) as begun:
            output = super().__call__(
                video=video if drawn is None else begun,
                prompt=prompt,
                negative_prompt=negative_prompt,
                height=size.height,
                width=size.width,
                num_inference_steps=num_inference_steps,
                strength=strength if drawn is None else 1.0,
                guidance_scale=guidance_scale,
                generator=generator,
                output_type=output_type,
                **stock,
            )
        videos = output.frames
        if output_type != "latent" and whole > frames:
            videos = _cut(videos, frames)
        return type(output)(frames=videos) if return_dict else (videos,)

    def _relit(
        self,
        relighter: ICLightPipeline | Relighter,
        about: Mapping[str, Any],
        gamma: float | None,
        chunk_size: int | None,
        drawn: int | None,
    ) -> AbstractContextManager[Any]:
        """In which the stock pipeline's call relights; with `drawn` steps for a new background, it
        gives the video to begin from."""
        if drawn is None:
            return light_fusion(self, relighter, gamma=gamma, chunk_size=chunk_size, **about)
        self._check_drawing(about["mask"])
        recipe = about["recipe"]
        own = as_relighter(relighter, recipe.gamma if gamma is None else gamma, recipe, chunk_size)
        return foreground_mode(self, own, drawn_steps=drawn, **about)

    @abstractmethod
    def size_multiple(self) -> int:
        """Height and width must be multiples of this, in pixels."""

    def whole_frames(self, frames: int) -> int:
        """The next number of frames, from `frames` up, that the model can take."""
        return frames

    def check_frames(self, frames: int) -> None:
        """Raise InputError where the model can't take so many frames."""

    def _check_drawing(self, mask: Tensor | None) -> None:
        if not self.draws_backgrounds:
            raise InputError("this video model can't draw a background: AnimateDiff can")
        if mask is None:
            raise InputError("a background is drawn around a subject: give its mask")

    def _recipe(self, recipe: str | Recipe) -> Recipe:
        if isinstance(recipe, Recipe):
            return recipe
        if recipe not in self.recipes:
            raise InputError(f"unknown recipe {recipe!r}: use one of {', '.join(self.recipes)}")
        return self.recipes[recipe]

    def _fit(self, name: str, asked: int | None, own: int) -> int:
        factor = self.size_multiple()
        if asked is None:
            return max(own // factor, 1) * factor
        if asked < factor or asked % factor:
            raise InputError(f"{name} is a multiple of {factor} for this model, not {asked}")
        return asked


def _check_ranges(strength: float, steps: int, guidance_scale: float) -> None:
    if not 0 < strength <= 1:
        raise InputError(f"strength must be in (0, 1], not {strength}")
    if not math.isfinite(guidance_scale):
        raise InputError(f"guidance_scale is a number, not {guidance_scale}")
    if not 1 <= steps < math.inf or int(steps * strength) < 1:
        raise InputError(f"{steps} steps at strength {strength:g} leave no step to run")


def _times(seconds: Sequence[float] | None, frames: int, count: int) -> list[float] | None:
    """The times of a clip that is filled up to `count` frames with copies of its last."""
    if seconds is None:
        return None
    if len(seconds) != frames:
        raise InputError(f"{len(seconds)} times don't fit {frames} frames: give one for each")
    return [*seconds, *[seconds[-1]] * (count - frames)]


def _check_one_clip(call: Mapping[str, Any]) -> None:
    """A stock call makes a video a prompt, and several a prompt if asked; one light is for one."""
    for name in ("prompt", "negative_prompt", "prompt_embeds", "negative_prompt_embeds"):
        given = call.get(name)
        if isinstance(given, list | tuple | Tensor) and len(given) != 1:
            raise InputError(f"{name} is one text for the whole clip, not {len(given)}")
    if (count := call.get("num_videos_per_prompt", 1)) != 1:
        raise InputError(f"num_videos_per_prompt is 1, not {count}: make one clip a call")


def _filled_up(video: list[Image.Image] | Tensor, count: int) -> list[Image.Image] | Tensor:
    if isinstance(video, Tensor):
        return _repeated(video, count)
    return video + [video[-1]] * (count - len(video))


def _repeated(frames: Tensor, count: int) -> Tensor:
    """Filled up to `count` frames with copies of the last."""
    return torch.cat([frames, frames[-1:].expand(count - len(frames), -1, -1, -1)])


def _cut(videos: Videos, frames: int) -> Videos:
    """The first frames of one video: a list of lists of images, or (1, frames, ...)."""
    if isinstance(videos, list):
        return [video[:frames] for video in videos]
    return videos[:, :frames]
