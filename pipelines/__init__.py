"""Diffusers pipelines: thin shells over stock pipelines and the methods of `relight.methods`."""

from relight.pipelines.animatediff_relight import AnimateDiffRelightPipeline
from relight.pipelines.cogvideox_relight import CogVideoXRelightPipeline
from relight.pipelines.diffusehigh_controlnet import (
    DiffuseHighSD15ControlNetPipeline,
    DiffuseHighSDXLControlNetPipeline,
)
from relight.pipelines.diffusehigh_sd15 import DiffuseHighSD15Pipeline
from relight.pipelines.diffusehigh_sdxl import DiffuseHighSDXLPipeline
from relight.pipelines.light_fusion import light_fusion
from relight.pipelines.video_upscale import VideoUpscaleAnimateDiffPipeline
from relight.pipelines.wan_relight import WanRelightPipeline
from relight.relighters.ic_light import ICLightPipeline

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
