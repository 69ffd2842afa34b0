"""Super-resolution networks of others as guides, recognised and built by spandrel (MIT).

spandrel is an optional extra: `pip install 'relight[guides]'`. It declares torchvision, of which
only two of its architectures, neither an upscaler, use three names; where torchvision is not
installed they get placeholders, and all else works.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from relight.errors import ModelError
from relight.methods.network_enlargement import NetworkEnlargement

if TYPE_CHECKING:
    from spandrel import ImageModelDescriptor

MARGIN = 32
"""Pixels around a tile that networks of unknown reach are given."""


def foreign_enlargement(
    weights: dict[str, Tensor], path: Path, device: str, half: bool
) -> NetworkEnlargement:
    """The network with these weights as an enlargement.

    Args:
        weights: of the file `path`, which errors name.
        device: a torch device. half: compute in half precision, where the network can.

    Raises:
        ModelError: spandrel is missing, doesn't know the network, or it doesn't enlarge pictures.
    """
    model = _built(weights, path)
    dtype = torch.float32
    if half and (model.supports_half or model.supports_bfloat16):
        dtype = torch.float16 if model.supports_half else torch.bfloat16
    model.to(device, dtype).eval()
    for parameter in model.model.parameters():
        parameter.requires_grad_(False)
    tiled = model.tiling.name == "SUPPORTED"
    return NetworkEnlargement(
        network=model,
        factor=model.scale,
        margin=MARGIN,
        tile=256 if tiled else None,
        device=device,
        dtype=dtype,
    )


def _built(weights: dict[str, Tensor], path: Path) -> ImageModelDescriptor:
    if importlib.util.find_spec("spandrel") is None:
        raise ModelError(f"{path} needs spandrel: pip install 'relight[guides]'")
    with _torchvision():
        import spandrel
    try:
        model = spandrel.ModelLoader().load_from_state_dict(weights)
    except spandrel.UnsupportedModelError:
        raise ModelError(f"{path} holds no network that spandrel knows") from None
    except (RuntimeError, KeyError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"{path} is damaged: {reason}") from error
    if not isinstance(model, spandrel.ImageModelDescriptor):
        raise ModelError(f"{path} holds a network that needs a mask: it can't be a guide")
    if model.input_channels != 3 or model.output_channels != 3:
        raise ModelError(f"{path} holds a network of {model.input_channels} channels, not of three")
    if model.scale < 2:
        raise ModelError(f"{path} holds a network that doesn't enlarge")
    return model


@contextmanager
def _torchvision() -> Iterator[None]:
    """Within the block spandrel can be imported, also where torchvision is not installed."""
    if "spandrel" in sys.modules or importlib.util.find_spec("torchvision") is not None:
        yield
        return

    def missing(*_: Any, **__: Any) -> Any:
        raise ModelError("this network needs torchvision, which is not installed")

    names = ("torchvision", "torchvision.transforms", "torchvision.transforms.functional")
    modules = [ModuleType(name) for name in names]
    vars(modules[-1]).update(rotate=missing, normalize=missing, InterpolationMode=missing)
    sys.modules.update(zip(names, modules, strict=True))
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]
