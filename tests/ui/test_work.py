"""Orders become files: quality, previews, names, copies for the browser, and errors in one line."""

import json
import re

import av
import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from relight import media
from relight.cli import main
from relight.engine.full_size import GLIMPSE, glimpse
from relight.errors import Cancelled, InputError, MediaError, OutOfMemory
from relight.ui import clips, desk, stage, work
from relight.ui.expect import expected
from relight.ui.files import Files
from relight.ui.memory import LastModel
from relight.ui.orders import Order
from relight.ui.runs import new_run
from relight.ui.shelf import Entry, Shelf, new_id
from tests.samples import CLIP
from tests.ui.conftest import QUICK, small_clip

MODELS = LastModel()


@pytest.fixture
def root(tmp_path):
    return tmp_path / new_id()


def _order(clip=CLIP, kind="relight", **given):
    given = {"clip": str(clip), "prompt": "red light", "model": "mini", **QUICK, **given}
    return Order.read(kind, given)


def _run(root, order, what="make", tell=lambda news: None):
    run = new_run(root, kind=order.kind, what=what, name=order.name, order={})
    run.order = work.enqueue_files(order, run.folder).plain()
    return work.perform(run, tell, MODELS)


@pytest.mark.slow
def test_a_run_tells_its_steps_and_makes_what_a_browser_plays(root, short):
    seen = []
    entry = _run(root, _order(short, steps="3"), tell=seen.append)
    pictures = [p.preview() for p in seen if p.preview is not None]
    assert {p.stage for p in seen} >= {"loading the model", "relighting", "making copies to play"}
    assert pictures and all(p.shape == (64, 96, 3) and p.dtype == np.uint8 for p in pictures)
    assert [e.id for e in Shelf(root).entries()] == [entry.id]
    assert entry.after == entry.output and entry.before == "before.mp4"
    before, after = (list(media.read(entry.path(name))) for name in (entry.before, entry.after))
    assert [f.time for f in before] == [f.time for f in after]
    with av.open(str(entry.path(entry.before))) as file:
        assert file.streams.video[0].codec_context.name == "h264"


def test_a_run_reads_its_clip_first_where_a_decoder_that_hangs_is_killed(root, short, monkeypatch):
    """The upload has shown the first frame; what comes after it may be the trap."""
    monkeypatch.setattr(clips, "RUN_S", 0.05)
    seen = []
    with pytest.raises(MediaError, match=r"longer than 0\.05 s and was stopped"):
        _run(root, _order(short), tell=seen.append)
    assert {news.stage for news in seen} == {"checking the clip"}
    monkeypatch.undo()
    clips.check_whole(short, start=0.25, frames=2)
    with pytest.raises(InputError, match="past the last frame"):
        clips.check_whole(short, start=100)


@pytest.mark.slow
def test_another_format_has_a_copy_that_plays(root, short):
    entry = _run(root, _order(short, format=".mkv", codec="ffv1"))
    assert entry.output == "relit.mkv" and entry.after == "after.mp4"
    assert media.probe(entry.path("after.mp4")).duration == pytest.approx(0.75, abs=0.05)
    with pytest.raises(InputError, match=r"\.png.*can't hold|codec"):
        _order(short, format=".png", codec="ffv1")
    with pytest.raises(InputError, match="format is same or one of"):
        _order(short, format=".exe")


@pytest.mark.slow
def test_the_job_file_runs_beside_the_clip_whatever_its_name(root, short, tmp_path, monkeypatch):
    light = tmp_path / "my light, (1).png"
    cv2.imwrite(str(light), np.dstack([np.full((8, 8), v, np.uint8) for v in (255, 40, 40)]))
    order = _order(short, name="Ünser Toy (1) [final].mp4", light="image", light_image=str(light))
    entry = _run(root, order)
    settings = json.loads(entry.path(entry.job).read_text())["settings"]
    assert settings["input"] == "Ünser Toy (1) [final].mp4"
    assert settings["output"] == "Ünser Toy (1) [final]-relit.mp4"
    assert settings["light"] == "file0.png"
    here = tmp_path / "download"
    here.mkdir()
    for name, file in ((settings["input"], short), ("file0.png", entry.path("file0.png"))):
        (here / name).write_bytes(file.read_bytes())
    (here / "job.json").write_bytes(entry.path(entry.job).read_bytes())
    monkeypatch.chdir(here)
    assert main(["run", "job.json"]) == 0
    assert (here / settings["output"]).read_bytes() == entry.path(entry.output).read_bytes()


def test_a_glimpse_without_new_light_is_the_source():
    frame = next(media.read(CLIP)).image
    small = cv2.resize(frame, (96, 54), interpolation=cv2.INTER_AREA)
    drawn = torch.from_numpy(small).permute(2, 0, 1).float() / 255
    shown = glimpse(frame, small, drawn, transfer=True)
    assert np.abs(shown.astype(int) - frame).max() <= 1
    assert np.array_equal(glimpse(frame, small, drawn, transfer=False), small)
    large = cv2.resize(frame, (1920, 1080))
    assert max(glimpse(large, small, drawn, transfer=True).shape) == GLIMPSE


@pytest.mark.slow
def test_an_interrupted_run_is_taken_over_and_is_the_same(root, short):
    order = _order(short, recipe="best")
    whole = _run(root, order)
    run = new_run(root, kind="relight", what="make", name=order.name, order={})
    run.order = work.enqueue_files(order, run.folder).plain()

    def stop(news):
        if list(run.folder.rglob("key-*.safetensors")):  # the windows are still to be lit
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        work.perform(run, stop, MODELS)
    assert Shelf(root).get(whole.id) and not (run.folder / "relit.mp4").exists()
    again = work.perform(run, lambda news: None, MODELS)
    assert again.path(again.output).read_bytes() == whole.path(whole.output).read_bytes()


@pytest.mark.slow
def test_a_preview_is_one_frame_with_the_runs_own_seed(root, short):
    entry = _run(root, _order(short, start="0.5"), what="preview")
    assert Shelf(root).entries() == [] and entry.output == "relit.png"
    assert entry.settings["seed"] == 7 and entry.settings["frames"] == 1
    assert entry.settings["start"] == 0.5 and entry.settings["steps"] == 2
    image = next(media.read(entry.path(entry.output))).image
    at = next(media.read(short, start=0.5)).image
    before = next(media.read(entry.path(entry.before))).image
    assert image.shape == at.shape and np.array_equal(before, at)


def test_an_upscaling_preview_is_the_middle_of_the_frame(root):
    given = {"prompt": None, "side": None, "relight_steps": None}
    order = _order(CLIP, "upscale", steps="2", size="1280x720", **given)
    entry = _run(root, order, what="preview")
    shape = next(media.read(entry.path(entry.output))).image.shape
    assert shape == (2 * work.PREVIEW_SIDE, 2 * work.PREVIEW_SIDE, 3)
    assert json.loads(entry.path(entry.job).read_text())["settings"]["input"] == CLIP.name


def test_the_bar_names_settings_without_effect(short):
    lines = expected(_order(short, steps=None, strength="0.6"))["lines"]
    assert lines[-1] == "strength 0.6 has no effect: recipe fast runs no video model"
    assert not any("no effect" in line for line in expected(_order(short, steps=None))["lines"])


@pytest.mark.slow
def test_quality_means_steps_unless_they_are_given(root, short):
    def steps(quality, **given):
        order = _order(short, quality=quality, frames="1", side="48", **given)
        settings = _run(root, order, "preview").settings
        return settings["steps"], settings["relight_steps"]

    assert steps("Quick", steps=None, relight_steps=None) == (4, 3)  # half of mini's 7 and 5
    assert steps("Quick", steps="2", relight_steps=None) == (2, 3)
    assert steps("Fine", steps="2", relight_steps="1") == (2, 1)


@pytest.mark.parametrize(
    ("given", "field", "told"),
    [
        ({"clip": None}, "clip", "no clip yet"),
        ({"prompt": "  "}, "prompt", "no light described yet"),
        ({"light": "image"}, "light_image", "no picture for the light yet"),
        ({"steps": "0"}, "steps", "steps should be"),
        ({"seed": "many"}, "seed", "seed should be"),
        ({"strength": "nan"}, "strength", "strength should be"),
    ],
    ids=["clip", "words", "picture", "steps", "seed", "strength"],
)
def test_a_wrong_order_is_told_in_one_line_with_its_field(given, field, told):
    with pytest.raises(InputError, match=told) as caught:
        Order.read("relight", {"clip": str(CLIP), "prompt": "x", **given})
    assert "\n" not in work.one_line(caught.value) and caught.value.field == field


def test_notes_of_a_run_are_kept_with_its_result_in_the_visitors_words(root, tmp_path):
    whole = small_clip(tmp_path / "whole.mp4", count=24).read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole[: len(whole) * 6 // 10])
    given = {"guide": "bicubic", "scale": 1.5, "prompt": None, "side": None, "relight_steps": None}
    entry = _run(root, _order(cut, "upscale", name="Ö.mp4", steps=None, **given))
    said = Shelf(root).get(entry.id).notes
    assert any(re.fullmatch(r"The file is cut short: \d+ of 24 frames\.", note) for note in said)
    assert desk.result(entry)["notes"] == said and not any("source" in note for note in said)
    run = new_run(root, kind="upscale", what="make", name="Ö.mp4", order={})
    run.order = work.enqueue_files(_order(cut, "upscale", steps=None, **given), run.folder).plain()
    for name in (entry.output, f"{entry.output}.json"):  # an earlier studio has written it
        (run.folder / name).write_bytes(entry.path(name).read_bytes())
    assert work.perform(run, lambda news: None, MODELS).notes == said


def test_only_a_result_with_sound_has_a_box_for_it(tmp_path, short):
    for clip, sound in ((CLIP, True), (short, False)):
        entry = Entry(
            folder=clip.parent, kind="relight", name="a", source="", output=clip.name, job=""
        )
        assert desk.result(entry)["sound"] is sound


def test_the_plan_of_an_order_that_cannot_be_run_says_why(short):
    order = _order(short, "upscale", size="32x16", steps=None, name="Ö.mp4", relight_steps=None)
    assert list(expected(order)) == ["fault"] and "not larger" in expected(order)["fault"]


def test_errors_name_files_not_places(tmp_path):
    file = tmp_path / "my clip.mp4"
    error = MediaError(f"{file}: broken\nsecond line")
    assert work.one_line(error, file) == "my clip.mp4: broken second line"
    assert work.one_line(error, called={file: "Ö.mp4"}) == "Ö.mp4: broken second line"
    other = work.one_line(MediaError("the work folder /var/lib/x/.a.relight can't be written"))
    assert "/var" not in other and ".a.relight" in other
    assert "/secret" not in work.one_line(ZeroDivisionError("/secret/path"))
    told = work.one_line(OutOfMemory("use a smaller --side, --memory low"))
    assert "--" not in told and "smaller side" in told


def test_errors_name_further_files_as_the_visitor_does(root, short, tmp_path):
    light, mask = tmp_path / "file1.png", tmp_path / "mask of ann.png"
    for file in (light, mask):
        Image.new("RGB", (8, 8), "red").save(file)
    order = _order(short, light="image", light_image=str(light), files=[str(mask)], mask=str(mask))
    run = new_run(root, kind="relight", what="make", name=order.name, order={})
    moved = work.enqueue_files(order, run.folder)
    assert Order.from_plain(moved.plain()) == moved
    run.order = json.loads(json.dumps(moved.plain()))
    named = " ".join(str(file) for file in (moved.clip, *moved.files))
    said = work.explain(run, MediaError(f"{named}: damaged, look at {moved.files[0].name}"))[0]
    assert said == "toy [1].mp4 mask of ann.png file1.png: damaged, look at mask of ann.png"


def test_what_a_browser_reads_is_checked_to_be_a_clip(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("x")
    with pytest.raises(MediaError, match="is not read; give"):
        clips.check(text)


def test_the_stage_shows_the_frame_that_is_on_the_screen(short):
    frames = [frame.image for frame in media.read(short)]
    for seconds, number in ((0.0, 0), (0.12, 0), (0.13, 1), (0.7, 5), (60.0, 5)):
        assert np.array_equal(clips.frame_at(short, seconds), frames[number])


def test_an_animation_is_a_clip_whatever_its_name(tmp_path):
    files = Files(tmp_path / new_id(), tmp_path)
    pictures = [Image.new("RGB", (64, 48), colour) for colour in ("red", "blue", "white")]
    for name, count in (("a.webp", 3), ("a.png", 3), ("b.webp", 1), ("b.png", 1), ("b.gif", 1)):
        more = {"save_all": True, "append_images": pictures[1:count], "duration": 200}
        pictures[0].save(tmp_path / name, **(more if count > 1 else {}))
        told = stage.told(files, files.copy(tmp_path / name))["info"]
        assert (told["frames"], told["still"]) == (count, count == 1)
        assert told["seconds"] == pytest.approx(0.2 * count if count > 1 else 0)
        order = _order(tmp_path / name)
        assert order.suffix == (".png" if count == 1 else ".mp4")
