"""An upscaling job: every setting, with its range, its default and its help text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from relight.jobs.base import Fraction01, Job

SIZE = re.compile(r"[1-9][0-9]{0,5}x[1-9][0-9]{0,5}")
TILE_STEP = 64
"""Pixels: every model works in multiples of it."""


class UpscaleJob(Job, frozen=True):
    """One picture or clip to upscale."""

    exclusive = ("scale", "size")

    scale: float | None = Field(
        None,
        gt=1,
        le=16,
        allow_inf_nan=False,
        description="How many times wider and higher; default: 2. Videos are rounded to even "
        "sides.",
    )
    size: str | None = Field(
        None,
        description="WIDTHxHEIGHT in pixels instead of a scale, e.g. 2048x1152; a picture of "
        "another shape is enlarged until it fits inside.",
    )
    prompt: str = Field("", description="What the picture shows, as a hint to the model.")
    negative_prompt: str = Field(
        "blurry, lowres, bad quality", description="What the model should avoid."
    )
    identity: Fraction01 | None = Field(
        None,
        description="1: keep my picture, larger and sharp, by the guide alone, without diffusion; "
        "0: let the model reimagine the details; default: 1 with mini, 0.8 with other models.",
    )
    guide: str | None = Field(
        None,
        description="What makes the large picture that the model starts from and is held to: "
        "bicubic, mini (embedded), restore (embedded; also undoes compression and noise), or a "
        ".safetensors file of an ESRGAN-family network; default: mini, or restore where the first "
        "frame shows blocks of compression; bicubic with the recipe paper.",
    )
    model: str = Field(
        "auto",
        description="auto, mini (embedded), sd15, sdxl (pictures only), or a folder of your own.",
    )
    recipe: Literal["best", "paper"] = Field(
        "best", description="best, or paper: DiffuseHigh as published."
    )
    steps: int | None = Field(
        None, ge=1, le=1000, description="Denoising steps of each stage; default: the recipe's."
    )
    guidance: float | None = Field(
        None,
        ge=0,
        le=50,
        allow_inf_nan=False,
        description="Guidance scale; 1 or less: no guidance, in half the time; default: "
        "the model's.",
    )
    tile: int | None = Field(
        None,
        ge=0,
        multiple_of=TILE_STEP,
        description="Side in pixels of the tiles the model works in, a multiple of 64: smaller "
        "needs less memory; 0: whole pictures; default: tiles for large pictures.",
    )

    def files(self) -> dict[str, Path]:
        """Its guide, if that is a file: see `Job.files`."""
        path = Path(self.guide or "")
        return {"guide": path} if path.suffix and path.is_file() else {}

    @field_validator("size")
    @classmethod
    def _two_sides(cls, size: str | None) -> str | None:
        if size is not None and not SIZE.fullmatch(size):
            raise ValueError("WIDTHxHEIGHT in pixels, e.g. 2048x1152")
        return size

    @field_validator("guide")
    @classmethod
    def _named(cls, guide: str | None) -> str | None:
        if guide is not None and not guide.strip():
            raise ValueError("bicubic, mini, restore or a .safetensors file")
        return guide

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if self.scale is not None and self.size is not None:
            raise ValueError("give a scale or a size, not both")
        if self.recipe == "paper" and self.guide not in (None, "bicubic"):
            raise ValueError("the recipe paper has the guide bicubic: leave guide, or use best")
        return self
