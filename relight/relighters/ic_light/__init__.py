"""IC-Light: the pipeline that relights frames, its weights and its scheduler."""

from relight.relighters.base import OnStep
from relight.relighters.ic_light.loading import load_ic_light
from relight.relighters.ic_light.pipeline import ICLightPipeline
from relight.relighters.ic_light.relighter import ICLight, grey_composite
from relight.relighters.ic_light.sampling import Sampling
from relight.relighters.ic_light.weights import ic_light_scheduler, ic_light_unet

__all__ = [
    "ICLight",
    "ICLightPipeline",
    "OnStep",
    "Sampling",
    "grey_composite",
    "ic_light_scheduler",
    "ic_light_unet",
    "load_ic_light",
]
