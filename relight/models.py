"""A model's name, or a folder -> loaded components, ready to relight."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from diffusers import DiffusionPipeline

from relight.catalogue import CATALOGUE, Entry, folder_parts, is_here, locate
from relight.errors import ModelError
from relight.ic_light import ICLightPipeline, ic_light_scheduler, ic_light_unet
from relight.pipelines import (
    AnimateDiffRelightPipeline,
    CogVideoXRelightPipeline,
    WanRelightPipeline,
)

Parts = dict[str, Path]
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
SMALL_GPU = 16
"""GiB of GPU memory below which `memory="auto"` means "low"."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """A loaded model.

    Attributes:
        why: why this one was taken. device, dtype: where and how it computes.
        chunk: frames per pass of the relighter; None takes all at once.
    """

    name: str
    entry: Entry
    pipe: AnimateDiffRelightPipeline | WanRelightPipeline | CogVideoXRelightPipeline
    relighter: ICLightPipeline
    why: str
    device: str
    dtype: str
    chunk: int | None = None

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
    name: str = "auto", device: str = "auto", dtype: str = "auto", memory: str = "auto"
) -> Model:
    """Load a model by name, or from a folder (see `relight.catalogue.folder_parts`).

    Args:
        name: "auto", a name of `CATALOGUE`, or a folder. "auto" takes "animatediff" where there is
            a GPU and its weights are here, else "mini"; `Model.why` says so.
        device: "auto", or a torch device.
        dtype: "auto" (float16 on a GPU; bfloat16 for Wan; float32 on the CPU) or one of `DTYPES`.
        memory: "low" keeps one component at a time on the GPU, tiles the VAE and relights few
            frames at a time; "high" keeps all there; "auto" decides by the GPU's memory.

    Raises:
        ModelError: an unknown name, a device that is not there, or weights that are missing.
    """
    where = _device(device)
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
    kind = _dtype(dtype, where, entry)
    pipe, relighter = _ASSEMBLE[entry.backbone](parts, kind)
    pipe.set_progress_bar_config(disable=True)
    low = memory == "low" or (memory == "auto" and _is_small(where))
    _place(pipe, relighter, where, low)
    return Model(
        name=name,
        entry=entry,
        pipe=pipe,
        relighter=relighter,
        why=why,
        device=str(where),
        dtype=str(kind).removeprefix("torch."),
        chunk=4 if low else None,
    )


def _place(
    pipe: DiffusionPipeline, relighter: ICLightPipeline, device: torch.device, low: bool
) -> None:
    if not low:
        pipe.to(device)
        relighter.to(device)
        return
    if hasattr(pipe.vae, "enable_tiling"):
        pipe.vae.enable_tiling()
    if device.type == "cpu":
        pipe.to(device)
        relighter.to(device)
    else:  # the relighter and the video model are then never both on the GPU
        relighter.enable_model_cpu_offload(device=device)
        pipe.enable_model_cpu_offload(device=device)


def _is_small(device: torch.device) -> bool:
    if device.type != "cuda":
        return False
    return torch.cuda.get_device_properties(device).total_memory < SMALL_GPU * 2**30


def _choose(device: torch.device) -> tuple[str, str]:
    if device.type != "cuda":
        return "mini", "no GPU here"
    if not is_here(CATALOGUE["animatediff"]):
        return (
            "mini",
            "the weights of animatediff are not here: relight models download animatediff",
        )
    return "animatediff", "a GPU and its weights are here"


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"the device {name!r} can't be used: {reason}") from None
    return device


def _dtype(name: str, device: torch.device, entry: Entry) -> torch.dtype:
    if name != "auto":
        if name not in DTYPES:
            raise ModelError(f"unknown dtype {name!r}: use auto, {', '.join(DTYPES)}")
        return DTYPES[name]
    if device.type == "cpu":
        return torch.float32
    return torch.bfloat16 if entry.backbone == "wan" else torch.float16


def _folder_entry(parts: Parts) -> Entry:
    """The catalogue's entry that fits the components of a folder of one's own."""
    if "transformer" not in parts:
        return CATALOGUE["animatediff"]
    from diffusers import WanTransformer3DModel

    config = _load_with(WanTransformer3DModel.load_config, parts["transformer"])
    kinds = {"WanTransformer3DModel": "wan", "CogVideoXTransformer3DModel": "cogvideox"}
    found = kinds.get(config.get("_class_name"))
    if found is None:
        raise ModelError(
            f"no backbone for {config.get('_class_name')}: known are {', '.join(kinds)}"
        )
    scale = 8  # of both VAEs
    small = config.get("sample_height"), config.get("sample_width")
    area = small[0] * small[1] * scale**2 if all(small) else None
    return replace(CATALOGUE[found], area=area or CATALOGUE[found].area)


def _relighter(parts: Parts, dtype: torch.dtype, prefix: str = "relighter/") -> ICLightPipeline:
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    weights = {"dtype": dtype, "use_safetensors": True}
    unet = _load(UNet2DConditionModel, parts[prefix + "unet"], **weights)
    kind = _config(parts[prefix + "scheduler"]).get("prediction_type", "epsilon")
    return ICLightPipeline(
        vae=_load(AutoencoderKL, parts[prefix + "vae"], **weights),
        text_encoder=_load(CLIPTextModel, parts[prefix + "text_encoder"], **weights),
        tokenizer=_load(CLIPTokenizer, parts[prefix + "tokenizer"]),
        unet=ic_light_unet(unet, parts["relighter/offsets"]),
        scheduler=ic_light_scheduler(prediction_type=kind),
    )


def _animatediff(
    parts: Parts, dtype: torch.dtype
) -> tuple[AnimateDiffRelightPipeline, ICLightPipeline]:
    from diffusers import EulerAncestralDiscreteScheduler, MotionAdapter, UNet2DConditionModel

    weights = {"dtype": dtype, "use_safetensors": True}
    relighter = _relighter(parts, dtype, prefix="")  # shares all but the UNet
    pipe = AnimateDiffRelightPipeline(
        vae=relighter.vae,
        text_encoder=relighter.text_encoder,
        tokenizer=relighter.tokenizer,
        unet=_load(UNet2DConditionModel, parts["unet"], **weights),
        motion_adapter=_load(MotionAdapter, parts["motion_adapter"], **weights),
        # Both published schedulers run linear betas over the checkpoint's own configuration.
        scheduler=_load(
            EulerAncestralDiscreteScheduler, parts["scheduler"], beta_schedule="linear"
        ),
    )
    return pipe, relighter


def _wan(parts: Parts, dtype: torch.dtype) -> tuple[WanRelightPipeline, ICLightPipeline]:
    from diffusers import (
        AutoencoderKLWan,
        FlowMatchEulerDiscreteScheduler,
        WanTransformer3DModel,
    )
    from transformers import AutoTokenizer, UMT5EncoderModel

    weights = {"dtype": dtype, "use_safetensors": True}
    pipe = WanRelightPipeline(
        tokenizer=_load(AutoTokenizer, parts["tokenizer"]),
        text_encoder=_load(UMT5EncoderModel, parts["text_encoder"], **weights),
        # The published recommendation: this VAE loses colour below float32.
        vae=_load(AutoencoderKLWan, parts["vae"], dtype=torch.float32, use_safetensors=True),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        transformer=_load(WanTransformer3DModel, parts["transformer"], **weights),
    )
    return pipe, _relighter(parts, _half(dtype))


def _cogvideox(
    parts: Parts, dtype: torch.dtype
) -> tuple[CogVideoXRelightPipeline, ICLightPipeline]:
    from diffusers import (
        AutoencoderKLCogVideoX,
        CogVideoXDDIMScheduler,
        CogVideoXTransformer3DModel,
    )
    from transformers import AutoTokenizer, T5EncoderModel

    weights = {"dtype": dtype, "use_safetensors": True}
    pipe = CogVideoXRelightPipeline(
        tokenizer=_load(AutoTokenizer, parts["tokenizer"]),
        text_encoder=_load(T5EncoderModel, parts["text_encoder"], **weights),
        vae=_load(AutoencoderKLCogVideoX, parts["vae"], **weights),
        transformer=_load(CogVideoXTransformer3DModel, parts["transformer"], **weights),
        scheduler=_load(CogVideoXDDIMScheduler, parts["scheduler"]),
    )
    return pipe, _relighter(parts, dtype)


_ASSEMBLE = {"animatediff": _animatediff, "wan": _wan, "cogvideox": _cogvideox}


def _half(dtype: torch.dtype) -> torch.dtype:
    """Stable Diffusion 1.5 was made for float16; bfloat16 has too few digits for its colours."""
    return torch.float16 if dtype == torch.bfloat16 else dtype


def _config(path: Path) -> dict[str, Any]:
    from diffusers import EulerDiscreteScheduler

    return _load_with(EulerDiscreteScheduler.load_config, path)


def _load(kind: type, path: Path, **options: Any) -> Any:
    return _load_with(kind.from_pretrained, path, **options)


def _load_with(loader: Callable[..., Any], path: Path, **options: Any) -> Any:
    try:
        return loader(path, local_files_only=True, **options)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(f"can't load {path.name} from {path.parent}: {reason}") from error
