"""What is known of one model family, in one place: its file in this folder ends in a `BACKBONE`.

Nothing outside that file asks which family a model is of. This module imports no torch, so that a
plan can be made from `Native` alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relight.diffusion.parts import Parts, read_config

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

    from relight.relighters.image_edit import Editor


@dataclass(frozen=True, kw_only=True)
class Native:
    """What a model was made for and what it takes, known before any weight is loaded.

    Attributes:
        side: side in pixels of the square whose area it was made for.
        multiple: width and height must be multiples of this, in pixels.
        frame_step: it takes `frame_step` k + 1 frames; 1: any number.
    """

    side: float
    multiple: int
    frame_step: int = 1

    def whole_frames(self, frames: int) -> int:
        """The next number of frames, from `frames` up, that the model can take."""
        return -(-(frames - 1) // self.frame_step) * self.frame_step + 1


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """A family of models that one pipeline class runs.

    Attributes:
        name: of the catalogue's entry whose settings a folder of this family takes.
        pipeline: its class. Sizes, frame counts and recipes of a loaded model are its methods.
        parts: paths in a folder of this family, all needed.
        fits: whether a folder holds a model of this family, by its layout and configurations.
        native: what the configurations of a folder say; its `side` is 0 where they say nothing.
        load: parts -> the pipeline, on the CPU.
        editor: the adapter of a pipeline that edits pictures (`relight.relighters.image_edit`);
            None: it makes videos, or upscales.
    """

    name: str
    pipeline: type[DiffusionPipeline]
    parts: tuple[str, ...]
    fits: Callable[[Path], bool]
    native: Callable[[Parts], Native]
    load: Callable[[Parts], DiffusionPipeline]
    editor: Callable[[Any], Editor] | None = None


def has_transformer(folder: Path, kind: str) -> bool:
    """Whether a folder's `transformer` is of a class, by name."""
    part = folder / "transformer"
    return part.is_dir() and read_config(part).get("_class_name") == kind


def is_pipeline(folder: Path, kind: str) -> bool:
    """Whether a folder was saved by a pipeline class, by its name."""
    try:
        index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(index, dict) and index.get("_class_name") == kind


def unet_native(parts: Parts) -> Native:
    """`Native` of a UNet over an `AutoencoderKL`: each level of both halves the picture."""
    unet = parts.config("unet")
    vae_factor = halvings(parts, "vae")
    depth = 2 ** (len(unet["block_out_channels"]) - 1)
    return Native(side=unet["sample_size"] * vae_factor, multiple=vae_factor * depth)


def halvings(parts: Parts, name: str) -> int:
    """Pixels a latent of an `AutoencoderKL` (or one built like it) stands for, along a side."""
    return 2 ** (len(parts.config(name)["block_out_channels"]) - 1)
