"""Pixels <-> latents of each VAE family, a few frames at a time.

Pixels are (frames, 3, h, w) in [-1, 1], not clamped; latents are what the denoiser sees (scaled and
shifted). Encoding takes the mode, so it draws no random numbers. Where a VAE treats every frame by
itself, frames pass through it in chunks, and a chunked call gives what an unchunked one gives.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from relight.diffusion.typed import Autoencoder
from relight.errors import InputError, ModelError

CHUNK = 16 * 512 * 512
"""Pixels per VAE call: the peak memory of a VAE is far above that of the UNet per frame."""


class FrameCodec:
    """Codec of an `AutoencoderKL` (Stable Diffusion 1.5, SDXL): one latent per frame.

    Args:
        vae: used as it is (dtype), but for `force_upcast` half-precision VAEs, which overflow and
            are therefore run in float32 and put back.
        device: where the VAE computes; None: where its weights are (they differ under offloading).
        chunk: frames per call; None: as many as make up `CHUNK` pixels, at least one.
    """

    def __init__(
        self, vae: Autoencoder, device: torch.device | None = None, chunk: int | None = None
    ) -> None:
        self.vae, self.device, self.chunk = vae, device, chunk

    def encode(self, pixels: Tensor) -> Tensor:
        """(frames, 3, h, w) in [-1, 1] -> (frames, c, h / f, w / f), the scaled mode, float32."""
        scale, shift = self._scale_and_shift()
        with _safe_dtype(self.vae) as dtype:
            modes = self._chunked(lambda x: self.vae.encode(x).latent_dist.mode(), pixels, dtype, 1)
        return (modes.float() - shift) * scale

    def decode(self, latents: Tensor) -> Tensor:
        """(frames, c, h / f, w / f) scaled -> (frames, 3, h, w) about [-1, 1], float32."""
        scale, shift = self._scale_and_shift()
        with _safe_dtype(self.vae) as dtype:
            raw = latents.float() / scale + shift
            side = 2 ** (len(self.vae.config.block_out_channels) - 1)
            return self._chunked(lambda z: self.vae.decode(z).sample, raw, dtype, side).float()

    def _chunked(
        self, call: Callable[[Tensor], Tensor], x: Tensor, dtype: torch.dtype, side: int
    ) -> Tensor:
        """`call` on a few frames at a time, of which each element is side x side pixels."""
        chunk = self.chunk or max(CHUNK // (x.shape[-2] * x.shape[-1] * side**2), 1)
        x = x.to(self.device or self.vae.device, dtype)
        return torch.cat([call(part) for part in x.split(chunk)])

    def _scale_and_shift(self) -> tuple[float, float]:
        config = self.vae.config
        return config.scaling_factor, config.get("shift_factor", None) or 0.0


@contextmanager
def _safe_dtype(vae: Autoencoder) -> Iterator[torch.dtype]:
    """Run a VAE marked `force_upcast` in float32 when it is held in float16."""
    own = vae.dtype
    if own != torch.float16 or not vae.config.force_upcast:
        yield own
        return
    try:
        vae.to(torch.float32)
        yield torch.float32
    finally:
        vae.to(own)


class VideoCodec(ABC):
    """Pixels (frames, 3, h, w) <-> the latents a video pipeline's scheduler steps on.

    Args:
        vae: used as it is. device: where it computes; None: where its weights are.
        clip: (frames, height, width) in pixels, for latents whose shape does not show it.
    """

    def __init__(
        self,
        vae: Autoencoder,
        device: torch.device | None = None,
        clip: tuple[int, int, int] | None = None,
    ) -> None:
        self.vae: Any = vae  # each family has what its codec asks for
        self.device, self.clip = device or vae.device, clip

    @abstractmethod
    def encode(self, pixels: Tensor) -> Tensor:
        """(frames, 3, h, w) in [-1, 1] -> latents, the mode, float32."""

    @abstractmethod
    def decode(self, latents: Tensor) -> Tensor:
        """Latents -> (frames, 3, h, w) about [-1, 1], float32."""


def _one(latents: Tensor) -> Tensor:
    """The latents of one clip, without the batch dimension; several would get one's edit."""
    if len(latents) != 1:
        raise InputError(f"{len(latents)} videos in one call: relight one prompt and clip a call")
    return latents[0]


class AnimateDiffCodec(VideoCodec):
    """Frame by frame: latents (1, c, frames, h / 8, w / 8) of an `AutoencoderKL`."""

    def encode(self, pixels: Tensor) -> Tensor:
        return FrameCodec(self.vae, self.device).encode(pixels).transpose(0, 1)[None]

    def decode(self, latents: Tensor) -> Tensor:
        return FrameCodec(self.vae, self.device).decode(_one(latents).transpose(0, 1))


class ClipCodec(VideoCodec):
    """A VAE that takes all frames at once, (1, c, frames', h', w') inside.

    A family says in `normalise` and `raw` what its denoiser sees of the VAE's latents.
    """

    def encode(self, pixels: Tensor) -> Tensor:
        video = pixels.transpose(0, 1)[None].to(self.device, self.vae.dtype)
        return self.normalise(self.vae.encode(video).latent_dist.mode().float())

    def decode(self, latents: Tensor) -> Tensor:
        raw = self.raw(_one(latents)[None].to(self.device).float()).to(self.vae.dtype)
        return self._frames(raw)[0].transpose(0, 1).float()

    def _frames(self, raw: Tensor) -> Tensor:
        return self.vae.decode(raw, return_dict=False)[0]

    @abstractmethod
    def normalise(self, mode: Tensor) -> Tensor:
        """What the VAE encodes, (1, c, frames', h', w') float32 -> what the denoiser sees."""

    @abstractmethod
    def raw(self, latents: Tensor) -> Tensor:
        """The inverse of `normalise`."""


class WanCodec(ClipCodec):
    """4k + 1 frames: latents (1, c, k + 1, h / 8, w / 8), each channel normalised."""

    def normalise(self, mode: Tensor) -> Tensor:
        mean, std = self._statistics()
        return (mode - mean) / std

    def raw(self, latents: Tensor) -> Tensor:
        mean, std = self._statistics()
        return latents * std + mean

    def _statistics(self) -> tuple[Tensor, Tensor]:
        config = self.vae.config
        both = torch.tensor([config.latents_mean, config.latents_std], device=self.device)
        mean, std = both.view(2, 1, -1, 1, 1, 1)
        return mean, std


class CogVideoXCodec(ClipCodec):
    """4k + 1 frames: latents (1, k + 1, c, h / 8, w / 8), scaled."""

    def normalise(self, mode: Tensor) -> Tensor:
        return mode.transpose(1, 2) * self.vae.config.scaling_factor

    def raw(self, latents: Tensor) -> Tensor:
        return (latents / self.vae.config.scaling_factor).transpose(1, 2)


class LTXCodec(ClipCodec):
    """8k + 1 frames: a sequence of latents (1, (k + 1) * h / 32 * w / 32, c), normalised."""

    def normalise(self, mode: Tensor) -> Tensor:
        mean, std = self._statistics()
        return ((mode - mean) / std).flatten(2).transpose(1, 2)

    def raw(self, latents: Tensor) -> Tensor:
        mean, std = self._statistics()
        return latents.transpose(1, 2).unflatten(2, self._grid(latents.shape[1])) * std + mean

    def _frames(self, raw: Tensor) -> Tensor:
        # A decoder that also removes noise gets a noise level of zero.
        clean = raw.new_zeros(1) if self.vae.config.timestep_conditioning else None
        return self.vae.decode(raw, clean, return_dict=False)[0]

    def _grid(self, tokens: int) -> tuple[int, int, int]:
        if self.clip is None:
            raise InputError("a sequence of latents has no shape of its own: give the clip's")
        frames, height, width = self.clip
        f, s = self.vae.temporal_compression_ratio, self.vae.spatial_compression_ratio
        grid = (frames - 1) // f + 1, height // s, width // s
        if math.prod(grid) != tokens:
            raise InputError(
                f"{tokens} latents are not a clip of {frames} frames of {width} x {height}: "
                "give light_fusion the height and width that the pipeline is called with"
            )
        return grid

    def _statistics(self) -> tuple[Tensor, Tensor]:
        shape = (1, -1, 1, 1, 1)
        std = self.vae.latents_std.view(shape) / self.vae.config.scaling_factor
        return self.vae.latents_mean.view(shape).to(self.device), std.to(self.device)


_CODECS = {
    "AutoencoderKL": AnimateDiffCodec,
    "AutoencoderKLWan": WanCodec,
    "AutoencoderKLCogVideoX": CogVideoXCodec,
    "AutoencoderKLLTXVideo": LTXCodec,
}


def video_codec(
    vae: Autoencoder,
    device: torch.device | None = None,
    clip: tuple[int, int, int] | None = None,
) -> VideoCodec:
    """The codec of a video pipeline's VAE.

    Args:
        device: where the VAE computes; None: where its weights are (they differ under offloading).
        clip: (frames, height, width) in pixels; needed where latents are a sequence (LTX).

    Raises:
        ModelError: no codec for this class of VAE.
    """
    name = type(vae).__name__
    if name not in _CODECS:
        raise ModelError(f"no codec for {name}: known are {', '.join(_CODECS)}")
    return _CODECS[name](vae, device, clip)
