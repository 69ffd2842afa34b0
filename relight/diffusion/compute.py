"""Where the parts of a model are placed and how they compute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn

from relight.errors import ModelError
from relight.jobs.base import Compute

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

    from relight.diffusion.typed import Component

    Pipes = Sequence[DiffusionPipeline]

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
SMALL_GPU = 16
"""GiB of GPU memory below which `memory="auto"` means "low"."""

DENOISERS = ("unet", "transformer")
REPEATED = ("ResnetBlock2D", "BasicTransformerBlock")
"""Of which UNets are made."""
SHAPES = 128
"""That what is compiled may meet: layers of a block, sizes and numbers of frames."""


def resolve(compute: Compute, half: str) -> Compute:
    """Decide what is left at "auto" (but `attention`, which is for each model to follow).

    Args:
        compute: what is asked for. half: the half precision the model was made for.

    Raises:
        ModelError: the device can't be used, or the number format is unknown.
    """
    device = resolve_device(compute.device)
    dtype, memory = compute.dtype, compute.memory
    if dtype == "auto":
        dtype = "float32" if device.type == "cpu" else half
    if dtype not in DTYPES:
        raise ModelError(f"unknown dtype {dtype!r}: use auto, {', '.join(DTYPES)}")
    if memory == "auto":
        memory = "low" if is_small(device) else "high"
    return replace(compute, device=str(device), dtype=dtype, memory=memory)


def resolve_device(name: str) -> torch.device:
    """The device of that name; "auto" is the GPU if there is one.

    Raises:
        ModelError: it can't be used.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:  # whose text lists every kind of device that PyTorch was ever built for
        raise ModelError(
            f"there is no device {name!r}: auto, cpu, cuda, cuda:1, mps ...; see relight doctor"
        ) from None
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(
            f"the device {name!r} can't be used: {reason}; see relight doctor"
        ) from None
    return device


def set_up(pipes: Pipes, compute: Compute) -> None:
    """Make freshly loaded pipelines, which may share parts, compute as asked for.

    Args:
        compute: resolved, see `resolve`.

    Raises:
        ModelError: the attention backend can't be used.
    """
    use_attention(pipes, compute.attention)
    place(pipes, torch.device(compute.device), compute.memory)
    if compute.compile:
        compile_denoisers(pipes, whole=compute.memory == "high")


def is_small(device: torch.device) -> bool:
    """Whether a device is a GPU on which the parts of a model should take turns."""
    if device.type != "cuda":
        return False
    return torch.cuda.get_device_properties(device).total_memory < SMALL_GPU * 2**30


def place(pipes: Pipes, device: torch.device, memory: str) -> None:
    """Put pipelines that work together (and may share parts) on a device.

    Args:
        memory: "high": all there. "low": one part at a time is there, the others wait on the CPU;
            VAEs work in slices and tiles. "lowest": as low, but layer by layer, and the weights of
            the denoisers are stored in 8 bits (float8 e4m3) and widened when used, which costs
            some quality.
    """
    if memory == "high":
        for pipe in pipes:
            pipe.to(device)
        return
    vaes = _parts(pipes, ("vae",))
    for vae in vaes:
        vae.enable_slicing()
        vae.enable_tiling()
    if memory == "lowest":
        for model in _parts(pipes, DENOISERS):
            model.enable_layerwise_casting(torch.float8_e4m3fn, model.dtype)
        for model in _parts(pipes):
            if any(model is vae for vae in vaes):
                model.to(device)  # small; `codecs` changes its precision as a whole
            else:
                _offload_by_layer(model, device)
        return
    for pipe in pipes:
        if device.type == "cpu":
            pipe.to(device)
        else:  # the relighter and the video model are then never both on the GPU
            pipe.enable_model_cpu_offload(device=device)


def use_attention(pipes: Pipes, backend: str) -> None:
    """Let what denoises compute its attention with a backend of diffusers.

    Args:
        backend: "auto": PyTorch's own; or a name of diffusers' `AttentionBackendName`, e.g.
            "flash", "sage", "xformers". Models without a choice keep PyTorch's own; the UNets of
            Stable Diffusion 1.5 have that between it and "xformers".

    Raises:
        ModelError: the backend is unknown or not installed, or no model has that choice.
    """
    if backend == "auto":
        return
    try:
        taken = [_set_attention(model, backend) for model in _parts(pipes, DENOISERS)]
    except (RuntimeError, ValueError, ImportError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"attention {backend!r} can't be used: {reason}") from None
    if not any(taken):
        raise ModelError(f"this model has no attention {backend!r}: use auto or xformers")


def compile_denoisers(pipes: Pipes, whole: bool = True) -> None:
    """Compile what denoises: the repeated blocks of a transformer, whole UNets.

    Few kinds of blocks make a transformer, each of which is compiled once. A UNet has blocks of
    many sizes, and more to gain between them: with its channels last, its norms, activations and
    convolutions are fused. On an H200 a pass takes seven tenths of its time then, eight tenths by
    its blocks alone (`python -m examples.gpu_bench denoisers`).

    Args:
        whole: UNets as a whole; not where hooks within them fetch their layers to the device, so
            that their blocks are compiled.
    """
    import torch._dynamo.config

    torch._dynamo.config.recompile_limit = SHAPES  # the default gives up after 8 of them
    for model in _parts(pipes, DENOISERS):
        names = {*(getattr(model, "_repeated_blocks", None) or ()), *REPEATED}
        blocks = [part for part in model.modules() if type(part).__name__ in names]
        if whole and _is_unet(model):
            cast("Any", model).to(memory_format=torch.channels_last)  # PyTorch types no such `to`
            blocks = [model]
        for block in blocks or [model]:
            block.compile(dynamic=False)


def _is_unet(model: nn.Module) -> bool:
    return any(type(part).__name__ == "ResnetBlock2D" for part in model.modules())


def _parts(pipes: Pipes, names: Sequence[str] | None = None) -> list[Component]:
    """The modules of those names, or all, each once though several pipelines share it."""
    found = [
        cast("Component", part)
        for pipe in pipes
        for name, part in pipe.components.items()
        if isinstance(part, nn.Module) and (names is None or name in names)
    ]
    return list({id(part): part for part in found}.values())


def _offload_by_layer(model: nn.Module, device: torch.device) -> None:
    from diffusers.hooks import apply_group_offloading

    apply_group_offloading(
        model,
        onload_device=device,
        offload_device=torch.device("cpu"),
        offload_type="leaf_level",
        use_stream=device.type == "cuda",  # fetches the next layer while this one computes
    )


def _set_attention(model: Component, backend: str) -> bool:
    """Whether the model has that choice; it is then made."""
    processors = model.attn_processors.values()
    if any(hasattr(processor, "_attention_backend") for processor in processors):
        from diffusers import attention_backend

        with attention_backend("native"):  # which is put back: it would hold for other models too
            model.set_attention_backend(backend)
        return True
    from diffusers.models.attention_processor import AttnProcessor2_0

    if backend == "xformers" and all(type(one) is AttnProcessor2_0 for one in processors):
        model.enable_xformers_memory_efficient_attention()
        return True
    return False
