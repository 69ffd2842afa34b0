"""Diffusers pipelines: thin shells over stock pipelines and the methods of `relight.methods`.

The names below load on first use: each brings its own model classes from diffusers and
transformers, and a run needs one or two of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from relight.pipelines.animatediff_relight import AnimateDiffRelightPipeline
    from relight.pipelines.cogvideox_relight import CogVideoXRelightPipeline
    from relight.pipelines.diffusehigh_controlnet import (
        DiffuseHighSD15ControlNetPipeline,
        DiffuseHighSDXLControlNetPipeline,
    )
    from relight.pipelines.diffusehigh_sd15 import DiffuseHighSD15Pipeline
    from relight.pipelines.diffusehigh_sdxl import DiffuseHighSDXLPipeline
    from relight.pipelines.fusion import light_fusion
    from relight.pipelines.video_upscale import VideoUpscaleAnimateDiffPipeline
    from relight.pipelines.wan_relight import WanRelightPipeline
    from relight.relighters.ic_light import ICLightPipeline

_MODULES = {
    "AnimateDiffRelightPipeline": "relight.pipelines.animatediff_relight",
    "CogVideoXRelightPipeline": "relight.pipelines.cogvideox_relight",
    "DiffuseHighSD15ControlNetPipeline": "relight.pipelines.diffusehigh_controlnet",
    "DiffuseHighSD15Pipeline": "relight.pipelines.diffusehigh_sd15",
    "DiffuseHighSDXLControlNetPipeline": "relight.pipelines.diffusehigh_controlnet",
    "DiffuseHighSDXLPipeline": "relight.pipelines.diffusehigh_sdxl",
    "ICLightPipeline": "relight.relighters.ic_light",
    "VideoUpscaleAnimateDiffPipeline": "relight.pipelines.video_upscale",
    "WanRelightPipeline": "relight.pipelines.wan_relight",
    "light_fusion": "relight.pipelines.fusion",
}

__all__ = [
    "AnimateDiffRelightPipeline",
    "CogVideoXRelightPipeline",
    "DiffuseHighSD15ControlNetPipeline",
    "DiffuseHighSD15Pipeline",
    "DiffuseHighSDXLControlNetPipeline",
    "DiffuseHighSDXLPipeline",
    "ICLightPipeline",
    "VideoUpscaleAnimateDiffPipeline",
    "WanRelightPipeline",
    "light_fusion",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
