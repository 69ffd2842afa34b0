"""A relighting job: every setting, with its range, its default and its help text."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from relight.jobs.base import (
    INPUT,
    OUTPUT,
    Attention,
    Compile,
    Device,
    Devices,
    Dtype,
    Fraction01,
    Frames,
    Job,
    KeepWork,
    Memory,
    Overwrite,
    Resume,
    Seed,
    Start,
    WorkFolder,
)
from relight.lights import Keyframe, Light, MovingLight, parse_light, usages

LEFT = "left"


class RelightJob(Job):
    """One clip to relight."""

    exclusive = ("light", "light_at")

    input: Path = Field(description=INPUT)
    output: Path = Field(description=OUTPUT)
    prompt: str = Field(
        "", description='Subject and light, e.g. "a bear, red neon light"; none with a reference.'
    )
    light: str = Field(
        LEFT,
        description=f"Where the light comes from: {usages()} (bright where the light is); several "
        "of them with ' + ' between (a list in YAML). `relight lights` explains them.",
    )
    light_at: list[str] = Field(
        [],
        description="Instead of a light, one that moves: SECONDS=LIGHT, given for each place it "
        "passes, counted from the first frame. 0=left and 2.5=point:x=.8 make it go from there to "
        "there; 2.5=smooth:point:x=.8 eases the way.",
    )
    model: str = Field(
        "auto",
        description="auto, mini (embedded), animatediff, wan, cogvideox; one that edits keyframes: "
        "instruct-pix2pix, flux-kontext, qwen-edit, qwen-edit-plus; or a folder of your own.",
    )
    scene: str | None = Field(
        None, description="Prompt of the video model, without the light; default: the prompt."
    )
    negative_prompt: str = Field(
        "bad quality, worst quality", description="What the video model moves away from."
    )
    seed: Seed = None
    start: Start = 0.0
    frames: Frames = None
    reference: list[str] = Field(
        [],
        description="A frame of the clip that was relit with any other tool: its light is carried "
        "to all frames, and no model is needed. Several, as SECONDS=FILE, are keyframes.",
    )
    reference_at: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="When the frame of the reference is shown, in seconds; default: found.",
    )
    intensity: float = Field(
        1.0,
        ge=0,
        le=2,
        allow_inf_nan=False,
        description="How strong the light is, in stops: 0 the source, 1 as designed, 2 twice.",
    )
    shape: Fraction01 = Field(
        0.8,
        description="How far the subject's form takes part in the light of recipe fast: 0 a wash "
        "of light, 1 a lamp.",
    )
    recipe: Literal["auto", "fast", "best", "paper"] = Field(
        "auto",
        description="fast: keyframes are relit, and their light is carried along the motion. best: "
        "the video model takes part. paper: Light-A-Video exactly as published. auto: what "
        "measures better with the model.",
    )
    strength: float | None = Field(
        None,
        gt=0,
        le=1,
        allow_inf_nan=False,
        description="Part of the noise schedule the video model runs, above 0 and up to 1; "
        "default: the model's.",
    )
    steps: int | None = Field(
        None, ge=1, le=1000, description="Denoising steps that are run; default: the model's."
    )
    relight_steps: int | None = Field(
        None, ge=1, le=1000, description="Steps of each relight; default: the model's."
    )
    guidance: float = Field(
        2.0,
        ge=0,
        le=50,
        allow_inf_nan=False,
        description="Guidance scale of the video model; 1 and less run without guidance.",
    )
    gamma: Fraction01 | None = Field(
        None, description="Share of Consistent Light Attention, 0 to 1; default: the recipe's."
    )
    transfer: Literal["auto", "on", "off"] = Field(
        "auto",
        description="on: put the generated light on the source's own pixels, at full size and "
        "frame rate. off: the model's own pixels. auto: on for mini and for clips larger than the "
        "model.",
    )
    side: int | None = Field(
        None,
        ge=16,
        le=4096,
        description="The model sees frames of about side x side pixels; default: what it was made "
        "for. Smaller is faster and needs less memory.",
    )
    upscale: float | None = Field(
        None,
        gt=1,
        le=16,
        allow_inf_nan=False,
        description="Upscale the relit clip this many times, in the same pass; default: its own "
        "size.",
    )
    light_fps: float = Field(
        8.0,
        gt=0,
        le=240,
        allow_inf_nan=False,
        description="Frames a second that the model sees when the light is transferred.",
    )
    device: Device = "auto"
    dtype: Dtype = "auto"
    memory: Memory = "auto"
    attention: Attention = "auto"
    compile: Compile = False
    devices: Devices = None
    work: WorkFolder = None
    keep_work: KeepWork = False
    resume: Resume = True
    overwrite: Overwrite = False

    @field_validator("light", mode="before")
    @classmethod
    def _light_text(cls, light: object) -> object:
        """One text, also of a light object and of a list of lights."""
        return str(parse_light(light)) if isinstance(light, Light | list | tuple) else light

    @field_validator("reference", mode="before")
    @classmethod
    def _reference_texts(cls, references: object) -> object:
        """A list of texts, also of one path, or of a mapping from seconds to paths."""
        if isinstance(references, dict):
            return [f"{seconds}={path}" for seconds, path in references.items()]
        if isinstance(references, str | Path):
            return [str(references)] if str(references) else []
        if references is None:
            return []
        return (
            [str(one) for one in references] if isinstance(references, list | tuple) else references
        )

    @field_validator("light_at", mode="before")
    @classmethod
    def _keyframe_texts(cls, keyframes: object) -> object:
        """A list of texts, also of a mapping from seconds to lights, or of lines."""
        if isinstance(keyframes, str):
            return [line.strip() for line in keyframes.splitlines() if line.strip()]
        if isinstance(keyframes, dict):
            return [f"{seconds}={light}" for seconds, light in keyframes.items()]
        return [] if keyframes is None else keyframes

    @model_validator(mode="after")
    def _texts(self) -> Self:
        if not self.prompt.strip() and not self.reference:
            raise ValueError("prompt is empty: say what is lit and how, or give a reference")
        if self.reference_at is not None and len(self.reference) != 1:
            raise ValueError("reference_at is for one reference: write several as SECONDS=FILE")
        if self.reference and self.transfer == "off":
            raise ValueError("a reference gives light, and no pixels: transfer can't be off")
        if self.recipe == "fast" and self.transfer == "off":
            raise ValueError("recipe fast carries light: for the model's own pixels take best")
        if "\0" in self.light:
            raise ValueError("a path holds a zero byte")
        parse_light(self.light)
        if self.light_at:
            MovingLight.read(self.light_at)
            if self.light != LEFT:
                raise ValueError("give a light, or a moving one by light_at, not both")
        return self

    def settings(self) -> dict[str, Any]:
        """All settings as plain JSON values, with absolute paths, also those of lights."""
        light = str(parse_light(self.light).absolute())
        keyframes = [str(Keyframe.parse(text).absolute()) for text in self.light_at]
        references = [absolute_reference(text) for text in self.reference]
        return {
            **super().settings(),
            "light": light,
            "light_at": keyframes,
            "reference": references,
        }


def absolute_reference(text: str) -> str:
    """A reference with the absolute path of its file: `3.2=b.png` -> `3.2=/there/b.png`."""
    seconds, path = split_reference(text)
    return str(path.absolute()) if seconds is None else f"{seconds:g}={path.absolute()}"


def split_reference(text: str) -> tuple[float | None, Path]:
    """`SECONDS=FILE` or `FILE`: the moment, if there is one, and the file.

    >>> split_reference("3.2=b.png"), split_reference("a=b.png")
    ((3.2, PosixPath('b.png')), (None, PosixPath('a=b.png')))
    """
    moment, equals, name = text.partition("=")
    try:
        seconds = float(moment) if equals else math.nan
    except ValueError:
        return None, Path(text)
    return (seconds, Path(name)) if math.isfinite(seconds) else (None, Path(text))
