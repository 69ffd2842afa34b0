"""RectifiedHR's form with the embedded model, to be judged beside one step from the guide.

RectifiedHR (arXiv:2503.02537) changes the size in the middle of a trajectory: the first steps
denoise at the small size, the predicted picture is enlarged in RGB and noised afresh to where the
trajectory stood, and the last steps denoise at the large size with their energy brought back. Here
the trajectory begins at the given picture, noised, as everywhere in this project.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor

from relight.diffusion.codecs import FrameCodec
from relight.methods.back_projection import back_project
from relight.methods.energy_rectification import EnergyRectification
from relight.models.loader import Upscaler
from relight.types import Enlarge, Size


def rectified(
    model: Upscaler,
    small: Tensor,
    size: Size,
    enlarge: Enlarge,
    *,
    start: int = 300,
    change: int = 150,
    steps: tuple[int, int] = (2, 2),
    energy: float = 1.0,
    project: bool = True,
) -> Tensor:
    """(1, 3, h, w) in [0, 1] -> (1, 3, *size).

    Args:
        start, change: timesteps, of 1000, where the trajectory begins and where its size changes.
        steps: before the change, and after it. energy: 0 to 1. project: agree with `small` at last.
    """
    pipe: Any = model.pipe
    codec, generator = FrameCodec(pipe.vae), torch.Generator().manual_seed(0)
    alphas = pipe.scheduler.alphas_cumprod
    text = pipe.encode_prompt("", "cpu", 1, False)[0]

    def noised(clean: Tensor, timestep: int) -> Tensor:
        noise = torch.randn(clean.shape, generator=generator)
        return alphas[timestep] ** 0.5 * clean + (1 - alphas[timestep]) ** 0.5 * noise

    def denoised(z: Tensor, first: int, last: int, count: int, edit: Any = None) -> Tensor:
        """The clean latents predicted at the last of `count` steps from `first` to `last`."""
        clean = z
        times = torch.linspace(first, last, count + 1).round().long().tolist()
        for at, (now, after) in enumerate(itertools.pairwise(times)):
            found = pipe.unet(z, now, encoder_hidden_states=text).sample
            clean = (z - (1 - alphas[now]) ** 0.5 * found) / alphas[now] ** 0.5
            clean = clean if edit is None else edit(clean, at, torch.tensor(now))
            noise = (z - alphas[now] ** 0.5 * clean) / (1 - alphas[now]) ** 0.5
            z = alphas[after] ** 0.5 * clean + (1 - alphas[after]) ** 0.5 * noise
        return clean

    latents = codec.encode(small * 2 - 1)
    clean = denoised(noised(latents, start), start, change, steps[0]) if steps[0] else latents
    drawn = codec.decode(clean) / 2 + 0.5
    large = codec.encode(enlarge(drawn.clamp(0, 1), size) * 2 - 1)
    edit = EnergyRectification(latents, energy) if energy else None
    result = codec.decode(denoised(noised(large, change), change, 0, steps[1], edit)) / 2 + 0.5
    return back_project(result, small, 2).clamp(0, 1) if project else result.clamp(0, 1)
