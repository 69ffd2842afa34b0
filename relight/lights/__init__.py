"""What the light is: a direction, an image or a map, as the start picture of IC-Light.

IC-Light takes its light from the picture its sampling starts from (arXiv:2502.08590, 3.1): a grey
ramp that is white on the side the light comes from. A light is given as

- "left", "right", "top", "bottom": the side it comes from,
- "none": no preference; the sampling starts from pure noise and the prompt alone decides,
- an image (any size and shape, stretched to the frame): bright where the light is, its colour
  counts too,
- a tensor of light maps (3, h, w) or (frames, 3, h, w) in [0, 1].
"""

from __future__ import annotations

import math

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn import functional as F

from relight.errors import InputError

DIRECTIONS = ("left", "right", "top", "bottom")
NAMES = (*DIRECTIONS, "none")

Light = str | Image.Image | np.ndarray | Tensor


def light_map(light: Light, height: int, width: int) -> Tensor | None:
    """The start picture of a light.

    Args:
        light: see the module's text. Arrays are (h, w) or (h, w, 3), uint8 or float in [0, 1].
        height, width: size of the frames to be lit, in pixels.

    Returns:
        (1, 3, height, width), or (frames, 3, height, width) for a moving light, float32 in
        [-1, 1.008] (IC-Light maps 127, not 127.5, to 0); None for "none".

    Raises:
        InputError: an unknown name, a tensor of another shape, or values that are not finite.
    """
    if isinstance(light, str):
        if light == "none":
            return None
        levels = ramp(light, height, width)
    elif isinstance(light, Tensor):
        levels = _from_tensor(light)
    elif isinstance(light, Image.Image | np.ndarray):
        levels = _from_image(light)
    else:
        raise InputError(
            f"a light is one of {', '.join(NAMES)}, an image, an array or a tensor, "
            f"not {type(light).__name__}"
        )
    if levels.shape[-2:] != (height, width):
        levels = F.interpolate(levels, (height, width), mode="bilinear", antialias=True)
    return levels / 127 - 1


def ramp(side: str, height: int, width: int) -> Tensor:
    """Linear grey ramp, white on `side` -> (1, 3, height, width), whole numbers 0 to 255."""
    if side not in DIRECTIONS:
        raise InputError(f"unknown light {side!r}: use one of {', '.join(NAMES)}, or an image")
    along = width if side in ("left", "right") else height
    falls = side in ("left", "top")
    # NumPy's linspace, cut to whole numbers, is what the published code feeds to the VAE.
    line = np.linspace(255, 0, along) if falls else np.linspace(0, 255, along)
    levels = torch.from_numpy(line.astype(np.uint8)).float()
    levels = levels[None, :] if side in ("left", "right") else levels[:, None]
    return levels.expand(1, 3, height, width)


def _from_tensor(light: Tensor) -> Tensor:
    maps = light[None] if light.ndim == 3 else light
    if maps.ndim != 4 or maps.shape[1] != 3 or 0 in maps.shape:
        raise InputError(
            f"a light tensor is (3, h, w) or (frames, 3, h, w) in [0, 1], not {tuple(light.shape)}"
        )
    low, high = maps.min().item(), maps.max().item()
    if not (math.isfinite(low) and low >= 0 and high <= 1):
        raise InputError(f"a light holds values in [0, 1], not {low:g} to {high:g}")
    return maps.float() * 255


def _from_image(light: Image.Image | np.ndarray) -> Tensor:
    if isinstance(light, Image.Image):
        light = _as_array(ImageOps.exif_transpose(light))
    if light.ndim == 2:
        light = light[..., None].repeat(3, axis=-1)
    if light.ndim != 3 or light.shape[-1] not in (3, 4) or 0 in light.shape:
        raise InputError(f"a light array is (h, w) or (h, w, 3), not {light.shape}")
    levels = torch.from_numpy(light[..., :3].astype(np.float32)).permute(2, 0, 1)[None]
    return levels if light.dtype == np.uint8 else _from_tensor(levels)


def _as_array(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I"):  # 16 bits a pixel: Pillow's own conversion would clip them to 8
        return np.asarray(image, dtype=np.float32) / 65535
    return np.asarray(image if image.mode == "F" else image.convert("RGB"))
