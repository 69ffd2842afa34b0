"""What a user asks for, defined once: for Python, command line, YAML files, app and sidecar.

A field added to a job appears in all of them by itself, with its range and its help text.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import (
    BaseModel,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from relight.errors import InputError
from relight.jobs.faults import one_line
from relight.media.codecs import CodecName
from relight.media.formats import listed
from relight.media.options import Encoding, Reading

INPUT = (
    f"The clip or picture: {listed('video')}, {listed('picture')}; f/%05d.png and f/*.png are "
    "numbered pictures that make a clip."
)
OUTPUT = (
    "The file to write; its extension selects the format: "
    f"{listed('video', written=True)}, {listed('picture', written=True)}; "
    "frames/%05d.png (or exr, tif, jpg, webp) is a sequence of pictures."
)

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
Devices = Annotated[
    str | None,
    Field(
        description="Several devices, e.g. cuda:0,cuda:1: one process on each computes chunks of "
        "the clip."
    ),
]
WorkFolder = Annotated[
    Path | None,
    Field(
        description="Folder for the chunks of a run until it is complete; default: beside the "
        "output."
    ),
]
KeepWork = Annotated[bool, Field(description="Keep the chunks when the output is complete.")]
Resume = Annotated[
    bool, Field(description="Reuse the finished chunks of a run that was interrupted.")
]
Overwrite = Annotated[bool, Field(description="Replace the output if it exists.")]


@dataclass(frozen=True, kw_only=True)
class Compute:
    """Where and how a model computes. Jobs that ask for the same can share a loaded model.

    "auto" is decided when the model is loaded (`relight.diffusion.compute.resolve`).

    Attributes:
        device: "auto" or a torch device: "cpu", "cuda", "cuda:1", "mps" ...
        dtype: "auto", "float32", "float16" or "bfloat16".
        memory: "auto", "lowest", "low" or "high".
        attention: "auto", "flash", "sage", "xformers", or another backend that diffusers knows.
        compile: compile the denoisers with `torch.compile`.
    """

    device: str = "auto"
    dtype: str = "auto"
    memory: str = "auto"
    attention: str = "auto"
    compile: bool = False


class Delivery(BaseModel, frozen=True):
    """How a job's input is read and its output written; shared by all jobs."""

    fps: float | None = Field(
        None,
        gt=0,
        le=1000,
        allow_inf_nan=False,
        description="Frames a second of numbered pictures (f/%05d.png, f/*.png, a folder with "
        "--as-clip); default: 25. Videos and animations keep their own times.",
    )
    as_clip: bool = Field(
        False, description="Take a folder of pictures as one clip, in the order of their names."
    )
    tonemap: bool = Field(
        False,
        description="Map HDR (PQ, HLG) to SDR by BT.2390; without it, files of HDR are refused.",
    )
    strict: bool = Field(
        False,
        description="Fail where a part of the input is missing or damaged, instead of going on "
        "with the rest and a note; a video is decoded in one thread.",
    )
    codec: CodecName | None = Field(
        None,
        description="Video codec; default: h264, which plays everywhere, and vp9 in .webm; for "
        "a transparent source prores4444 in .mov and vp9 in .mkv, which keep that.",
    )
    crf: int | None = Field(
        None,
        ge=0,
        le=63,
        description="Quality on the codec's own scale, lower is better; default: one that looks "
        "like the source.",
    )
    pix_fmt: str | None = Field(
        None, description="Pixel format by FFmpeg's name, e.g. yuv444p; default: the codec's."
    )
    preset: str | None = Field(
        None, description="Speed of the encoder by its own name, e.g. slow; default: the codec's."
    )
    depth: Literal[8, 10, 12, 16, 32] | None = Field(
        None,
        description="Bits a channel of the output; default: the source's, where the format and "
        "the codec have them.",
    )
    keep_metadata: bool | None = Field(
        None,
        description="Keep the source's tags, including the place where it was taken; no: keep "
        "none; default: all but the place.",
    )
    matte: str | None = Field(
        None,
        description="Colour behind transparency where the output can't hold it: a name, #rrggbb; "
        "default: black.",
    )

    @property
    def reading(self) -> Reading:
        """How the input is read."""
        return Reading(
            fps=self.fps, as_clip=self.as_clip, tonemap=self.tonemap, careful=self.strict
        )

    @property
    def encoding(self) -> Encoding:
        """How the output is encoded."""
        names = ("codec", "crf", "pix_fmt", "preset", "depth", "keep_metadata", "matte")
        return Encoding(**{name: getattr(self, name) for name in names})

    @classmethod
    def in_order(cls) -> list[str]:
        """The names of all settings, for people: a job's own first, files and their form last."""
        kinds = (Delivery, Job)
        return sorted(
            cls.model_fields, key=lambda name: [name in kind.model_fields for kind in kinds]
        )


class Job(Delivery, frozen=True, extra="forbid", validate_default=True):
    """What jobs have in common. Frozen; raises `InputError` (one line) through `make`.

    `exclusive` names settings that say one thing in several ways, of which a job has one at most.
    """

    exclusive: ClassVar[tuple[str, ...]] = ()

    input: Path = Field(description=INPUT)
    output: Path = Field(description=OUTPUT)
    seed: Seed = Field(None)
    start: Start = 0.0
    frames: Frames = None
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

    @field_validator("*", mode="before")
    @classmethod
    def _of_its_kind(cls, value: object, field: ValidationInfo) -> object:
        """`true` is no number: it would be read as 1. A path is a text where one is wanted."""
        wanted = cls.model_fields[field.field_name].annotation if field.field_name else None
        kinds = (wanted, *get_args(wanted))
        if isinstance(value, bool) and bool not in kinds:
            raise ValueError("a number or a word")
        return os.fspath(value) if isinstance(value, os.PathLike) and str in kinds else value

    @field_validator("devices")
    @classmethod
    def _named_devices(cls, devices: str | None) -> str | None:
        if devices is not None and not all(name.strip() for name in devices.split(",")):
            raise ValueError("names with commas between, as in cuda:0,cuda:1")
        return devices

    @model_validator(mode="after")
    def _paths(self) -> Self:
        if "\0" in f"{self.input}{self.output}":
            raise ValueError("a path holds a zero byte")
        self.encoding.check(self.output)  # an InputError of its own, naming the option
        return self

    @classmethod
    def make(cls, **settings: Any) -> Self:
        """A checked job; a wrong setting gives an `InputError` of one line that names it."""
        try:
            return cls(**settings)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name = str(first["loc"][0]) if first["loc"] else None
            raise InputError(one_line(error, cls), field=name, value=first["input"]) from None

    @property
    def compute(self) -> Compute:
        """Where and how this job's model computes."""
        return Compute(
            device=self.device,
            dtype=self.dtype,
            memory=self.memory,
            attention=self.attention,
            compile=self.compile,
        )

    def files(self) -> dict[str, Path]:
        """What it reads besides its input: the name of each -> its path."""
        return {}

    def settings(self) -> dict[str, Any]:
        """All settings as plain JSON values, with absolute paths."""
        values = self.model_dump(mode="json")
        paths: dict[str, Path] = {"input": self.input, "output": self.output, **self.files()}
        return values | {key: str(path.absolute()) for key, path in paths.items() if key in values}
