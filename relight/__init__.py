"""Training-free video relighting and upscaling with diffusion models.

    import relight

    relight.relight_video("clip.mp4", "out.mp4", prompt="a bear, red neon light", light="left")

The names below load on first use, so that `import relight` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from relight.diffusion.x0 import edit_x0, output_for_x0, predict_x0
    from relight.engine.output import Result
    from relight.engine.run import relight_video, run_relight, run_upscale, upscale
    from relight.errors import (
        BusyError,
        Cancelled,
        InputError,
        MediaError,
        ModelError,
        OutOfMemory,
        RelightError,
    )
    from relight.jobs import Compute, RelightJob, UpscaleJob
    from relight.models.loader import load_model, load_upscaler
    from relight.pipelines import (
        AnimateDiffRelightPipeline,
        CogVideoXRelightPipeline,
        DiffuseHighSD15ControlNetPipeline,
        DiffuseHighSD15Pipeline,
        DiffuseHighSDXLControlNetPipeline,
        DiffuseHighSDXLPipeline,
        ICLightPipeline,
        VideoUpscaleAnimateDiffPipeline,
        WanRelightPipeline,
        light_fusion,
    )
    from relight.relighters.ic_light import ic_light_unet

_HOME = {
    "relight.errors": (
        "BusyError",
        "Cancelled",
        "InputError",
        "MediaError",
        "ModelError",
        "OutOfMemory",
        "RelightError",
    ),
    "relight.relighters.ic_light": ("ic_light_unet",),
    "relight.jobs": ("Compute", "RelightJob", "UpscaleJob"),
    "relight.models.loader": ("load_model", "load_upscaler"),
    "relight.pipelines": (
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
    ),
    "relight.engine.output": ("Result",),
    "relight.engine.run": ("relight_video", "run_relight", "run_upscale", "upscale"),
    "relight.diffusion.x0": ("edit_x0", "output_for_x0", "predict_x0"),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "AnimateDiffRelightPipeline",
    "BusyError",
    "Cancelled",
    "CogVideoXRelightPipeline",
    "Compute",
    "DiffuseHighSD15ControlNetPipeline",
    "DiffuseHighSD15Pipeline",
    "DiffuseHighSDXLControlNetPipeline",
    "DiffuseHighSDXLPipeline",
    "ICLightPipeline",
    "InputError",
    "MediaError",
    "ModelError",
    "OutOfMemory",
    "RelightError",
    "RelightJob",
    "Result",
    "UpscaleJob",
    "VideoUpscaleAnimateDiffPipeline",
    "WanRelightPipeline",
    "__version__",
    "edit_x0",
    "ic_light_unet",
    "light_fusion",
    "load_model",
    "load_upscaler",
    "output_for_x0",
    "predict_x0",
    "relight_video",
    "run_relight",
    "run_upscale",
    "upscale",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE:
        raise AttributeError(f"module 'relight' has no attribute {name!r}")
    return getattr(import_module(_MODULE[name]), name)
