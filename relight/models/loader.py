"""A model's name, or a folder -> a loaded model that relights clips."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from diffusers import WanTransformer3DModel

from relight.diffusion.compute import settle
from relight.errors import ModelError
from relight.models.assemble import Parts, RelightPipeline, assemble, load_with
from relight.models.catalogue import CATALOGUE, Entry, folder_parts, is_here, locate
from relight.relighters.ic_light import ICLightPipeline

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
CHUNKS = {"lowest": 2, "low": 4, "high": None}
"""Frames per pass of the relighter, by where things lie."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """A loaded model.

    Attributes:
        why: why this one was taken. device, dtype, memory: where and how it computes.
    """

    name: str
    entry: Entry
    pipe: RelightPipeline
    relighter: ICLightPipeline
    why: str
    device: str
    dtype: str
    memory: str = "high"

    @property
    def chunk(self) -> int | None:
        """Frames per pass of the relighter; None: all at once."""
        return CHUNKS[self.memory]

    @property
    def side(self) -> float:
        """Side, in pixels, of the square whose area the model was made for."""
        if self.entry.area:
            return self.entry.area**0.5
        return self.pipe.unet.config.sample_size * self.pipe.vae_scale_factor

    @property
    def multiple(self) -> int:
        """Width and height must be multiples of this, in pixels."""
        return math.lcm(self.pipe.size_multiple(), self.relighter.vae_scale_factor)


def load_model(
    name: str = "auto",
    device: str = "auto",
    dtype: str = "auto",
    memory: str = "auto",
    attention: str = "auto",
    compile: bool = False,
) -> Model:
    """Load a model by name, or from a folder (see `relight.models.catalogue.folder_parts`).

    Args:
        name: "auto", a name of `CATALOGUE`, or a folder. "auto" takes "animatediff" where there is
            a GPU and its weights are here, else "mini"; `Model.why` says so.
        device: "auto", or a torch device.
        dtype: "auto" (on a GPU the model's half precision, see `Entry.half`; float32 on the CPU)
            or one of `DTYPES`.
        memory: "lowest", "low", "high" (see `relight.diffusion.compute.place`; the first two
            relight few frames at a time), or "auto", which decides by the GPU's memory.
        attention: see `relight.diffusion.compute.use_attention`.
        compile: compile what denoises with `torch.compile`.

    Raises:
        ModelError: an unknown name, weights that are missing, a device or an attention backend
            that can't be used.
    """
    where = device_for(device)
    why = "asked for"
    if name == "auto":
        name, why = _choose(where)
    if name in CATALOGUE:
        entry = CATALOGUE[name]
        parts = locate(entry)
    elif name and Path(name).is_dir():
        parts = folder_parts(Path(name))
        entry = _folder_entry(parts)
    else:
        known = ", ".join(("auto", *CATALOGUE))
        raise ModelError(f"unknown model {name!r}: use {known}, or an existing folder")
    kind = dtype_for(dtype, where, entry.half)
    pipe, relighter = assemble(entry.backbone, parts, kind)
    pipe.set_progress_bar_config(disable=True)
    memory = settle((pipe, relighter), where, memory, attention, compile)
    return Model(
        name=name,
        entry=entry,
        pipe=pipe,
        relighter=relighter,
        why=why,
        device=str(where),
        dtype=str(kind).removeprefix("torch."),
        memory=memory,
    )


def _choose(device: torch.device) -> tuple[str, str]:
    if device.type != "cuda":
        return "mini", "no GPU here"
    if not is_here(CATALOGUE["animatediff"]):
        return (
            "mini",
            "the weights of animatediff are not here: relight models download animatediff",
        )
    return "animatediff", "a GPU and its weights are here"


def device_for(name: str) -> torch.device:
    """ "auto" or a torch device -> the device; ModelError if it is not here."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"the device {name!r} can't be used: {reason}") from None
    return device


def dtype_for(name: str, device: torch.device, half: str) -> torch.dtype:
    """ "auto" or one of `DTYPES` -> the number format, `half` on a GPU; or ModelError."""
    if name != "auto":
        if name not in DTYPES:
            raise ModelError(f"unknown dtype {name!r}: use auto, {', '.join(DTYPES)}")
        return DTYPES[name]
    if device.type == "cpu":
        return torch.float32
    return DTYPES[half]


def _folder_entry(parts: Parts) -> Entry:
    """The catalogue's entry that fits the components of a folder of one's own."""
    if "transformer" not in parts:
        return CATALOGUE["animatediff"]
    # Any transformer's class reads the configuration of any other.
    config = load_with(WanTransformer3DModel.load_config, parts["transformer"])
    kinds = {entry.transformer: entry for entry in CATALOGUE.values() if entry.transformer}
    kind = config.get("_class_name")
    if kind not in kinds:
        raise ModelError(f"no backbone for {kind}: known are {', '.join(kinds)}")
    scale = 8  # of both VAEs
    small = config.get("sample_height"), config.get("sample_width")
    area = small[0] * small[1] * scale**2 if all(small) else None
    return replace(kinds[kind], area=area or kinds[kind].area)
