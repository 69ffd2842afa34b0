"""What all upscaling shares: stages of a stock pipeline, each guided by the last result."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor

from relight.diffusion.codecs import FrameCodec, VideoCodec
from relight.diffusion.typed import Scheduler, StockPipeline
from relight.diffusion.x0 import edit_x0
from relight.errors import InputError
from relight.methods.back_projection import larger
from relight.methods.diffuse_high import RECIPES, UpscaleRecipe, base_size
from relight.methods.tiled_denoising import tiled_denoising
from relight.patching import patched
from relight.types import Edit, Enlarge, Size

VAE_TILING = 1536 * 1536
"""Pixels above which the VAE works in tiles: below, whole pictures are exact and fit."""

_RULED = (
    *("height", "width", "latents", "timesteps", "sigmas", "strength", "num_inference_steps"),
    *("guidance_scale", "num_images_per_prompt", "num_videos_per_prompt"),
)
"""Arguments of stock calls that the stages decide."""


@dataclass(frozen=True)
class _Start:
    """What a stage starts from: clean latents, and their noise if it is given."""

    latents: Tensor
    noise: Tensor | None


class GuidedStages(StockPipeline, ABC):
    """Put before a stock pipeline that starts from pictures, it runs DiffuseHigh's stages on it.

    A subclass says how the stock pipeline is called (`denoised`) and how its latents are coded.
    """

    _start: _Start | None = None

    def size_multiple(self) -> int:
        """Heights and widths must be multiples of this, in pixels: VAE factor x UNet depth."""
        return self.vae_scale_factor * self._depth()

    def base_size(self, shape: Size) -> Size:
        """(height, width) the model was made for, in the shape of `shape`, in whole multiples."""
        side = self.unet.config.sample_size * self.vae_scale_factor
        return base_size(shape, side, self.size_multiple())

    def codec(self) -> FrameCodec | VideoCodec:
        """Pixels (n, 3, h, w) in [-1, 1] <-> the latents the scheduler steps on."""
        return FrameCodec(self.vae, self._execution_device)

    @abstractmethod
    def denoised(self, guide: Tensor, **call: Any) -> Tensor:
        """The stock call from `guide`, (n, 3, h, w) in [0, 1], to clean latents."""

    def in_time(self, edit: Edit, start: Tensor, pixels: Tensor, recipe: UpscaleRecipe) -> Edit:
        """A stage's edit of x0, with what the frames of a clip owe each other."""
        return edit

    def prepare_latents(self, *stock: Any, **named: Any) -> Tensor:
        """The stock hook that makes the start latents: here those of the stage, with its noise."""
        call = inspect.signature(super().prepare_latents).bind(*stock, **named).arguments
        assert self._start is not None, "stages run within `_stage`"
        latents = self._start.latents.to(call["device"], call["dtype"])
        noise = self._start.noise
        if call["batch_size"] != len(latents):
            raise InputError(
                f"{call['batch_size']} prompts for {len(latents)} pictures or clips: give one each"
            )
        if noise is None:
            noise = randn_tensor(
                latents.shape, call["generator"], latents.device, dtype=latents.dtype
            )
        if noise.shape != latents.shape:
            shape = tuple(latents.shape)
            raise InputError(
                f"stage_noise has shape {tuple(noise.shape)}: this stage needs {shape}"
            )
        return self.scheduler.add_noise(latents, noise.to(latents), call["timestep"])

    def staged(
        self,
        pixels: Tensor,
        sizes: Sequence[Size],
        recipe: UpscaleRecipe,
        noise: Sequence[Tensor] | None,
        tile: int | None,
        call: Mapping[str, Any],
        enlarge: Enlarge = larger,
    ) -> tuple[Tensor, Tensor | None]:
        """All stages: (n, 3, h, w) in [0, 1] -> the same at the last size, and its latents.

        A recipe that denoises nothing makes no latents.

        A size that is no multiple is filled up at the right and the bottom, and cut again.

        Args:
            enlarge: makes what a stage starts from; recipes without it are held to a bicubic one.
        """
        codec, latents = self.codec(), None
        latent_tile = self._latent_tile(tile), self._depth()
        for stage, size in enumerate(sizes):
            scale = ((size[0] * size[1]) / (pixels.shape[-2] * pixels.shape[-1])) ** 0.5
            enlarged = recipe.guide(pixels, size, enlarge)
            if not recipe.noising_steps:
                pixels = recipe.finish(enlarged, pixels.to(enlarged))
                continue
            steps, strength = recipe.schedule(scale, _alphas(self.scheduler))
            multiple = self.size_multiple()
            before = _filled_up(pixels, multiple)
            guide = _filled_up(enlarged, multiple)
            large = size[0] * size[1] > VAE_TILING
            with tiled_vae(self.vae, large, tile), tiled_denoising(self.unet, *latent_tile):
                start = codec.encode(guide * 2 - 1)
                edit = recipe.edit(guide, start, before, scale, codec.decode, codec.encode)
                edit = self.in_time(edit, start, pixels, recipe)
                begin = _Start(start, None if noise is None else noise[stage])
                with self._stage(begin, recipe), edit_x0(self.scheduler, edit):
                    latents = self.denoised(
                        guide.clamp(0, 1),
                        strength=strength,
                        num_inference_steps=steps,
                        guidance_scale=recipe.upscale_guidance_scale,
                        output_type="latent",
                        **call,
                    )
                drawn = codec.decode(latents).div_(2).add_(0.5)  # in place: it is large
                if recipe.difference:
                    kept = codec.decode(start).div_(2).add_(0.5)
                    drawn = drawn.sub_(kept).add_(guide.to(drawn))
                    del kept
            pixels = recipe.finish(drawn[..., : size[0], : size[1]], pixels.to(drawn))
        return pixels, latents

    def encoded(self, pixels: Tensor) -> Tensor:
        """Latents of a result (n, 3, h, w) in [0, 1] that no model has drawn."""
        return self.codec().encode(_filled_up(pixels, self.size_multiple()) * 2 - 1)

    @contextmanager
    def _stage(self, start: _Start, recipe: UpscaleRecipe) -> Iterator[None]:
        """Within the block the pipeline starts from `start`, with a scheduler of its own."""
        config = dict(self.scheduler.config)
        if recipe.restart is not None:  # else the last step begins at timestep 1, come what may
            config["timestep_spacing"] = "trailing"
        fresh = type(self.scheduler).from_config(config)
        with patched(self, "_start", start), patched(self, "scheduler", fresh):
            yield

    def _depth(self) -> int:
        return 2 ** (len(self.unet.config.block_out_channels) - 1)

    def _latent_tile(self, tile: int | None) -> int | None:
        if tile is None:
            return None
        multiple = self.size_multiple()
        if tile < 2 * multiple or tile % multiple:
            raise InputError(
                f"tile must be a multiple of {multiple} pixels, at least {2 * multiple}, not {tile}"
            )
        return tile // self.vae_scale_factor

    def checked_call(self, call: Mapping[str, Any]) -> None:
        """Stock calls swallow what they don't know, and would let a misspelt name pass.

        Raises:
            TypeError: an argument that neither the stock call nor `denoised` has, or that is not
                the caller's to decide.
        """
        known = {*inspect.signature(super().__call__).parameters}
        known |= {*inspect.signature(self.denoised).parameters}
        for name in call:
            if name not in known or name in _RULED:
                raise TypeError(f"{type(self).__name__}() takes no argument {name!r}")

    def checked_sizes(
        self,
        sizes: Sequence[Size],
        before: Size | None,
        noise: Sequence[Tensor] | None = None,
        pad: bool = False,
    ) -> list[Size]:
        """The sizes, if they grow from `before` and the model can take them; else InputError."""
        if not sizes:
            raise InputError("sizes is empty: give the (height, width) of at least one stage")
        if not all(isinstance(size, Sequence) for size in sizes):
            raise InputError(f"sizes is a list of (height, width), one for each stage, not {sizes}")
        multiple = 1 if pad else self.size_multiple()
        last = tuple(before or (1, 1))
        for size in map(tuple, sizes):
            if len(size) != 2 or any(side % multiple or side < 1 for side in size):
                raise InputError(f"size {size} must be (height, width) in multiples of {multiple}")
            if size[0] < last[0] or size[1] < last[1]:
                raise InputError(f"size {size} is smaller than {last}, the picture before it")
            last = size
        if noise is not None and len(noise) != len(sizes):
            raise InputError(f"{len(noise)} stage_noise for {len(sizes)} sizes: give one for each")
        return [Size(*size) for size in sizes]


def _alphas(scheduler: Scheduler) -> Tensor:
    """How much of a sample is signal, by timestep, as a part of its variance."""
    alphas = getattr(scheduler, "alphas_cumprod", None)
    if alphas is not None:
        return alphas
    noise = torch.linspace(0, 1, scheduler.config.num_train_timesteps)  # flow matching
    return (1 - noise) ** 2 / ((1 - noise) ** 2 + noise**2)


def _filled_up(guide: Tensor, multiple: int) -> Tensor:
    """(n, 3, h, w) with its last row and column repeated up to multiples."""
    down, right = (-length % multiple for length in guide.shape[-2:])
    return F.pad(guide, (0, right, 0, down), mode="replicate")


@contextmanager
def tiled_vae(vae: AutoencoderKL, on: bool, side: int | None = None) -> Iterator[None]:
    """Within the block the VAE works in tiles, after it as it did before.

    Args:
        on: tiles of the VAE's own size. side: tiles of so many pixels.
    """
    tiling: dict[str, Any] = {"use_tiling": vae.use_tiling or on or side is not None}
    if side is not None:
        factor = vae.tile_sample_min_size // vae.tile_latent_min_size
        tiling |= {"tile_sample_min_size": side, "tile_latent_min_size": side // factor}
    with ExitStack() as patches:
        for name, value in tiling.items():
            patches.enter_context(patched(vae, name, value))
        yield


def chosen(recipe: str | UpscaleRecipe, **asked: Any) -> UpscaleRecipe:
    """A recipe by name or as it is, with the values asked for (None: the recipe's)."""
    if isinstance(recipe, str):
        if recipe not in RECIPES:
            raise InputError(f"unknown recipe {recipe!r}: use {', '.join(RECIPES)}")
        recipe = RECIPES[recipe]
    return recipe.with_(**asked)
