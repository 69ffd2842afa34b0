"""A small scene with a known subject, and the tiny model, loaded once."""

import pytest
from PIL import Image

from relight.models.loader import load_model
from tests.conftest import CPU
from tests.masks.scenes import moving_disc

FRAMES = 6


@pytest.fixture(scope="session")
def tiny(tiny_model):
    model = load_model(str(tiny_model), CPU)
    return lambda *_: model


@pytest.fixture(scope="session")
def scene(tmp_path_factory):
    """A folder of pictures of a red disc that moves, and one of its mattes."""
    folder = tmp_path_factory.mktemp("scene")
    clip, mattes = moving_disc(frames=FRAMES, size=96, radius=22, colour=(0.8, 0.2, 0.2), step=3)
    for name, frames in (("clip", clip), ("mask", mattes.expand(-1, 3, -1, -1))):
        (folder / name).mkdir()
        codes = (frames * 255).round().byte().permute(0, 2, 3, 1).numpy()
        for i, image in enumerate(codes):
            Image.fromarray(image).save(folder / name / f"{i:02d}.png")
    return folder
