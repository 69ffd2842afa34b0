"""Masks and backgrounds of seldom kinds, and regions beside what else a job may ask for."""

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from relight import media
from relight.engine.backdrop import Backdrop
from relight.engine.run import run_relight
from relight.errors import RelightError
from relight.jobs import RelightJob
from relight.masks.files import read_mattes
from tests.engine.conftest import FRAMES
from tests.media import making
from tests.media.odd_pictures import COLOURS, ODD, SHAPE, moves


@pytest.mark.parametrize("name", ODD)
def test_an_odd_picture_is_a_mask_by_how_bright_or_opaque_it_is(tmp_path, name):
    make, shown = ODD[name]
    make(tmp_path / name)
    mattes = list(read_mattes(tmp_path / name, 0, 2))
    wanted = (shown / 255).mean(-1) if shown.ndim == 3 else shown / 255
    for matte in mattes:
        assert matte.shape == SHAPE.shape
        assert np.abs(matte - wanted).max() < (0.1 if "jpg" in name else 0.03)


@pytest.mark.parametrize("name", ODD)
def test_an_odd_picture_is_a_background_as_it_is_shown(tmp_path, name):
    make, shown = ODD[name]
    make(tmp_path / name)
    frame = next(Backdrop(tmp_path / name, (18, 12)).frames([Fraction(0)]))
    wanted = shown if shown.ndim == 3 else np.dstack([shown] * 3)
    assert np.abs(frame.astype(int) - wanted).max() < (25 if "jpg" in name else 3)


@pytest.mark.parametrize("name", ["moves.gif", "moves.webp", "moves.png"])
def test_a_picture_that_moves_is_a_mask_or_a_background_that_moves(tmp_path, name):
    path = moves(tmp_path / name)
    times = [Fraction(i, 2) for i in range(3)]
    behind, mattes = Backdrop(path, (18, 12)).frames(times), read_mattes(path, 0, 3)
    for i, (frame, matte) in enumerate(zip(behind, mattes, strict=True)):
        shown = np.roll(COLOURS, 6 * i, 1)
        assert np.abs(frame.astype(int) - shown).max() < 4
        assert np.abs(matte - (shown / 255).mean(-1)).max() < 0.03
    with pytest.raises(RelightError, match="3 pictures, and the clip 5 frames"):
        list(read_mattes(path, 0, 5))


def _job(scene, out, **given):
    """Of the scene of pictures, as `tiny` relights it, with reference or prompt."""
    plain = {} if "reference" in given else {"prompt": "red light", "relight_steps": 1}
    made = {"seed": 1, "fps": 8, "codec": "ffv1", "as_clip": True, **plain, **given}
    return RelightJob.make(input=scene / "clip", output=out, **made)


@pytest.fixture(scope="module")
def files(tmp_path_factory, scene):
    """What a job of the scene may name: two relit frames, a plain background."""
    folder = tmp_path_factory.mktemp("files")
    for i in (0, FRAMES - 1):
        frame = np.asarray(Image.open(scene / "clip" / f"{i:02d}.png"))
        Image.fromarray((frame * [1.0, 0.7, 0.4]).astype(np.uint8)).save(folder / f"lit{i}.png")
    Image.new("RGB", (96, 96), (90, 140, 200)).save(folder / "plain.png")
    return folder


def test_references_at_two_moments_light_a_subject_that_is_enlarged(tmp_path, scene, files, tiny):
    last = (FRAMES - 1) / 8
    lit = {0: str(files / "lit0.png"), last: str(files / f"lit{FRAMES - 1}.png")}
    given = {"reference": lit, "mask": str(scene / "mask"), "upscale": 2}
    out = run_relight(_job(scene, tmp_path / "out.mkv", **given), load=tiny).path
    frames, masks = [f.image for f in media.read(out)], sorted((scene / "mask").iterdir())
    assert len(frames) == FRAMES and frames[0].shape == (192, 192, 3)
    for i in (0, FRAMES - 1):
        source = np.asarray(Image.open(scene / "clip" / f"{i:02d}.png")).astype(float)
        inside = np.asarray(Image.open(masks[i]))[..., 0] > 127
        small = np.asarray(Image.fromarray(frames[i]).resize((96, 96), Image.Resampling.BOX))
        assert np.abs(small[~inside].mean(0) - source[~inside].mean(0)).max() < 4
        warm = small[inside].mean(0) / source[inside].mean(0)
        assert warm[0] > warm[1] + 0.1 and warm[1] > warm[2] + 0.1


def test_a_reference_lights_a_subject_before_a_new_background(tmp_path, scene, files, tiny):
    given = {"reference": str(files / "lit0.png"), "mask": str(scene / "mask"), "light": "top"}
    job = _job(scene, tmp_path / "out.mkv", background=str(files / "plain.png"), **given)
    result = run_relight(job, load=tiny)
    (note,) = [note for note in result.notes if "no effect: a reference has its own" in note]
    assert "light top" in note
    frame = next(media.read(result.path)).image
    assert tuple(frame[2, 2]) == (90, 140, 200)
    source = np.asarray(Image.open(scene / "clip" / "00.png")).astype(float)
    mask = np.asarray(Image.open(scene / "mask" / "00.png"))[..., 0] == 255
    warm = frame[mask].mean(0) / source[mask].mean(0)
    assert warm[0] > warm[1] > warm[2]


@pytest.mark.slow
def test_a_moving_lamp_lights_a_subject_before_a_new_background_with_its_sound(
    tmp_path, files, tiny
):
    images = [np.full((48, 64, 3), 110, np.uint8)] * 10
    sound = ("aac", 48000, np.sin(np.arange(19200) * 0.1))
    clip = making.encode(tmp_path / "in.mp4", images, sound=sound)
    mask = np.zeros((48, 64), np.uint8)
    mask[8:40, 8:56] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    given = {"prompt": "soft light", "relight_steps": 1, "seed": 1, "codec": "ffv1"}
    given |= {"mask": str(tmp_path / "mask.png"), "background": str(files / "plain.png")}
    keys = ["0=point:x=.1,radius=.2", "0.36=point:x=.9,radius=.2"]
    job = RelightJob.make(input=clip, output=tmp_path / "out.mkv", light_at=keys, **given)
    out = run_relight(job, load=tiny).path
    assert media.probe(out).audio
    source, lit = ([f.image.astype(float) for f in media.read(p)] for p in (clip, out))
    sides = []
    for i in (0, len(lit) - 1):
        gain = (lit[i] + 2).mean(-1) / (source[i] + 2).mean(-1)
        sides.append(np.median(gain[10:38, 10:24]) / np.median(gain[10:38, 40:54]))
        assert (lit[i][:4] == (90, 140, 200)).all()
    assert sides[0] > 1.2 and sides[1] < 1 / 1.2


@pytest.mark.parametrize("lit", ["background", "all"])
def test_a_new_background_has_no_light_of_its_own_to_change(lit, scene, files, tmp_path):
    with pytest.raises(RelightError, match=f"with a background the subject is relit.*not {lit}"):
        _job(scene, tmp_path / "x.mkv", background=str(files / "plain.png"), relight=lit)
