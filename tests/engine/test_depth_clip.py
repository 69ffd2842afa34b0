"""A depth clip gives the light its form: read by time, checked before anything else."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from PIL import Image

from relight import media
from relight.engine.chunks import pieces
from relight.engine.depth_clip import read_depth
from relight.engine.form import Form
from relight.engine.lit_clip import Clip
from relight.engine.run import run_relight
from relight.engine.survey import survey
from relight.engine.work import Work
from relight.errors import InputError
from relight.jobs import RelightJob
from relight.lights import parse_light
from relight.media import Frame, Moment
from tests.engine.test_survey import clip as moving
from tests.models.test_depth_anything import tiny_network

FPS = Fraction(8)
BARREL = np.sqrt(1 - np.linspace(-1, 1, 96) ** 2)[None].repeat(64, 0)  # an upright one


def _frames(count=6):
    rng = np.random.default_rng(0)
    image = cv2.resize(rng.integers(60, 190, (8, 12, 3)).astype(np.uint8), (96, 64))
    return [Frame(image=image, time=Fraction(i) / FPS) for i in range(count)]


def _clip(path, frames):
    with media.write(path, size=(96, 64), fps=FPS) as out:
        for frame in frames:
            out.add(frame.image, frame.time)
    return path


def _folder(path, levels):
    path.mkdir()
    for number, level in enumerate(levels):
        Image.fromarray((BARREL * level).astype(np.uint8)).save(path / f"{number:03d}.png")
    return path


def _job(tmp_path, **given):
    settings = {"prompt": "red light", "model": "mini", "seed": 1, "output": tmp_path / "out.mp4"}
    return RelightJob.make(**{"input": tmp_path / "in.mp4", **settings, **given})


def test_pictures_are_as_fast_as_the_clip(tmp_path):
    job = _job(tmp_path, depth_clip=_folder(tmp_path / "depth", (50, 100, 150, 200)))
    shown = [(i, Fraction(i) / FPS) for i in (0, 1, 3)]
    depth = read_depth(job, FPS, shown, (48, 32))
    assert depth.shape == (3, 32, 48) and depth.dtype == np.float32
    np.testing.assert_allclose(depth.max((1, 2)) * 255, (50, 100, 200), atol=2)


def test_a_picture_holds_for_all_frames_and_16_bits_count(tmp_path):
    Image.fromarray((BARREL * 40000).astype(np.uint16)).save(tmp_path / "d.png")
    job = _job(tmp_path, depth_clip=tmp_path / "d.png")
    depth = read_depth(job, FPS, [(0, Fraction(0)), (8, Fraction(1))], (96, 64))
    assert depth.shape[0] == 2 and abs(float(depth.max()) - 40000 / 65535) < 0.01


def test_its_form_is_lit_from_the_side(tmp_path):
    _clip(tmp_path / "in.mp4", _frames())
    job = _job(tmp_path, depth_clip=_folder(tmp_path / "depth", [255] * 6), shape=0.8)
    work = Work(tmp_path / "work")
    work.root.mkdir()
    found = survey(map(Moment.of, _frames()), work, fps=None, scale=lambda image: image)
    clip = Clip(job=job, survey=found, work=work, size=(96, 64), scale=lambda image: image)
    for side, sign in (("left", 1), ("right", -1)):
        light = parse_light(side)
        form = Form(clip=clip, light=light, fps=FPS, chunks=pieces(6, 4, stage="form"))
        gains = np.concatenate([form.compute(chunk)["form"] for chunk in form.chunks])
        assert gains.shape == (6, 3, 64, 96)
        near, far = gains[..., 12:30].mean(), gains[..., 66:84].mean()
        assert sign * (near - far) > 0.4, (side, near, far)


def test_a_depth_network_gives_every_chunk_the_same_range(tmp_path):
    network = str(tiny_network(tmp_path / "network"))
    work = Work(tmp_path / "work")
    work.root.mkdir()
    frames = list(moving(6, 8))
    found = survey(map(Moment.of, frames), work, fps=None, scale=lambda image: image)
    size = frames[0].image.shape[1], frames[0].image.shape[0]
    clip = Clip(job=_job(tmp_path), survey=found, work=work, size=size, scale=lambda image: image)
    gains = []
    for length in (6, 2):
        chunks = pieces(6, length, stage="form")
        form = Form(clip=clip, light=parse_light("left"), fps=FPS, chunks=chunks, network=network)
        gains.append(np.concatenate([form.compute(chunk)["form"] for chunk in reversed(chunks)]))
    whole, parts = gains
    assert whole.std() > 0 and np.isfinite(whole).all()
    np.testing.assert_array_equal(np.concatenate([parts[4:], parts[2:4], parts[:2]]), whole)


def _wide(folder):
    Image.fromarray(np.zeros((64, 200), np.uint8)).save(folder / "d.png")
    return folder / "d.png"


def _flat(folder):
    Image.fromarray(np.full((64, 96), 90, np.uint8)).save(folder / "d.png")
    return folder / "d.png"


@pytest.mark.parametrize(
    "make, named",
    [
        (lambda folder: folder / "none.mp4", "none.mp4"),
        (_wide, "is 200x64, the clip 96x64: give one of the clip's own shape"),
        (lambda folder: _folder(folder / "d", (90, 90)), "ends at 0.25 s, the clip at 0.75 s"),
        (lambda folder: _clip(folder / "d.mp4", _frames(2)), "ends at 0.25 s"),
        (_flat, "is flat, 0.353 everywhere"),
    ],
)
def test_one_that_does_not_belong_is_refused_in_one_line(tmp_path, make, named):
    _clip(tmp_path / "in.mp4", _frames())
    with pytest.raises(InputError, match=named) as caught:
        job = _job(tmp_path, depth_clip=make(tmp_path), relight_steps=1, side=32)
        run_relight(job)
    assert "\n" not in str(caught.value) and not (tmp_path / "out.mp4").exists()


def test_a_reference_and_the_papers_recipe_have_no_use_for_it(tmp_path):
    _clip(tmp_path / "in.mp4", _frames())
    with pytest.raises(InputError, match="recipe paper"):
        _job(tmp_path, depth_clip="d.mp4", recipe="paper")
    Image.fromarray(_frames(1)[0].image).save(tmp_path / "lit.png")
    job = _job(
        tmp_path, depth_clip=_flat(tmp_path), reference=[str(tmp_path / "lit.png")], prompt=""
    )
    with pytest.raises(InputError, match="a reference has its own"):
        run_relight(job)
