"""IC-Light from the parts of a model."""

from __future__ import annotations

import torch

from relight.diffusion.parts import OFFSETS, Parts, stable_diffusion
from relight.relighters.ic_light.pipeline import ICLightPipeline
from relight.relighters.ic_light.weights import ic_light_scheduler, ic_light_unet


def load_ic_light(parts: Parts, offsets: str = OFFSETS) -> ICLightPipeline:
    """IC-Light over a model's own Stable Diffusion, or over the one in its `relighter/`.

    Args:
        offsets: the part that holds its own weights: `OFFSETS`, or `BACKDROP_OFFSETS`.

    Raises:
        ModelError: files that are damaged, or parts that don't fit each other.
    """
    prefix = "relighter/" if f"relighter/{OFFSETS}" in parts else ""
    # Stable Diffusion 1.5 was made for float16; bfloat16 has too few digits for its colours.
    dtype = torch.float16 if parts.dtype == torch.bfloat16 else parts.dtype
    base = stable_diffusion(parts, dtype, prefix)
    base["unet"] = ic_light_unet(base["unet"], parts.file(prefix + offsets))
    prediction = parts.config(prefix + "scheduler").get("prediction_type", "epsilon")
    return ICLightPipeline(**base, scheduler=ic_light_scheduler(prediction_type=prediction))
