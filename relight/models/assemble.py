"""Files -> pipelines: how each backbone of the catalogue is put together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from relight.errors import ModelError
from relight.pipelines import (
    AnimateDiffRelightPipeline,
    CogVideoXRelightPipeline,
    WanRelightPipeline,
)
from relight.relighters.ic_light import ICLightPipeline, ic_light_scheduler, ic_light_unet

Parts = dict[str, Path]
RelightPipeline = AnimateDiffRelightPipeline | WanRelightPipeline | CogVideoXRelightPipeline


def stable_diffusion(parts: Parts, dtype: torch.dtype, prefix: str = "") -> dict[str, Any]:
    """VAE, text encoder, tokenizer and UNet of a Stable Diffusion, by their names in a pipeline.

    Raises:
        ModelError: files that are damaged, or of something else.
    """
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    weights = {"dtype": dtype, "use_safetensors": True}
    return {
        "vae": load_part(AutoencoderKL, parts[prefix + "vae"], **weights),
        "text_encoder": load_part(CLIPTextModel, parts[prefix + "text_encoder"], **weights),
        "tokenizer": load_part(CLIPTokenizer, parts[prefix + "tokenizer"]),
        "unet": load_part(UNet2DConditionModel, parts[prefix + "unet"], **weights),
    }


def _relighter(parts: Parts, dtype: torch.dtype, prefix: str = "relighter/") -> ICLightPipeline:
    common = stable_diffusion(parts, dtype, prefix)
    kind = _config(parts[prefix + "scheduler"]).get("prediction_type", "epsilon")
    common["unet"] = ic_light_unet(common["unet"], parts["relighter/offsets"])
    return ICLightPipeline(**common, scheduler=ic_light_scheduler(prediction_type=kind))


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
        unet=load_part(UNet2DConditionModel, parts["unet"], **weights),
        motion_adapter=load_part(MotionAdapter, parts["motion_adapter"], **weights),
        # Both published schedulers run linear betas over the checkpoint's own configuration.
        scheduler=load_part(
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
        tokenizer=load_part(AutoTokenizer, parts["tokenizer"]),
        text_encoder=load_part(UMT5EncoderModel, parts["text_encoder"], **weights),
        # The published recommendation: this VAE loses colour below float32.
        vae=load_part(AutoencoderKLWan, parts["vae"], dtype=torch.float32, use_safetensors=True),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        transformer=load_part(WanTransformer3DModel, parts["transformer"], **weights),
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
        tokenizer=load_part(AutoTokenizer, parts["tokenizer"]),
        text_encoder=load_part(T5EncoderModel, parts["text_encoder"], **weights),
        vae=load_part(AutoencoderKLCogVideoX, parts["vae"], **weights),
        transformer=load_part(CogVideoXTransformer3DModel, parts["transformer"], **weights),
        scheduler=load_part(CogVideoXDDIMScheduler, parts["scheduler"]),
    )
    return pipe, _relighter(parts, dtype)


_BACKBONES = {"animatediff": _animatediff, "wan": _wan, "cogvideox": _cogvideox}


def assemble(
    backbone: str, parts: Parts, dtype: torch.dtype
) -> tuple[RelightPipeline, ICLightPipeline]:
    """The video model and the relighter of a backbone (`Entry.backbone`), on the CPU.

    Raises:
        ModelError: files that are damaged, or of something else.
    """
    return _BACKBONES[backbone](parts, dtype)


def _half(dtype: torch.dtype) -> torch.dtype:
    """Stable Diffusion 1.5 was made for float16; bfloat16 has too few digits for its colours."""
    return torch.float16 if dtype == torch.bfloat16 else dtype


def _config(path: Path) -> dict[str, Any]:
    from diffusers import EulerDiscreteScheduler

    return load_with(EulerDiscreteScheduler.load_config, path)


def load_part(kind: type, path: Path, **options: Any) -> Any:
    return load_with(kind.from_pretrained, path, **options)


def load_with(loader: Callable[..., Any], path: Path, **options: Any) -> Any:
    """Call a `from_pretrained` or `load_config` of one component: local files only, one-line error.

    Raises:
        ModelError: it can't be read.
    """
    try:
        return loader(path, local_files_only=True, **options)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(f"can't load {path.name} from {path.parent}: {reason}") from error
