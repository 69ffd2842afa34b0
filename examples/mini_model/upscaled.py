"""Is the base UNet a fit image-to-image model for upscaling? Measured on held-out frames.

The truth is a frame brought down to 256 pixels by area; it is halved by area, enlarged again by a
bicubic filter, noised to a low timestep and denoised. Each prediction of the clean picture gets
the small one back as its block means (the low band of a Haar wavelet).
Sharpness is the mean square of the luminance gradients, against that of the truth.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import UNet2DConditionModel

from relight import metrics
from relight.models.catalogue import MINI
from relight.models.loader import Model

from .figures import held_out, levels

SIDE = 256
TOO_SMALL = ("carphone",)  # 144 lines: not sharp at 256 pixels
STARTS = (60, 100, 200, 300)
STEPS = 4
PROMPT = "sharp photo, detailed"


def enlarge(images: torch.Tensor) -> torch.Tensor:
    """Twice the size, bicubic, (B, 3, H, W) in [0, 1]."""
    return F.interpolate(images, scale_factor=2, mode="bicubic", align_corners=False).clamp(0, 1)


def in_band(images: torch.Tensor, small: torch.Tensor) -> torch.Tensor:
    """`images` (B, 3, 2h, 2w) with `small` (B, 3, h, w) as their block means."""
    return images + F.interpolate(small - F.avg_pool2d(images, 2), scale_factor=2)


@torch.no_grad()
def refine(
    model: Model, unet: torch.nn.Module, small: torch.Tensor, start: int, seed: int = 0
) -> torch.Tensor:
    """`small` (B, 3, h, w) in [0, 1] enlarged, noised to timestep `start` and denoised.

    DDIM steps, v-prediction.
    """
    pipe = model.pipe
    vae, soft = pipe.vae, enlarge(small)
    words = pipe.tokenizer(
        [PROMPT], padding="max_length", max_length=77, truncation=True, return_tensors="pt"
    )
    text = pipe.text_encoder(words.input_ids).last_hidden_state.expand(len(soft), -1, -1)
    cumulative = torch.cumprod(1 - torch.linspace(0.00085, 0.012, 1000), 0)
    latents = vae.encode(soft * 2 - 1).latent_dist.mode()
    noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(seed))
    times = torch.linspace(start, 0, STEPS + 1).round().long().tolist()
    x = cumulative[start].sqrt() * latents + (1 - cumulative[start]).sqrt() * noise
    for now, then in pairwise(times):
        a, s = cumulative[now].sqrt(), (1 - cumulative[now]).sqrt()
        v = unet(x, now, text).sample
        pixels = in_band(vae.decode(a * x - s * v).sample / 2 + 0.5, small)
        if then == 0:
            return pixels.clamp(0, 1)
        clean = vae.encode(pixels * 2 - 1).latent_dist.mode()
        eps = (x - a * clean) / s
        x = cumulative[then].sqrt() * clean + (1 - cumulative[then]).sqrt() * eps
    return soft


def sharp_frames(folder: Path | None) -> torch.Tensor:
    """The first frame of every held-out clip that is large enough, (B, 3, 256, 256)."""
    clips = held_out(folder, 1, side=SIDE)
    kept = [f for name, f in clips.items() if not name.startswith(TOO_SMALL)]
    return torch.cat(kept)


def check_upscale(
    model: Model, source: str, folder: Path | None
) -> list[tuple[str, str, str, bool]]:
    """PSNR and sharpness after two times enlarging: bicubic, and refined from each of STARTS.

    `source`: the name or the folder of the model; its image UNet is loaded from there.
    """
    weights = MINI if source == "mini" else Path(source)
    unet = UNet2DConditionModel.from_pretrained(weights, subfolder="unet").float().eval()
    truth = sharp_frames(folder)
    small = F.avg_pool2d(truth, 2)
    soft = enlarge(small)
    plain = _figures(soft, truth)
    projected = _figures(in_band(soft, small), truth)
    rows = [
        (
            "enlarged 2x and no model: PSNR dB, sharpness",
            "",
            f"bicubic {plain[0]:.2f}, {plain[1]:.2f}; "
            f"back-projected {projected[0]:.2f}, {projected[1]:.2f}",
            True,
        )
    ]
    for start in STARTS:
        out = torch.cat([refine(model, unet, image[None], start) for image in small])
        fidelity, ratio = _figures(out, truth)
        rows.append(
            (
                f"upscale 2x from t = {start}: PSNR dB, sharpness",
                "sharper than bicubic at its PSNR",
                f"{fidelity:.2f}, {ratio:.2f}",
                fidelity >= plain[0] - 0.05 and ratio > plain[1],
            )
        )
    return rows


def _figures(images: torch.Tensor, truth: torch.Tensor) -> tuple[float, float]:
    """Mean over pictures of PSNR and of sharpness against the truth's."""
    pairs = list(zip(images, truth, strict=True))
    ratio = [metrics.sharpness(levels(b[None]), levels(a[None])) for a, b in pairs]
    fidelity = [metrics.psnr(a, b, peak=1) for a, b in pairs]
    return sum(fidelity) / len(pairs), sum(ratio) / len(pairs)
