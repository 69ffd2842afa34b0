"""Pictures for the pipelines to work on, and what the published code made of some."""

import json

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

from tests.conftest import GOLDEN


def noise_picture(height=64, width=64, count=1, seed=3):
    """(count, 3, height, width) in [0, 1]."""
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(seed))


def noise_clip(count=2, height=64, width=64):
    """PIL images."""
    rng = np.random.default_rng(3)
    noise = rng.integers(0, 256, (count, height, width, 3), dtype=np.uint8)
    return [Image.fromarray(frame) for frame in noise]


def published(name):
    """How the published code was run, as our pipelines take it, and its data: frames, expected."""
    case = json.loads((GOLDEN / f"{name}.json").read_text())
    taken = (
        *("relight_prompt", "light", "gamma", "relight_steps", "strength"),
        *("num_inference_steps", "guidance_scale"),
    )
    settings = {key: case[key] for key in taken}
    settings["generator"] = torch.Generator().manual_seed(case["seed"])
    data = load_file(GOLDEN / f"{name}.safetensors")
    return case, settings | {"recipe": "paper", "output_type": "np"}, data
