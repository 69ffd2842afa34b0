"""Pixels <-> latents of each VAE family, a few frames at a time.

Pixels are (frames, 3, h, w) in [-1, 1], not clamped; latents are what the denoiser sees (scaled and
shifted). Encoding takes the VAE's mode, so it draws no random numbers. A chunked call gives what an
unchunked one gives, because these VAEs treat every frame by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from diffusers import AutoencoderKL
from torch import Tensor

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
        """(frames, c, h / f, w / f) scaled -> (frames, 3, h, w) about [-1, 1], float32, unclamped."""
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


def video_codec(
    vae: AutoencoderKL, device: torch.device | None = None
) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """(decode, encode) between a video pipeline's latents (1, c, frames, h, w) and its pixels."""
    codec = FrameCodec(vae, device)

    def decode(latents: Tensor) -> Tensor:
        return codec.decode(latents[0].transpose(0, 1))

    def encode(pixels: Tensor) -> Tensor:
        return codec.encode(pixels).transpose(0, 1)[None]

    return decode, encode
