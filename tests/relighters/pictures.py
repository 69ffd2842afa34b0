"""A picture, and what IC-Light makes of it in three steps."""

import numpy as np
import torch
from PIL import Image

from tests.conftest import TINY

OFFSETS = TINY / "iclight_fc.safetensors"


def picture(seed=0, height=64, width=64):
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def relit(pipe, image=None, seed=0, **given):
    settings = {"num_inference_steps": 3, "output_type": "pt", **given}
    generator = torch.Generator().manual_seed(seed)
    image = picture() if image is None else image
    return pipe(image, "a bear, red light", generator=generator, **settings).images


def one_line(error):
    return "\n" not in str(error.value)
