"""Diffusers pipelines: thin shells over stock pipelines and the methods of `relight.methods`."""

from relight.ic_light import ICLightPipeline
from relight.pipelines.animatediff_relight import AnimateDiffRelightPipeline
from relight.pipelines.light_fusion import light_fusion

__all__ = ["AnimateDiffRelightPipeline", "ICLightPipeline", "light_fusion"]
