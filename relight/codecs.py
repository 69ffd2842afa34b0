"""Pixels <-> latents of each VAE family, a few frames at a time.

Pixels are (frames, 3, h, w) in [-1, 1], not clamped; latents are what the denoiser sees (scaled and
shifted). Encoding takes the VAE's mode, so it draws no random numbers. A chunked call gives what an
unchunked one gives, because these VAEs treat every frame by itself.

`as_pictures` brings what users hold (images, arrays, tensors) into a form diffusers reads rightly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from diffusers import AutoencoderKL
from PIL import Image
from torch import Tensor

from relight.errors import InputError

Pictures = Image.Image | np.ndarray | Tensor | list[Image.Image] | list[np.ndarray] | list[Tensor]
"""One picture or several: PIL images, arrays (frames, h, w, 3), tensors (frames, 3, h, w)."""

CHUNK = 16
"""Frames per VAE call: the peak memory of a VAE is far above that of the UNet per frame."""

ROUNDING = 1e-3
"""By how much float pictures may leave [0, 1]: resampling overshoots a little."""


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


def as_pictures(pictures: Pictures) -> list[Image.Image] | Tensor:
    """Pictures in any form -> RGB images, or a tensor (frames, 3, h, w), float32 in [0, 1].

    uint8 arrays and tensors become images: diffusers would read them as if they were in [0, 1].

    Raises:
        InputError: no pictures, another shape or kind, or values outside [0, 1].
    """
    if not isinstance(pictures, list | tuple):
        pictures = [pictures]
    if pictures and all(isinstance(picture, Image.Image) for picture in pictures):
        return [picture.convert("RGB") for picture in pictures]
    parts = [_frames_first(picture) for picture in pictures]
    if len({(part.shape[1:], part.dtype) for part in parts}) != 1:
        raise InputError("there are no pictures, or they differ in size or kind")
    pixels = torch.cat(parts)  # (frames, 3, h, w)
    if pixels.dtype == torch.uint8:
        return [Image.fromarray(frame) for frame in pixels.permute(0, 2, 3, 1).cpu().numpy()]
    low, high = pixels.min().item(), pixels.max().item()
    if not (low >= -ROUNDING and high <= 1 + ROUNDING):
        raise InputError(f"pictures are uint8, or hold values in [0, 1], not {low:g} to {high:g}")
    return pixels.float().clamp(0, 1)


def _frames_first(picture: np.ndarray | Tensor) -> Tensor:
    """(frames, h, w, 3) array or (frames, 3, h, w) tensor, frames optional -> (frames, 3, h, w)."""
    if isinstance(picture, np.ndarray):
        shape, form = picture.shape, "an array (frames, h, w, 3)"
        pixels = picture if picture.dtype == np.uint8 else picture.astype(np.float32)
        pixels = torch.from_numpy(np.ascontiguousarray(pixels))
        pixels = pixels.movedim(-1, -3) if pixels.ndim >= 3 else pixels
    elif isinstance(picture, Tensor):
        shape, form, pixels = picture.shape, "a tensor (frames, 3, h, w)", picture
    else:
        raise InputError(
            "pictures are PIL images, an array (frames, h, w, 3) or a tensor (frames, 3, h, w), "
            f"not {type(picture).__name__}"
        )
    if pixels.ndim == 3:
        pixels = pixels[None]
    elif pixels.ndim == 5 and len(pixels) == 1:  # a batch of one video
        pixels = pixels[0]
    if pixels.ndim != 4 or pixels.shape[1] != 3 or 0 in pixels.shape:
        raise InputError(f"pictures have shape {tuple(shape)}, not that of {form}")
    return pixels


def picture_size(pictures: list[Image.Image] | Tensor) -> tuple[int, int]:
    """(height, width) of the first of what `as_pictures` returned."""
    return tuple(pictures.shape[-2:]) if isinstance(pictures, Tensor) else pictures[0].size[::-1]
