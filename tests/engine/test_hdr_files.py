"""HDR in the files beside a clip: mapped with --tonemap, else refused before any work."""

import pickle
import re
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from relight import media
from relight.engine.backdrop import Backdrop
from relight.engine.prepare import refuse
from relight.errors import RelightError
from relight.jobs import RelightJob
from relight.lights import asked
from tests.media.test_colours import coded_picture, hdr

SIZE = (64, 48)
WORDS = "add --tonemap"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A clip without HDR; a video, a picture and a folder of one with it: grey that rises."""
    path = tmp_path_factory.mktemp("hdr")
    with media.write(path / "clip.mkv", size=SIZE, fps=25) as out:
        for i in range(3):
            image = np.random.default_rng(i).integers(60, 200, (48, 64, 3), np.uint8)
            out.add(image, Fraction(i, 25))
    hdr(path / "hdr.mp4", 16)
    levels = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (48, 1))
    (path / "pictures").mkdir()
    for name in ("hdr.png", "pictures/1.png"):
        coded_picture(str(path / name), 9, 16, np.dstack([levels] * 3))
    Image.new("L", SIZE, 255).save(path / "mask.png")
    return path


def _job(folder, **given):
    plain = {"prompt": "soft light", "model": "mini", "mask": folder / "mask.png", "seed": 1}
    return RelightJob.make(input=folder / "clip.mkv", output=folder / "out.mkv", **plain | given)


def _refuse(job):
    refuse(job, media.probe(job.input, job.reading))


@pytest.mark.parametrize("name", ["hdr.mp4", "hdr.png", "pictures"])
@pytest.mark.parametrize("use", ["background", "light", "backdrop", "keyframe"])
def test_a_background_and_a_light_are_refused_or_mapped(folder, use, name):
    path = folder / name
    given = {
        "background": {"background": str(path)},
        "light": {"light": str(path)},
        "backdrop": {"light": f"bottom:intensity=0 + backdrop:{path}"},
        "keyframe": {"light_at": [f"0={path}", f"0.1={path}"]},
    }[use]
    with pytest.raises(RelightError, match=rf"{re.escape(str(path))}.*HDR .PQ.*{WORDS}"):
        _refuse(_job(folder, **given))
    job = _job(folder, **given, tonemap=True)
    _refuse(job)
    if use == "background":
        line = next(Backdrop(path, SIZE, tonemap=True).frames([Fraction(0)]))[24, :, 1] / 255
    else:
        light = asked(job.light, job.light_at).for_clip(25, tonemap=job.tonemap)
        line = pickle.loads(pickle.dumps(light)).level_map(48, 64, 0.05)[24, :, 1]
    assert line[-1] > line[0] + 0.05 if use == "backdrop" else line[0] < 0.05 and line[-1] > 0.9


def test_the_same_file_in_two_keyframes_is_one_light_between_them(folder):
    light = asked("left", [f"0={folder / 'hdr.mp4'}", f"1={folder / 'hdr.mp4'}"])
    light = light.for_clip(25, tonemap=True)
    assert light.at(0.5) is light.parts()[1]


@pytest.mark.parametrize("use", ["mask", "depth_clip"])
@pytest.mark.parametrize("name", ["hdr.mp4", "hdr.png"])
def test_levels_that_are_no_light_are_not_mapped(folder, use, name):
    for tonemap in (False, True):
        job = _job(folder, **{use: str(folder / name)}, tonemap=tonemap)
        with pytest.raises(RelightError, match=rf"{name} is HDR .*export it as SDR") as error:
            _refuse(job)
        assert "--tonemap" not in str(error.value)
