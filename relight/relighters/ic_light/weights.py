"""IC-Light's weights: Stable Diffusion 1.5 + published offsets -> the relighting UNet.

The offsets are added to a UNet whose first convolution is widened, so that it also sees the latent
of the picture to relight (`fc`, 8 channels) and of a background (`fbc`, 12 channels).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import DPMSolverMultistepScheduler, UNet2DConditionModel
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from relight.errors import ModelError


def ic_light_unet(
    base_unet: UNet2DConditionModel, offsets: str | Path | Mapping[str, Tensor]
) -> UNet2DConditionModel:
    """The relighting UNet: base weights + offsets, with a first convolution as wide as theirs.

    Args:
        base_unet: a Stable Diffusion 1.5 UNet (4 latent channels); it is not changed.
        offsets: a `.safetensors` file of the published layout, or its state dict: every key of the
            base UNet, with `conv_in.weight` 8 (`fc`) or 12 (`fbc`) channels wide.

    Returns:
        A new `UNet2DConditionModel` on the base's device, in its dtype and in eval mode.

    Raises:
        ModelError: not a safetensors file, a key is missing or unknown, or a shape differs.

    >>> base = UNet2DConditionModel(
    ...     block_out_channels=(8, 8),
    ...     down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
    ...     up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    ...     cross_attention_dim=8, attention_head_dim=4, norm_num_groups=4)
    >>> offsets = {name: torch.zeros_like(weight) for name, weight in base.state_dict().items()}
    >>> offsets["conv_in.weight"] = torch.zeros(8, 8, 3, 3)
    >>> ic_light_unet(base, offsets).config["in_channels"]
    8
    """
    if not isinstance(offsets, Mapping):
        offsets = _read_offsets(Path(offsets))
    base = base_unet.state_dict()
    _check_keys(base, offsets)
    channels = _channels(base_unet, offsets)
    merged = {}
    for key, weight in base.items():
        offset = offsets[key].to(weight.device)
        if key == "conv_in.weight":
            weight = F.pad(weight, (0, 0, 0, 0, 0, channels - weight.shape[1]))
        if weight.shape != offset.shape:
            raise ModelError(
                f"IC-Light offset {key} has shape {tuple(offset.shape)}, the base UNet's is "
                f"{tuple(weight.shape)}: these offsets belong to another base model"
            )
        merged[key] = (weight.float() + offset.float()).to(weight.dtype)
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(base_unet.config, in_channels=channels)
    assert isinstance(unet, UNet2DConditionModel)  # a tuple only with return_unused_kwargs
    unet.load_state_dict(merged, assign=True)
    return unet.eval().requires_grad_(False)


def ic_light_scheduler(**config: Any) -> DPMSolverMultistepScheduler:
    """The scheduler IC-Light is published with; `config` overrides, e.g. its `prediction_type`.

    The linear betas are no slip: that is what the published demo runs, over a model that was
    trained on scaled-linear ones.
    """
    published = {
        "num_train_timesteps": 1000,
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "linear",
        "algorithm_type": "sde-dpmsolver++",
        "use_karras_sigmas": True,
        "steps_offset": 1,
    }
    return DPMSolverMultistepScheduler(**{**published, **config})


def _read_offsets(path: Path) -> dict[str, Tensor]:
    if path.suffix != ".safetensors":
        raise ModelError(f"IC-Light offsets must be a .safetensors file (no pickles): {path}")
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"can't read IC-Light offsets {path}: {error}") from error


def _channels(base_unet: UNet2DConditionModel, offsets: Mapping[str, Tensor]) -> int:
    """Input channels of the relighting UNet: noisy latents, picture and (fbc) background."""
    own, shape = base_unet.config["in_channels"], tuple(offsets["conv_in.weight"].shape)
    if len(shape) != 4 or shape[1] not in (2 * own, 3 * own):
        raise ModelError(
            f"IC-Light offset conv_in.weight has shape {shape}: it needs {2 * own} (fc) or "
            f"{3 * own} (fbc) input channels over a base UNet with {own}"
        )
    return shape[1]


def _check_keys(base: Mapping[str, Tensor], offsets: Mapping[str, Tensor]) -> None:
    missing, unknown = sorted(base.keys() - offsets.keys()), sorted(offsets.keys() - base.keys())
    if missing:
        raise ModelError(f"IC-Light offsets lack {len(missing)} keys, e.g. {missing[0]}")
    if unknown:
        raise ModelError(f"IC-Light offsets have {len(unknown)} unknown keys, e.g. {unknown[0]}")
