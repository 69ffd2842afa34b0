"""IC-Light: the pipeline that relights frames, its weights and its scheduler."""

from relight.relighters.ic_light.pipeline import (
    ICLightPipeline,
    OnStep,
    image_to_image_steps,
)
from relight.relighters.ic_light.weights import ic_light_scheduler, ic_light_unet

__all__ = [
    "ICLightPipeline",
    "OnStep",
    "ic_light_scheduler",
    "ic_light_unet",
    "image_to_image_steps",
]
