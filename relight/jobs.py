"""What a user asks for, defined once: for Python, command line, YAML files, app and sidecar.

A field added to a job appears in all of them by itself, with its range and its help text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from relight.errors import InputError

Fraction01 = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


Seed = Annotated[
    int | None,
    Field(ge=0, le=2**63 - 1, description="Seeds all noise; default: a random one, reported."),
]
Start = Annotated[
    float,
    Field(ge=0, allow_inf_nan=False, description="Where in the clip to begin, in seconds."),
]
Frames = Annotated[
    int | None, Field(ge=1, description="How many source frames to take; default: all.")
]
Device = Annotated[str, Field(description="auto, cpu, cuda, cuda:1, mps ...")]
Dtype = Annotated[
    Literal["auto", "float32", "float16", "bfloat16"],
    Field(description="Number format of the weights; auto: half precision on a GPU."),
]
Memory = Annotated[
    Literal["lowest", "low", "auto", "high"],
    Field(
        description="low: one component at a time on the GPU, tiled VAE, few frames at a time; "
        "lowest: layer by layer, with weights stored in 8 bits, slower and a little coarser; "
        "high: everything there; auto: by the GPU's memory."
    ),
]
Attention = Annotated[
    Literal["auto", "flash", "sage", "xformers"],
    Field(
        description="Attention kernels, for models that have the choice and if installed; auto: "
        "PyTorch's own."
    ),
]
Compile = Annotated[
    bool,
    Field(
        description="Compile the models with torch.compile: minutes to start, then faster; for "
        "long clips."
    ),
]
Overwrite = Annotated[bool, Field(description="Replace the output if it exists.")]


class Job(BaseModel):
    """What jobs have in common. Frozen; raises `InputError` (one line) through `make`.

    `exclusive` names settings that say one thing in several ways, of which a job has one at most.
    """

    exclusive: ClassVar[tuple[str, ...]] = ()
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    input: Path
    output: Path

    @model_validator(mode="after")
    def _paths(self) -> Self:
        if "\0" in f"{self.input}{self.output}":
            raise ValueError("a path holds a zero byte")
        return self

    @classmethod
    def make(cls, **settings: Any) -> Self:
        """A checked job; a wrong setting gives an `InputError` of one line that names it."""
        try:
            return cls(**settings)
        except ValidationError as error:
            raise InputError(_one_line(error, cls)) from None

    @property
    def loading(self) -> tuple[str, str, str, str, str, bool]:
        """What a model is loaded with: two jobs with the same share a model."""
        return self.model, self.device, self.dtype, self.memory, self.attention, self.compile

    def settings(self) -> dict[str, Any]:
        """All settings as plain JSON values, with absolute paths."""
        values = self.model_dump(mode="json")
        for key in ("input", "output"):
            values[key] = str(Path(values[key]).absolute())
        return values


class RelightJob(Job):
    """One clip to relight."""

    input: Path = Field(description="The clip: mp4, mov, mkv, webm, avi, gif, or a still image.")
    output: Path = Field(
        description="The file to write; its ending chooses the format: mp4, mov, mkv, webm, gif, "
        "or a still png, jpg, webp; frames/%05d.png is a PNG sequence."
    )
    prompt: str = Field(description='Subject and light, e.g. "a bear, red neon light".')
    light: str = Field(
        "left",
        description="Where the light comes from: left, right, top, bottom, none, or the path of an "
        "image that is bright where the light is.",
    )
    model: str = Field(
        "auto",
        description="auto, mini (embedded), animatediff, wan, cogvideox, or a folder of your own.",
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
    recipe: Literal["best", "paper"] = Field(
        "best", description="best, or paper: Light-A-Video exactly as published."
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
    overwrite: Overwrite = False

    @model_validator(mode="after")
    def _texts(self) -> Self:
        if not self.prompt.strip():
            raise ValueError("prompt is empty: say what is lit and how")
        if "\0" in self.light:
            raise ValueError("a path holds a zero byte")
        return self


class UpscaleJob(Job):
    """One picture or clip to upscale."""

    exclusive = ("scale", "size")

    input: Path = Field(
        description="The picture or clip: png, jpg, webp, gif, mp4, mov, mkv, webm, avi."
    )
    output: Path = Field(
        description="The file to write; its ending chooses the format: png, jpg, webp for a "
        "picture, mp4, mov, mkv, webm, gif for a clip; frames/%05d.png is a PNG sequence."
    )
    scale: float | None = Field(
        None,
        gt=1,
        le=16,
        allow_inf_nan=False,
        description="How many times wider and higher; default: 2.",
    )
    size: str | None = Field(
        None,
        pattern=r"^[1-9]\d{0,5}x[1-9]\d{0,5}$",
        description="WIDTHxHEIGHT in pixels instead of a scale, e.g. 2048x1152; a picture of "
        "another shape is enlarged until it fits inside.",
    )
    prompt: str = Field("", description="What is to be seen, if the model is to be told.")
    negative_prompt: str = Field(
        "blurry, lowres, bad quality", description="What the model moves away from."
    )
    identity: Fraction01 = Field(
        0.8,
        description="1: keep my picture as it is, only sharper; 0: let the model reimagine the "
        "details.",
    )
    model: str = Field(
        "auto",
        description="auto, mini (embedded), sd15, sdxl (pictures only), or a folder of your own.",
    )
    seed: Seed = None
    start: Start = 0.0
    frames: Frames = None
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
        description="Guidance scale; 1 and less run without guidance, in half the time; default: "
        "the model's.",
    )
    tile: int | None = Field(
        None,
        ge=0,
        description="Side in pixels of the tiles the model works in, a multiple of 64: smaller "
        "needs less memory; 0: whole pictures; default: tiles for large pictures.",
    )
    device: Device = "auto"
    dtype: Dtype = "auto"
    memory: Memory = "auto"
    attention: Attention = "auto"
    compile: Compile = False
    overwrite: Overwrite = False

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if self.scale is not None and self.size is not None:
            raise ValueError("give a scale or a size, not both")
        return self


def _one_line(error: ValidationError, kind: type[Job]) -> str:
    parts = []
    for fault in error.errors(include_url=False):
        name = ".".join(str(part) for part in fault["loc"])
        text = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "missing":
            parts.append(f"{name} is missing")
        elif fault["type"] == "extra_forbidden":
            known = ", ".join(kind.model_fields)
            parts.append(f"unknown setting {name!r}: use {known}")
        elif name:
            text = text.removeprefix("Input should be ")
            parts.append(f"{name} should be {text}, not {fault['input']!r}")
        else:
            parts.append(text)
    return "; ".join(parts)
