"""What the tests of upscaling run on: tiny and embedded weights, a picture, a clip."""

import functools

import pytest

from relight.engine.progress import Meter
from relight.models.loader import load_upscaler
from tests.conftest import CPU
from tests.samples import small_clip, small_picture


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


@pytest.fixture
def picture(tmp_path):
    """picture(width, height, name=...): a file that shows the scene, small."""

    def make(width=40, height=24, name="in.png"):
        return small_picture(tmp_path / name, width, height)

    return make


@pytest.fixture
def passes(monkeypatch):
    """How many of each stage a run counts, one number each time that it does."""
    counted, add = {}, Meter.add

    def noted(meter, kind, count=1, seconds=None):
        counted.setdefault(kind, []).append(count)
        add(meter, kind, count, seconds)

    monkeypatch.setattr(Meter, "add", noted)
    return counted


@pytest.fixture
def clip(tmp_path):
    """clip(frames, width, height): the sample clip, small, with its sound."""
    return functools.partial(small_clip, tmp_path / "in.mp4")
