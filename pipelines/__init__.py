"""Diffusers pipelines: thin shells over stock pipelines and the methods of `relight.methods`."""

from relight.ic_light import ICLightPipeline
from relight.pipelines.animatediff_relight import AnimateDiffRelightPipeline
from relight.pipelines.cogvideox_relight import CogVideoXRelightPipeline
from relight.pipelines.light_fusion import light_fusion
from relight.pipelines.wan_relight import WanRelightPipeline

__all__ = [
    "AnimateDiffRelightPipeline",
    "CogVideoXRelightPipeline",
    "ICLightPipeline",
    "WanRelightPipeline",
    "light_fusion",
]
