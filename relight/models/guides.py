"""Guide networks: what makes the large picture that an upscale is held to, by name or file."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from relight.errors import ModelError
from relight.methods.compact_super_resolution import CompactSuperResolution

FOLDER = Path(__file__).parent / "guide"
GUIDES = {"clean": FOLDER / "clean.safetensors", "restore": FOLDER / "restore.safetensors"}
"""The embedded ones. `clean` keeps compression and noise, `restore` undoes them.

Back-projection belongs after `clean` only: after `restore` it brings the damage back.
"""
GUIDE_SHA256 = {
    "clean": "50ece8d7a24b18dd4b77f93b38288064de30083f431b6b84033c1830b93eb5ec",
    "restore": "ad36a8b3e7f84b304e602577d52e428b9a63060a2155110846fd45e178307f73",
}
"""Of the embedded weights: change these only together with the measurements in their card."""


def load_guide(
    source: str | Path = "clean", device: str = "cpu", dtype: torch.dtype = torch.float32
) -> CompactSuperResolution:
    """An embedded guide by its name, or one of the same layout from a .safetensors file.

    Args:
        source: a name of `GUIDES`, or a file.
        device: a torch device.
        dtype: that it computes in; the files hold float16.

    Raises:
        ModelError: an unknown name, a missing file, or weights of another network.
    """
    path = GUIDES.get(str(source), Path(source))
    if path.suffix != ".safetensors" or not path.is_file():
        known = ", ".join(GUIDES)
        raise ModelError(f"unknown guide {str(source)!r}: use {known}, or a .safetensors file")
    try:
        weights = load_file(path)
    except SafetensorError as error:
        raise ModelError(f"{path} is not a safetensors file: {error}") from error
    network = _network_for(weights, path)
    return network.to(device=device, dtype=dtype).eval().requires_grad_(False)


def _network_for(weights: dict[str, Tensor], path: Path) -> CompactSuperResolution:
    """The network whose shape these weights have, holding them."""
    try:
        width = weights["conv_in.weight"].shape[0]
        blocks = sum(name.endswith(".first.weight") for name in weights)
        network = CompactSuperResolution(width, blocks)
        network.load_state_dict(weights)
    except (KeyError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path} holds no compact super-resolution network: {error}") from error
    return network
