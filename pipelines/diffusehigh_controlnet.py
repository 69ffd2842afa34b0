"""DiffuseHigh with a ControlNet (arXiv:2406.18459, arXiv:2302.05543)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal

import cv2
import numpy as np
import torch
from diffusers import (
    StableDiffusionControlNetImg2ImgPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLControlNetImg2ImgPipeline,
    StableDiffusionXLPipeline,
)
from torch import Tensor

from relight.errors import InputError
from relight.methods.diffuse_high import UpscaleRecipe
from relight.pipelines.diffuse_high import DiffuseHigh
from relight.pipelines.diffusehigh_sdxl import DiffuseHighSDXLPipeline
from relight.types import Size

Control = Literal["tile", "canny"] | Callable[[Tensor], Tensor]
"""How a condition is made of pictures (n, 3, h, w) in [0, 1]; the result has the same form."""

CANNY = (100, 200)
"""Thresholds of the edges, of 255, as the published ControlNet was trained with."""


class ControlledStages(DiffuseHigh):
    """Every stage's condition is made anew from what that stage starts from, at its own size.

    The call takes one argument more, `control`: "tile" (the default), the picture itself; "canny",
    its edges; a function, pictures (n, 3, h, w) in [0, 1] -> a condition of that form; or a list of
    these, for as many ControlNets. The stock arguments, as `controlnet_conditioning_scale`, apply
    to all stages. A first picture that is generated has nothing to be conditioned on, and is
    generated without. With `tile` set, the UNet works in tiles, and the ControlNet on the whole.
    """

    def denoised(
        self,
        guide: Tensor,
        *,
        control: Control | list[Control] | tuple[Control, ...] = "tile",
        **call: Any,
    ) -> Tensor:
        if isinstance(control, list | tuple):
            call["control_image"] = [condition(one, guide) for one in control]
        else:
            call["control_image"] = condition(control, guide)
        return super().denoised(guide, **call)

    def _generated(self, size: Size, recipe: UpscaleRecipe, call: Mapping[str, Any]) -> Tensor:
        known = inspect.signature(self.text_to_image.__call__).parameters
        plain = {name: value for name, value in call.items() if name in known}
        return super()._generated(size, recipe, plain)


class DiffuseHighSD15ControlNetPipeline(ControlledStages, StableDiffusionControlNetImg2ImgPipeline):
    """`StableDiffusionControlNetImg2ImgPipeline` that generates or upscales in guided stages.

    The call is that of `DiffuseHighSD15Pipeline`, with `control`: see `ControlledStages`.
    """

    text_to_image = StableDiffusionPipeline


class DiffuseHighSDXLControlNetPipeline(
    ControlledStages, StableDiffusionXLControlNetImg2ImgPipeline
):
    """`StableDiffusionXLControlNetImg2ImgPipeline` that generates or upscales in guided stages.

    The call is that of `DiffuseHighSDXLPipeline`, with `control`: see `ControlledStages`.
    """

    text_to_image = StableDiffusionXLPipeline
    stage_inputs = DiffuseHighSDXLPipeline.stage_inputs


def condition(control: Control, pictures: Tensor) -> Tensor:
    """What a ControlNet is shown of `pictures`, (n, 3, h, w) in [0, 1]; the same form.

    Raises:
        InputError: `control` is not known, or made something of another size.
    """
    if control == "tile":
        return pictures
    if control == "canny":
        return canny(pictures)
    if not callable(control):
        raise InputError(f"control is 'tile', 'canny' or a function of pictures, not {control!r}")
    made = control(pictures)
    if made.shape != pictures.shape:
        raise InputError(
            f"control made a condition {tuple(made.shape)} of pictures {tuple(pictures.shape)}"
        )
    return made


def canny(pictures: Tensor) -> Tensor:
    """White edges on black of (n, 3, h, w) in [0, 1], by `cv2.Canny` on the grey picture."""
    edges = []
    for picture in (pictures.float().cpu() * 255).round().byte().permute(0, 2, 3, 1).numpy():
        edges.append(cv2.Canny(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), *CANNY))
    white = torch.from_numpy(np.stack(edges)).to(pictures) / 255
    return white[:, None].expand_as(pictures)
