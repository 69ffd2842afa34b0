"""Numbers that overflow are found where they arise, instead of ending as black pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from relight.errors import NotFinite

PARTS = ("unet", "transformer", "text_encoder", "text_encoder_2", "controlnet")
HALVES = ("encoder", "decoder")
"""What a VAE is made of: it is called by these, not as a whole."""
BLACK, LIT = 1 / 255, 0.1
"""Brightest value of a frame that counts as black, and of one that doesn't."""


@contextmanager
def finite_only(pipes: Sequence[Any]) -> Iterator[None]:
    """Within the block, a part of a pipeline whose result holds NaN or infinity raises `NotFinite`.

    Args:
        pipes: pipelines, or what else has `components`.
    """
    # A compiled module would be compiled anew for each hook; its frames are looked at in the end.
    parts = {name: part for name, part in _watched(pipes).items() if not _is_compiled(part)}
    hooks = [part.register_forward_hook(_watch(name)) for name, part in parts.items()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def refuse_black(made: Tensor, source: Tensor) -> None:
    """Refuse frames that came out black, as a decoder's do that overflows.

    Args:
        made: (frames, 3, h, w) in [0, 1]. source: (frames, 3, h', w') in [0, 1], what was shown.

    Raises:
        NotFinite: a frame is black, or not finite, and its source is not black.

    >>> refuse_black(torch.zeros(1, 3, 2, 2), torch.zeros(1, 3, 2, 2))
    """
    if not bool(torch.isfinite(made).all()):
        raise NotFinite("the model's frames hold values that are not numbers")
    dark = (made.amax((1, 2, 3)) < BLACK).cpu() & (source.amax((1, 2, 3)) > LIT).cpu()
    if bool(dark.any()):
        raise NotFinite(f"the model made {int(dark.sum())} of {len(made)} frames black")


def _watched(pipes: Sequence[Any]) -> dict[str, nn.Module]:
    """Name -> module, each once though several pipelines share it."""
    found: dict[int, tuple[str, nn.Module]] = {}
    for pipe in pipes:
        for name, part in pipe.components.items():
            if not isinstance(part, nn.Module):
                continue
            halves = HALVES if name == "vae" else ()
            inner = [(f"{name} {half}", getattr(part, half, None)) for half in halves]
            for label, module in inner or [(name, part)]:
                if isinstance(module, nn.Module) and (inner or name in PARTS):
                    found.setdefault(id(module), (label, module))
    names: dict[str, nn.Module] = {}
    for label, module in found.values():
        names[label if label not in names else f"second {label}"] = module
    return names


def _is_compiled(module: nn.Module) -> bool:
    return getattr(module, "_compiled_call_impl", None) is not None


def _watch(name: str) -> Any:
    def hook(module: nn.Module, given: object, made: object) -> None:
        tensor = _first(made)
        if tensor is not None and not bool(torch.isfinite(tensor).all()):
            raise NotFinite(
                f"the model's {name.replace('_', ' ')} gave values that are not numbers "
                f"({str(tensor.dtype).removeprefix('torch.')})"
            )

    return hook


def _first(made: object) -> Tensor | None:
    """The first floating-point tensor of what a module returns."""
    if isinstance(made, Tensor):
        return made if made.is_floating_point() else None
    values = list(made.values()) if isinstance(made, dict) else made
    if not isinstance(values, list | tuple):
        return None
    return next((one for one in map(_first, values) if one is not None), None)
