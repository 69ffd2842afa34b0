"""A light in any form that Python users hold it in -> the start picture of IC-Light.

IC-Light takes its light from the picture its sampling starts from (arXiv:2502.08590, 3.1). A light
is given as

- a text or an object of `relight.lights`: "left", "point:x=.2,y=.3", PointLight(...);
  "none" is no preference: the sampling starts from pure noise and the prompt alone decides,
- an image (any size and shape, stretched to the frame): bright where the light is, its colour
  counts too,
- a tensor of light maps (3, h, w) or (frames, 3, h, w) in [0, 1].
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from relight.errors import InputError
from relight.lights import Light, NoLight, parse_light
from relight.lights.image import as_array

AnyLight = str | Light | Image.Image | np.ndarray | Tensor


def light_map(
    light: AnyLight, height: int, width: int, seconds: Sequence[float] | None = None
) -> Tensor | None:
    """The start picture of a light, or those of a moving one.

    Args:
        light: see the module's text. Arrays are (h, w) or (h, w, 3), uint8 or float in [0, 1].
        height, width: size of the frames to be lit, in pixels.
        seconds: when each frame is shown; only a moving light of `relight.lights` needs it.

    Returns:
        (1, 3, height, width), or (frames, 3, height, width) for a moving light, float32 in
        [-1, 1.008] (IC-Light maps 127, not 127.5, to 0); None for "none".

    Raises:
        InputError: an unknown name, a tensor of another shape, values that are not finite, or a
            moving light without `seconds`.

    >>> levels = 127 * (light_map("right", 1, 3) + 1)
    >>> levels.shape, levels[0, 0, 0].tolist()
    (torch.Size([1, 3, 1, 3]), [0.0, 127.0, 255.0])
    """
    if isinstance(light, str | Light):
        light = parse_light(light)
        if isinstance(light, NoLight):
            return None
        levels = _drawn(light, height, width, seconds)
    elif isinstance(light, Tensor):
        levels = _from_tensor(light)
    elif isinstance(light, Image.Image | np.ndarray):
        levels = _from_image(light)
    else:
        raise InputError(
            "a light is a text such as left, a light of relight.lights, an image, an array or a "
            f"tensor, not {type(light).__name__}"
        )
    if levels.shape[-2:] != (height, width):
        levels = F.interpolate(levels, (height, width), mode="bilinear", antialias=True)
    return levels / 127 - 1


def _drawn(light: Light, height: int, width: int, seconds: Sequence[float] | None) -> Tensor:
    """(1 or frames, 3, height, width), levels 0 to 255."""
    if light.moving and seconds is None:
        raise InputError(f"the light {str(light)!r} moves: give the seconds of each frame")
    times = seconds if light.moving and seconds is not None else [0.0]
    maps = np.stack([light.level_map(height, width, time) for time in times])
    return torch.from_numpy(maps).movedim(-1, 1).float() * 255


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
        light = as_array(light)
    if light.ndim == 2:
        light = light[..., None].repeat(3, axis=-1)
    if light.ndim != 3 or light.shape[-1] not in (3, 4) or 0 in light.shape:
        raise InputError(f"a light array is (h, w) or (h, w, 3), not {light.shape}")
    levels = torch.from_numpy(light[..., :3].astype(np.float32)).permute(2, 0, 1)[None]
    return levels if light.dtype == np.uint8 else _from_tensor(levels)
