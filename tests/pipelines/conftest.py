"""Light-A-Video and DiffuseHigh in a few steps."""

import pytest
import torch

from .making import noise_clip, noise_picture


@pytest.fixture
def enlarge(diffusehigh):
    """enlarge(image, pipe=..., **settings): one short stage, 2 steps of which 1 is guided."""

    def call(image="default", pipe=diffusehigh, seed=0, **given):
        settings = {
            "prompt": "a bear",
            "negative_prompt": "bad quality",
            "image": noise_picture() if isinstance(image, str) else image,
            "sizes": [(128, 128)],
            "num_inference_steps": 6,
            "noising_steps": 2,
            "dwt_steps": 1,
            "output_type": "pt",
            "generator": torch.Generator().manual_seed(seed),
            **given,
        }
        return pipe(**settings).images

    return call


@pytest.fixture
def run(animatediff, relighter):
    """run(frames, pipe=..., **settings): a short call; 3 steps are run, 2 of them relight."""

    def call(frames=None, pipe=animatediff, seed=0, **given):
        settings = {
            "prompt": "a bear walking",
            "relighter": relighter,
            "relight_prompt": "a bear, red light",
            "relight_steps": 2,
            "num_inference_steps": 6,
            "output_type": "pt",
            "generator": torch.Generator().manual_seed(seed),
            **given,
        }
        frames = noise_clip() if frames is None else frames
        return pipe(frames, **settings)

    return call
