"""A model's name, or a folder -> a loaded upscaler of pictures or of video."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import (
    EulerDiscreteScheduler,
    MotionAdapter,
)
from transformers import CLIPTextModelWithProjection, CLIPTokenizer

from relight.diffusion.compute import settle
from relight.errors import ModelError
from relight.models.assemble import Parts, load_part, stable_diffusion
from relight.models.catalogue import (
    SD15_PARTS,
    SDXL_PARTS,
    UPSCALERS,
    UpscaleEntry,
    is_here,
    locate,
)
from relight.models.loader import device_for, dtype_for
from relight.pipelines.diffusehigh_sd15 import DiffuseHighSD15Pipeline
from relight.pipelines.diffusehigh_sdxl import DiffuseHighSDXLPipeline
from relight.pipelines.video_upscale import VideoUpscaleAnimateDiffPipeline

UpscalePipeline = (
    DiffuseHighSD15Pipeline | DiffuseHighSDXLPipeline | VideoUpscaleAnimateDiffPipeline
)


@dataclass(frozen=True, kw_only=True)
class Upscaler:
    """A loaded upscaler.

    Attributes:
        why: why this one was taken. device, dtype, memory: where and how it computes.
        guidance, steps: of jobs that leave them open (steps of None: the recipe's).
        window: frames it takes at a time; None: it takes pictures.
    """

    name: str
    pipe: UpscalePipeline
    why: str
    device: str
    dtype: str
    memory: str
    guidance: float
    steps: int | None
    window: int | None

    @property
    def side(self) -> int:
        """Side, in pixels, of the square the model was made for."""
        return self.pipe.unet.config.sample_size * self.pipe.vae_scale_factor


def load_upscaler(
    moving: bool,
    name: str = "auto",
    device: str = "auto",
    dtype: str = "auto",
    memory: str = "auto",
    attention: str = "auto",
    compile: bool = False,
) -> Upscaler:
    """Load an upscaler by name, or from a folder (laid out like `relight/models/mini` or SDXL's).

    Args:
        moving: for clips; else for single pictures.
        name: "auto", a name of `UPSCALERS`, or a folder. "auto" takes "sdxl" for pictures, or else
            "sd15", where there is a GPU and its weights are here, else "mini".
        device, dtype, memory, attention, compile: see `relight.models.loader.load_model`.

    Raises:
        ModelError: an unknown name, missing weights, a picture model for a clip, a device that
            can't be used.
    """
    where, why = device_for(device), "asked for"
    if name == "auto":
        name, why = _choose(where, moving)
    entry = _entry(name)
    if moving and entry.window is None:  # told before gigabytes are downloaded
        raise ModelError(f"{name} upscales pictures only: use mini, sd15 or auto for a clip")
    parts = locate(entry) if name in UPSCALERS else _folder_parts(Path(name), entry, moving)
    kind = dtype_for(dtype, where, "float16")
    pipe = (_video if moving else _pictures)(parts, kind)
    pipe.set_progress_bar_config(disable=True)
    memory = settle((pipe,), where, memory, attention, compile)
    return Upscaler(
        name=name,
        pipe=pipe,
        why=why,
        device=str(where),
        dtype=str(kind).removeprefix("torch."),
        memory=memory,
        guidance=entry.guidance,
        steps=entry.steps,
        window=entry.window if moving else None,
    )


def _choose(device: torch.device, moving: bool) -> tuple[str, str]:
    if device.type != "cuda":
        return "mini", "no GPU here"
    for name in ("sd15",) if moving else ("sdxl", "sd15"):
        if is_here(UPSCALERS[name]):
            return name, "a GPU and its weights are here"
    return "mini", "the weights of sd15 are not here: relight models download sd15"


def _entry(name: str) -> UpscaleEntry:
    """The catalogue's entry of that name, or the one that a folder is like."""
    if name in UPSCALERS:
        return UPSCALERS[name]
    folder = Path(name)
    if not name or not folder.is_dir():
        known = ", ".join(("auto", *UPSCALERS))
        raise ModelError(f"unknown model {name!r}: use {known}, or an existing folder")
    return UPSCALERS["sdxl" if (folder / "text_encoder_2").is_dir() else "sd15"]


def _folder_parts(folder: Path, like: UpscaleEntry, moving: bool) -> Parts:
    names = SDXL_PARTS if like.window is None else SD15_PARTS
    if moving:
        names = (*names, "motion_adapter")
    missing = [part for part in names if not (folder / part).exists()]
    if missing:
        raise ModelError(f"the model folder {folder} has no {missing[0]}")
    return {part: folder / part for part in names}


def _pictures(
    parts: Parts, dtype: torch.dtype
) -> DiffuseHighSD15Pipeline | DiffuseHighSDXLPipeline:
    common = stable_diffusion(parts, dtype)
    scheduler = load_part(EulerDiscreteScheduler, parts["scheduler"])
    if "text_encoder_2" not in parts:
        return DiffuseHighSD15Pipeline(
            **common,
            scheduler=scheduler,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
    second = load_part(CLIPTextModelWithProjection, parts["text_encoder_2"], dtype=dtype)
    return DiffuseHighSDXLPipeline(
        **common,
        scheduler=scheduler,
        text_encoder_2=second,
        tokenizer_2=load_part(CLIPTokenizer, parts["tokenizer_2"]),
    )


def _video(parts: Parts, dtype: torch.dtype) -> VideoUpscaleAnimateDiffPipeline:
    return VideoUpscaleAnimateDiffPipeline(
        **stable_diffusion(parts, dtype),
        motion_adapter=load_part(MotionAdapter, parts["motion_adapter"], dtype=dtype),
        # AnimateDiff was trained on linear betas, over the checkpoint's own configuration.
        scheduler=load_part(EulerDiscreteScheduler, parts["scheduler"], beta_schedule="linear"),
    )
