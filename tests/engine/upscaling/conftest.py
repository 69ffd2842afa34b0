"""What the tests of upscaling run on: tiny and embedded weights, a picture, a clip."""

import functools

import cv2
import pytest
from PIL import Image

from relight import media
from relight.models.loader import load_upscaler
from tests.conftest import CPU
from tests.engine.test_run import CLIP


@pytest.fixture(scope="module")
def tiny(tiny_model):
    """Loads the tiny upscalers once, whatever is asked for."""

    @functools.cache
    def loaded(moving):
        return load_upscaler(str(tiny_model), CPU, moving=moving)

    return lambda name, compute, moving: loaded(moving)


@pytest.fixture(scope="module")
def mini():
    """The embedded upscaler of pictures."""
    upscaler = load_upscaler("mini", CPU, moving=False)
    return lambda *_, **__: upscaler


@pytest.fixture(scope="module")
def scene():
    """A frame of the sample clip, (360, 640, 3) uint8."""
    return next(media.read(CLIP)).image


@pytest.fixture
def picture(tmp_path, scene):
    """picture(width, height, name=...): a file that shows the scene, small."""

    def make(width=40, height=24, name="in.png"):
        path = tmp_path / name
        small = cv2.resize(scene, (width, height), interpolation=cv2.INTER_AREA)
        Image.fromarray(small).save(path)
        return path

    return make


@pytest.fixture
def clip(tmp_path):
    """clip(frames, width, height): the sample clip, small, with its sound."""

    def make(frames, width=32, height=18):
        path = tmp_path / "in.mp4"
        info = media.probe(CLIP)
        with media.write(path, info, size=(width, height), fps=info.fps) as out:
            for frame in media.read(CLIP, frames=frames):
                small = cv2.resize(frame.image, (width, height), interpolation=cv2.INTER_AREA)
                out.add(small, frame.time)
        return path

    return make
