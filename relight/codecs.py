"""Pixels <-> latents of each VAE family, a few frames at a time.

Pixels are (frames, 3, h, w) in [-1, 1], not clamped; latents are what the denoiser sees (scaled and
shifted). Encoding takes the mode, so it draws no random numbers. Where a VAE treats every frame by
itself, frames pass through it in chunks, and a chunked call gives what an unchunked one gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from diffusers import AutoencoderKL, AutoencoderKLCogVideoX, AutoencoderKLWan, ModelMixin
from torch import Tensor

from relight.errors import ModelError

CHUNK = 16
"""Frames per VAE call: the peak memory of a VAE is far above that of the UNet per frame."""


class FrameCodec:
    """Codec of an `AutoencoderKL` (Stable Diffusion 1.5, SDXL): one latent per frame.

    Args:
        vae: used as it is (dtype), but for `force_upcast` half-precision VAEs, which overflow and
            are therefore run in float32 and put back.
        device: where the VAE computes; None: where it lies (they differ under offloading).
        chunk: frames per call.
    """

    def __init__(
        self, vae: AutoencoderKL, device: torch.device | None = None, chunk: int = CHUNK
    ) -> None:
        self.vae, self.device, self.chunk = vae, device, chunk

    def encode(self, pixels: Tensor) -> Tensor:
        """(frames, 3, h, w) in [-1, 1] -> (frames, c, h / f, w / f), the scaled mode, float32."""
        scale, shift = self._scale_and_shift()
        with _safe_dtype(self.vae) as dtype:
            modes = self._chunked(lambda x: self.vae.encode(x).latent_dist.mode(), pixels, dtype)
        return (modes.float() - shift) * scale

    def decode(self, latents: Tensor) -> Tensor:
        """(frames, c, h / f, w / f) scaled -> (frames, 3, h, w) about [-1, 1], float32."""
        scale, shift = self._scale_and_shift()
        with _safe_dtype(self.vae) as dtype:
            raw = latents.float() / scale + shift
            return self._chunked(lambda z: self.vae.decode(z).sample, raw, dtype).float()

    def _chunked(self, call: Callable[[Tensor], Tensor], x: Tensor, dtype: torch.dtype) -> Tensor:
        x = x.to(self.device or self.vae.device, dtype)
        return torch.cat([call(part) for part in x.split(self.chunk)])

    def _scale_and_shift(self) -> tuple[float, float]:
        config = self.vae.config
        return config.scaling_factor, config.get("shift_factor", None) or 0.0


@contextmanager
def _safe_dtype(vae: AutoencoderKL) -> Iterator[torch.dtype]:
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


class VideoCodec(Protocol):
    """Pixels (frames, 3, h, w) <-> the latents a video pipeline's scheduler steps on."""

    def encode(self, pixels: Tensor) -> Tensor: ...

    def decode(self, latents: Tensor) -> Tensor: ...


class AnimateDiffCodec:
    """Frame by frame: latents (1, c, frames, h / 8, w / 8) of an `AutoencoderKL`."""

    def __init__(self, vae: AutoencoderKL, device: torch.device | None = None) -> None:
        self.frames = FrameCodec(vae, device)

    def encode(self, pixels: Tensor) -> Tensor:
        return self.frames.encode(pixels).transpose(0, 1)[None]

    def decode(self, latents: Tensor) -> Tensor:
        return self.frames.decode(latents[0].transpose(0, 1))


class WanCodec:
    """4k + 1 frames at once: latents (1, c, k + 1, h / 8, w / 8), each channel normalised."""

    def __init__(self, vae: AutoencoderKLWan, device: torch.device | None = None) -> None:
        self.vae, self.device = vae, device or vae.device
        shape = (1, vae.config.z_dim, 1, 1, 1)
        self.mean = torch.tensor(vae.config.latents_mean, device=self.device).view(shape)
        self.std = torch.tensor(vae.config.latents_std, device=self.device).view(shape)

    def encode(self, pixels: Tensor) -> Tensor:
        video = pixels.transpose(0, 1)[None].to(self.device, self.vae.dtype)
        return (self.vae.encode(video).latent_dist.mode().float() - self.mean) / self.std

    def decode(self, latents: Tensor) -> Tensor:
        raw = latents.float() * self.std + self.mean
        video = self.vae.decode(raw.to(self.vae.dtype), return_dict=False)[0]
        return video[0].transpose(0, 1).float()


class CogVideoXCodec:
    """4k + 1 frames at once: latents (1, k + 1, c, h / 8, w / 8), scaled."""

    def __init__(self, vae: AutoencoderKLCogVideoX, device: torch.device | None = None) -> None:
        self.vae, self.device = vae, device or vae.device
        self.scale = vae.config.scaling_factor

    def encode(self, pixels: Tensor) -> Tensor:
        video = pixels.transpose(0, 1)[None].to(self.device, self.vae.dtype)
        mode = self.vae.encode(video).latent_dist.mode().float()  # (1, c, k + 1, h / 8, w / 8)
        return mode.transpose(1, 2) * self.scale

    def decode(self, latents: Tensor) -> Tensor:
        raw = (latents.float() / self.scale).transpose(1, 2)
        video = self.vae.decode(raw.to(self.device, self.vae.dtype)).sample
        return video[0].transpose(0, 1).float()


_CODECS = {
    "AutoencoderKL": AnimateDiffCodec,
    "AutoencoderKLWan": WanCodec,
    "AutoencoderKLCogVideoX": CogVideoXCodec,
}


def video_codec(vae: ModelMixin, device: torch.device | None = None) -> VideoCodec:
    """The codec of a video pipeline's VAE.

    Args:
        device: where the VAE computes; None: where it lies (they differ under offloading).

    Raises:
        ModelError: no codec for this class of VAE.
    """
    name = type(vae).__name__
    if name not in _CODECS:
        raise ModelError(f"no codec for {name}: known are {', '.join(_CODECS)}")
    return _CODECS[name](vae, device)
