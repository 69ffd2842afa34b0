"""Guides: what makes the large picture that an upscale starts from and is held to, by name or file.

A file may be of this project's layout, or of any super-resolution network that spandrel knows
(ESRGAN and its family, SPAN, SwinIR ...). Only safetensors are read. Nothing here imports torch
before a guide is loaded.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from relight.errors import ModelError
from relight.models.files import fault

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from relight.methods.compact_super_resolution import CompactSuperResolution
    from relight.types import Enlarge

FOLDER = Path(__file__).parent / "guide"
GUIDES = {"mini": FOLDER / "clean.safetensors", "restore": FOLDER / "restore.safetensors"}
"""The embedded ones. `mini` keeps compression and noise, `restore` undoes them.

Back-projection belongs after `mini` only: after `restore` it brings the damage back.
"""
BICUBIC = "bicubic"
GUIDE_SHA256 = {
    "mini": "626e92b42bbff7ba79ab808904f57c104c78926114c0bfcb0a96c82f535dd9f2",
    "restore": "05155352129f84db58091a0d70af59cf5c486e6c34938ee7bda8d8925ed89932",
}
"""Of the embedded weights: change these only together with the measurements in their card."""


def check_guide(name: str) -> Path | None:
    """The file of a guide; None: bicubic, which has none.

    Raises:
        ModelError: an unknown name, a missing or damaged file, one that isn't safetensors.
    """
    if name == BICUBIC:
        return None
    path = GUIDES.get(name, Path(name))
    known = ", ".join((BICUBIC, *GUIDES))
    if path.suffix != ".safetensors":
        raise ModelError(f"unknown guide {name!r}: use {known}, or a .safetensors file")
    if not path.is_file():
        raise ModelError(f"the guide {name} is not a file: use {known}, or a .safetensors file")
    problem = fault(path)
    if problem:
        raise ModelError(f"the guide {name} is not a whole safetensors file: {problem}")
    return path


def restores(name: str) -> bool:
    """Whether a guide undoes damage, which back-projection would bring back."""
    return name == "restore"


def load_enlargement(name: str = "mini", device: str = "cpu", half: bool = False) -> Enlarge:
    """A guide as a function (n, 3, h, w) in [0, 1], size -> (n, 3, *size), in tiles.

    Args:
        name: "bicubic", "mini", "restore", or a .safetensors file.
        device: a torch device. half: compute in half precision, where the network can.

    Raises:
        ModelError: as `check_guide`; or weights of no network that enlarges colour pictures.
    """
    path = check_guide(name)
    if path is None:
        from relight.methods.back_projection import larger

        return larger
    return _loaded(path, path.stat().st_mtime_ns, not restores(name), device, half)


@functools.lru_cache(maxsize=2)  # a folder of pictures is a job each
def _loaded(path: Path, changed_ns: int, project: bool, device: str, half: bool) -> Enlarge:
    import torch

    from relight.methods.network_enlargement import NetworkEnlargement

    weights = _weights(path)
    if "join.weight" not in weights:
        from relight.models.spandrel_guides import foreign_enlargement

        return foreign_enlargement(weights, path, device, half)
    dtype = torch.float16 if half else torch.float32
    network = _network_for(weights, path).to(device, dtype).eval().requires_grad_(False)
    return NetworkEnlargement(network=network, project=project, device=device, dtype=dtype)


def load_guide(
    source: str | Path = "mini", device: str = "cpu", dtype: torch.dtype | None = None
) -> CompactSuperResolution:
    """The network of an embedded guide by its name, or of the same layout from a file.

    Args:
        source: a name of `GUIDES`, or a file.
        device: a torch device.
        dtype: that it computes in, default float32; the files hold float16.

    Raises:
        ModelError: an unknown name, a missing file, or weights of another network.
    """
    path = check_guide(str(source))
    if path is None:
        raise ModelError(f"{BICUBIC} has no network: use {', '.join(GUIDES)}, or a file")
    network = _network_for(_weights(path), path)
    return network.to(device=device, dtype=dtype).eval().requires_grad_(False)


def _weights(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise ModelError(f"{path} is not a safetensors file: {error}") from error


def _network_for(weights: dict[str, Tensor], path: Path) -> CompactSuperResolution:
    """The network whose shape these weights have, holding them, in float32."""
    from relight.methods.compact_super_resolution import CompactSuperResolution

    try:
        width = weights["conv_in.weight"].shape[0]
        blocks = sum(name.endswith(".first.weight") for name in weights)
        network = CompactSuperResolution(width, blocks)
        network.load_state_dict(weights)
    except (KeyError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"{path} holds no compact super-resolution network: weights are missing, or have "
            "another shape"
        ) from error
    return network
