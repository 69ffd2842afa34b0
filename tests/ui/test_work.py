"""Orders become files: quality, previews, pictures while it runs, and nothing left by a failure."""

import json

import cv2
import numpy as np
import pytest
import torch

from relight import media
from relight.engine.relighting import GLIMPSE, glimpse
from relight.errors import Cancelled, InputError, MediaError
from relight.ui import clips, work
from relight.ui.orders import Order
from relight.ui.shelf import Shelf, new_id
from relight.ui.studio import Studio, one_line
from tests.ui.conftest import CLIP, QUICK


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    return Studio(tmp_path_factory.mktemp("work"))


@pytest.fixture
def shelf(studio):
    return Shelf(studio.outputs / new_id())


def _order(kind="relight", **given):
    given = {"clip": str(CLIP), "prompt": "red light", "model": "mini", **QUICK, **given}
    return Order.read(kind, given)


def test_pictures_of_each_step_are_told_while_it_runs(studio, shelf):
    seen = []
    entry = work.make(studio, shelf, _order(frames="10", steps="6"), seen.append)
    pictures = [p.preview() for p in seen if p.preview is not None]
    assert {p.stage for p in seen} >= {"loading the model", "relighting", "writing"}
    assert all(p.shape == (360, 640, 3) and p.dtype == np.uint8 for p in pictures)
    early = next(p.preview() for p in seen if p.stage == "relighting" and p.preview)
    source = list(media.read(CLIP, frames=10))[-1].image
    assert not np.array_equal(early, source)
    assert not np.array_equal(early, pictures[-1])
    assert [e.id for e in shelf.entries()] == [entry.id]


def test_a_glimpse_without_new_light_is_the_source():
    frame = next(media.read(CLIP)).image
    small = cv2.resize(frame, (96, 54), interpolation=cv2.INTER_AREA)
    drawn = torch.from_numpy(small).permute(2, 0, 1).float() / 255
    shown = glimpse(frame, small, drawn, transfer=True)
    assert np.abs(shown.astype(int) - frame).max() <= 1
    assert np.array_equal(glimpse(frame, small, drawn, transfer=False), small)
    large = cv2.resize(frame, (1920, 1080))
    assert max(glimpse(large, small, drawn, transfer=True).shape) == GLIMPSE


def test_a_run_that_is_stopped_or_fails_leaves_nothing(studio, shelf, tmp_path):
    def stop(news):
        if news.stage == "relighting":
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        work.make(studio, shelf, _order(), stop)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"\0" * 999)
    with pytest.raises(MediaError):
        work.make(studio, shelf, _order(clip=str(broken)), lambda news: None)
    assert list(shelf.root.iterdir()) == []


def test_quality_means_steps_unless_they_are_given(studio, shelf):
    def steps(quality, **given):
        order = _order(quality=quality, frames="1", side="48", **given)
        settings = work.make(studio, shelf, order, lambda news: None).settings
        return settings["steps"], settings["relight_steps"]

    open_steps = {"steps": None, "relight_steps": None}
    assert steps("Quick", **open_steps) == (4, 3)  # half of the mini model's 8 and 6
    assert steps("Quick", steps="2", relight_steps=None) == (2, 3)
    assert steps("Fine", steps="2", relight_steps="1") == (2, 1)


def test_a_preview_keeps_nothing_but_the_last_one(studio, shelf):
    for _ in range(2):
        entry = work.preview(studio, shelf, _order(start="1", frames="60"), lambda news: None)
    assert shelf.entries() == [] and len(list((shelf.root / "scratch").iterdir())) == 1
    info = media.probe(entry.path(entry.output))
    assert info.height == 360 and info.duration == pytest.approx(1, abs=0.1)
    source = np.stack([f.image for f in media.read(entry.path(entry.source))])
    at_one = next(media.read(CLIP, start=1.0, frames=1)).image
    assert np.abs(source[0].astype(int) - at_one).mean() < 3


def test_an_upscaling_preview_is_the_middle_of_the_frame(studio, shelf):
    given = {"prompt": None, "side": None, "relight_steps": None, "light": None}
    order = _order("upscale", steps="2", size="1280x720", **given)
    entry = work.preview(studio, shelf, order, lambda news: None)
    shape = next(media.read(entry.path(entry.output))).image.shape
    assert shape == (2 * work.PREVIEW_SIDE, 2 * work.PREVIEW_SIDE, 3)
    job = json.loads(entry.path(entry.job).read_text())["settings"]
    assert job["input"] == "big_buck_bunny.mp4" and job["output"].endswith("-upscaled.png")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"clip": None}, "no clip yet"),
        ({"prompt": "  "}, "no words yet"),
        ({"light": "image"}, "no picture for the light yet"),
        ({"steps": "0"}, "steps should be"),
        ({"seed": "many"}, "seed should be"),
        ({"strength": "nan"}, "strength should be"),
    ],
    ids=["clip", "words", "picture", "steps", "seed", "strength"],
)
def test_a_wrong_order_is_told_in_one_line(given, told):
    with pytest.raises(InputError, match=told) as caught:
        _order(**given)
    assert "\n" not in one_line(caught.value)


def test_errors_name_files_not_places(tmp_path):
    file = tmp_path / "my clip.mp4"
    error = MediaError(f"{file}: broken\nsecond line")
    assert one_line(error, file) == "my clip.mp4: broken second line"
    assert "ZeroDivisionError" in one_line(ZeroDivisionError("/secret/path"))
    assert "/secret" not in one_line(ZeroDivisionError("/secret/path"))


@pytest.mark.parametrize("light", ["left", "right", "top", "bottom"])
def test_the_lights_picture_is_bright_where_the_light_is(light):
    frame = np.full((90, 160, 3), 200, np.uint8)
    seen = clips.light_picture(light, frame)[:50].mean(2)  # above the map in the corner
    assert seen.shape == (50, 160)
    ends = {"left": seen[:, :40], "right": seen[:, 120:], "top": seen[:10], "bottom": seen[40:]}
    other = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}[light]
    assert ends[light].mean() > ends[other].mean() + 20
    assert np.array_equal(clips.light_picture("none", frame), frame)
