"""Runs spread over processes make the files of a run in one."""

import numpy as np
import pytest

from relight import media
from relight.engine.run import run
from relight.jobs import RelightJob, UpscaleJob
from tests.samples import CLIP


@pytest.fixture(scope="module")
def small_clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("small") / "in.mkv"
    with media.write(path, size=(48, 32), fps=8) as out:
        for frame in media.read(CLIP, frames=20):
            out.add(np.ascontiguousarray(frame.image[100:132, 200:248]), frame.time)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["relight", "both", "upscale"])
def test_processes_make_the_same_file_as_a_serial_run(tmp_path, small_clip, tiny_model, kind):
    settings = {"input": small_clip, "seed": 5, "model": str(tiny_model), "frames": 18}
    if kind == "upscale":
        settings |= {"scale": 1.1, "steps": 1}
    else:
        settings |= {"prompt": "red", "steps": 2, "relight_steps": 1, "light_fps": 30}
        settings |= {"upscale": 1.1} if kind == "both" else {}
    make = (UpscaleJob if kind == "upscale" else RelightJob).make
    serial = run(make(**settings, output=tmp_path / "serial.mp4"))
    spread = run(make(**settings, output=tmp_path / "spread.mp4", devices="cpu,cpu"))
    assert serial.path.read_bytes() == spread.path.read_bytes()
