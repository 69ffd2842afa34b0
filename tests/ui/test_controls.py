"""Controls come from the job classes and the kinds of light, so a new one is there by itself."""

import dataclasses
from fractions import Fraction
from pathlib import Path
from typing import ClassVar, Literal

import gradio as gr
import numpy as np
import pytest
from pydantic import Field

from relight import lights, media
from relight.engine.look import Look
from relight.errors import InputError
from relight.jobs import RelightJob, UpscaleJob
from relight.lights import base, fields
from relight.ui import controls, lamps, panels, references, regions, staged
from relight.ui.files import Files
from relight.ui.lamps import PRESETS, with_light
from relight.ui.relight_tab import RelightTab
from relight.ui.shelf import new_id
from relight.ui.studio import Studio
from relight.ui.upscale_tab import UpscaleTab
from tests.media.test_colours import hdr
from tests.samples import CLIP


class Later(RelightJob):
    """A job of a later version, with fields that nobody has told the app about."""

    glow: float = Field(0.25, ge=0, le=1, description="how much the lights bloom.")
    mood: Literal["calm", "wild"] = "calm"
    halo: int | None = Field(None, ge=2, le=9, title="Halo size")
    rim: bool = False


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path / new_id(), tmp_path)


def test_a_new_field_becomes_a_control_by_itself():
    new = {"glow", "mood", "halo", "rim"}
    assert set(controls.open_fields(Later)) - set(controls.open_fields(RelightJob)) == new
    assert set(controls.grouped(controls.open_fields(Later))["More"]) >= new
    glow = controls.control(Later, "glow")
    assert isinstance(glow, gr.Slider)
    assert (glow.minimum, glow.maximum, glow.value) == (0, 1, 0.25)
    assert glow.label == "Glow" and glow.info == "How much the lights bloom."
    mood = controls.control(Later, "mood")
    assert [value for _, value in mood.choices] == ["calm", "wild"] and mood.value == "calm"
    assert isinstance(controls.control(Later, "rim"), gr.Checkbox)
    halo = controls.control(Later, "halo", drawn=False)
    assert (halo.minimum, halo.maximum, halo.label) == (2, 9, "Halo size")


@pytest.mark.parametrize("job", [RelightJob, UpscaleJob], ids=["relight", "upscale"])
def test_every_field_is_in_one_group(job):
    names = controls.open_fields(job)
    grouped = [name for own in controls.grouped(names).values() for name in own]
    assert sorted(grouped) == sorted(names)


@pytest.mark.parametrize("job", [RelightJob, UpscaleJob], ids=["relight", "upscale"])
@pytest.mark.parametrize("drawn", [True, False], ids=["page", "api"])
def test_every_control_holds_its_fields_default(job, drawn):
    for name in controls.open_fields(job):
        made = controls.control(job, name, drawn=drawn)
        default = job.model_fields[name].get_default()
        wanted = None if job.model_fields[name].is_required() or default is None else default
        assert (made.value or None) == (wanted or None), name
        assert made.label and made.info, name


def test_no_control_reaches_the_server():
    fields = {*controls.open_fields(RelightJob), *controls.open_fields(UpscaleJob)}
    assert not fields & {"input", "output", "overwrite", "device", "dtype", "memory", "work"}


def test_a_new_kind_of_light_is_on_the_page_by_itself(files, monkeypatch):
    monkeypatch.setattr(base, "_KINDS", dict(base._KINDS))

    @base.register
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Beam(lights.Light):
        """A beam across the frame."""

        words: ClassVar = ("beam",)
        x: float = fields.place("x")
        width: float = fields.number(0.2, 0, 1, "how wide")

        def level_map(self, height, width, seconds=0.0):
            return np.ones((height, width, 3), np.float32)

    kind = next(kind for kind in lamps.described() if "beam" in kind["words"])
    assert kind["title"] == "Beam" and [c["name"] for c in kind["controls"]] == ["x", "width"]
    light, _ = lamps.read({"word": "beam", "settings": {"width": 0.5}}, files)
    assert str(light) == "beam:width=0.5"


@pytest.mark.parametrize(
    "text",
    ["left", "angle:30", "point:x=0.2,y=0.3,color=#ff8040", "none", "sweep:side=right,seconds=3",
     "left:color=3200K + point:x=0.8", "pulse:seconds=2", "candle"],
)  # fmt: skip
def test_lights_go_to_the_page_and_back(text, files):
    assert str(lamps.read_all(lamps.written(text), files)[0]) == text


@pytest.mark.parametrize(
    ("light", "told"),
    [
        ({"word": "image", "settings": {"path": "/etc/passwd"}}, "not there any more"),
        ({"word": "image", "settings": {"path": {"id": "../x"}}}, "not there any more"),
        ({"word": "image", "settings": {}}, "no picture for the light"),
        ({"word": "keyframes"}, "unknown light"),
        ({"word": "/etc/passwd"}, "unknown light"),
        ({"word": "pulse", "settings": {"light": "/etc/passwd"}}, "light is one of"),
        ({"word": "point", "settings": {"x": "nan"}}, "x should be"),
        ({"word": "point", "settings": {"color": "url(x)"}}, "unknown color"),
        ({"word": 5}, "not a light"),
        (None, "not a light"),
    ],
    ids=["path", "id", "none", "keys", "word", "nested", "nan", "color", "number", "nothing"],
)
def test_what_a_browser_calls_a_light_is_checked(light, told, files):
    with pytest.raises(InputError, match=told):
        lamps.read_all([light], files)


def test_what_the_stage_says_becomes_an_order(files):
    id = files.copy(CLIP, "my clip.mp4")
    value = {"clip": {"id": id, "name": "x"}, "begin": 0.5, "end": 1.5, "moment": 1.0}
    lit = [{"word": "point", "settings": {"x": 0.2}}]
    plain = staged.settings({**value, "lights": lit}, files, "relight")
    assert (plain["start"], plain["frames"], plain["light"]) == (0.5, 25, "point:x=0.2")
    keys = [
        {"seconds": 0, "lights": lit},
        {"seconds": 1, "lights": [{"word": "point", "settings": {"x": 0.8}}]},
    ]
    plain = staged.settings({**value, "keys": keys}, files, "relight")
    assert plain["light_at"] == ["0=point:x=0.2", "1=point:x=0.8"] and "light" not in plain
    now = staged.at_moment(plain, value, files)
    assert now["start"] == 1.0 and "frames" not in now and "light_at" not in now
    assert lights.parse_light(now["light"]).at(0) == lights.parse_light("point")
    other = Files(files.root.parent.parent / new_id(), files.uploads)
    with pytest.raises(InputError, match="choose it again"):
        staged.settings(value, other, "relight")


def test_a_trim_of_unlike_frames_has_those_that_begin_in_it(files, tmp_path):
    clip, times = tmp_path / "vfr.mp4", [i / 5 for i in range(10)] + [2 + i / 50 for i in range(30)]
    with media.write(clip, size=(64, 48), fps=50) as out:
        for time in times:
            out.add(np.full((48, 64, 3), 90, np.uint8), Fraction(round(time * 50), 50))
    value = {"clip": {"id": files.copy(clip), "name": "x"}}
    for begin, end in ((0.0, 1.0), (0.5, 2.1), (2.2, 2.5), (1.0, 1.01)):
        plain = staged.settings({**value, "begin": begin, "end": end}, files, "upscale")
        inside = [time for time in times if begin <= time < end - 1e-9]
        assert plain["frames"] == len(inside)


@pytest.mark.parametrize(
    "light",
    ["sweep", "circle:seconds=4", "pulse:seconds=3", "candle", "sunset", "police", "left + circle",
     f"video:{CLIP}", "keyframes:(0=left; 2=point:x=.8)"],
)  # fmt: skip
def test_a_preview_has_the_light_of_its_moment(light, files):
    clip = str(files.get(files.copy(CLIP, "my clip.mp4")))
    given = {"clip": clip, "start": 0.5, "light": light}
    if light.startswith("keyframes"):
        given |= {"light": "left", "light_at": ["0=left", "2=point:x=.8"]}
    now = staged.at_moment(given, {"moment": 1.75}, files)
    made, wanted = lights.resolve(now["light"]), lights.parse_light(light)
    assert np.allclose(made.level_map(32, 32), wanted.level_map(32, 32, 1.25), atol=1e-6)
    assert not np.allclose(made.level_map(32, 32), wanted.level_map(32, 32), atol=1e-6)


def test_a_preview_is_of_the_frame_that_is_shown(files):
    clip, behind = (files.get(files.copy(CLIP, name)) for name in ("clip.mp4", "sky.mp4"))
    given = {"clip": str(clip), "start": 1.0, "background": str(behind), "files": [behind]}
    now = staged.at_moment(given, {"moment": 2.01}, files)
    assert now["start"] == 2.0 and now["files"] == [Path(now["background"])]
    wanted = media.to_uint8(media.frame_at(CLIP, 1.01).flat())
    assert np.array_equal(media.to_uint8(next(media.read(now["background"])).flat()), wanted)
    assert given["files"] == [behind]
    words = {**given, "background": "a beach at dusk"}
    assert staged.at_moment(words, {"moment": 2.0}, files)["background"] == "a beach at dusk"


def test_a_frame_of_hdr_goes_out_and_one_that_cannot_leaves_nothing(files, tmp_path):
    hdr(str(tmp_path / "hdr.mp4"), 16)
    id = files.copy(tmp_path / "hdr.mp4", "hdr.mp4")
    out = references.exported(files, id, 0.05)
    assert out["name"] == "hdr-frame-0.05s.png" and Path(out["path"]).is_file()
    there = sorted(files.root.iterdir())
    with pytest.raises(InputError, match="past the end"):
        references.exported(files, id, 99.0)
    assert sorted(files.root.iterdir()) == there


def test_a_background_of_hdr_is_mapped_as_a_clip_of_it_is(files, tmp_path):
    hdr(str(tmp_path / "hdr.mp4"), 16)
    bright, plain = files.copy(tmp_path / "hdr.mp4", "hdr.mp4"), files.copy(CLIP, "clip.mp4")
    for clip, behind in ((plain, bright), (bright, plain), (plain, plain)):
        value = {"clip": {"id": clip}, "mask": {"background": {"id": behind}}}
        told = staged.settings(value, files, "relight")
        assert told.get("tonemap", False) is (bright in (clip, behind))


def test_a_preview_follows_the_nearest_relit_frame():
    texts = ["0=/a.png", "3.2=/b.png"]
    assert references.nearest(texts, 3.0) == {"reference": ["/b.png"], "start": 3.2}
    assert references.nearest(texts, 1.0) == {"reference": ["/a.png"], "start": 0.0}


def test_a_clicked_subject_becomes_a_mask(files):
    used = []
    point = {"x": 0.25, "y": 0.5, "moment": 2.0}
    plain = regions.settings({"mode": "subject", "click": point}, 0.5, files, used)
    assert plain == {"relight": "subject", "mask": "click:0.2500,0.5000@1.500"}
    assert regions.settings({"mode": "all"}, 0, files, used) == {}
    sky = files.copy(CLIP, "sky.mp4")
    plain = regions.settings({"background": {"id": sky}}, 0, files, used)
    assert plain == {"background": str(files.get(sky)), "mask": "auto"}
    assert used == [files.get(sky)]
    words = regions.settings({"background": {"words": "a beach at dusk"}}, 0, files, [])
    assert words["background"] == "a beach at dusk"
    for wrong in (
        {"mode": "everything"},
        {"mode": "subject", "click": {"x": 2, "y": 0, "moment": 0}},
        {"mode": "subject", "click": "click:1,1"},
        {"background": {"words": "/etc/passwd"}},
        {"background": {"words": "secret.png"}},
        {"background": {"id": "/etc/passwd"}},
    ):
        with pytest.raises(InputError):
            regions.settings(wrong, 0, files, [])


def test_a_light_preview_is_bright_where_the_light_is():
    look = Look(np.full((90, 160, 3), 150, np.uint8))
    seen = {side: look.lit(lights.parse_light(side)).mean(2) for side in ("left", "right", "top")}
    assert seen["left"][:, :40].mean() > seen["left"][:, 120:].mean() + 40
    assert seen["right"][:, 120:].mean() > seen["right"][:, :40].mean() + 40
    assert seen["top"][:20].mean() > seen["top"][70:].mean() + 40
    red = look.lit(lights.parse_light("point:x=.2,color=#ff2000"))
    assert red[45, 32, 0] > red[45, 32, 2] + 50
    named = look.lit(lights.parse_light("left"), prompt="a bear, blue light")
    assert named[45, 8, 2] > named[45, 8, 0] + 30
    none = look.lit(lights.parse_light("left"), intensity=0)
    assert np.abs(none.astype(int) - 150).max() <= 1


def test_a_preset_takes_the_place_of_another_one(files):
    once = with_light("a bunny", PRESETS["Moonlight"][0])
    assert once == f"a bunny, {PRESETS['Moonlight'][0]}"
    assert with_light(once, PRESETS["Candle"][0]) == f"a bunny, {PRESETS['Candle'][0]}"
    assert with_light("", "dim") == with_light(None, "dim") == "dim"
    for words, lit in PRESETS.values():
        assert lamps.read_all(lit, files) and with_light(words, "dim") == "dim"


def test_a_preset_takes_the_place_of_a_light_that_was_typed():
    neon = PRESETS["Red neon"][0]
    assert with_light("a man, warm orange light", neon) == f"a man, {neon}"
    assert with_light("a man in a hat at sunset", neon) == f"a man in a hat, {neon}"
    assert with_light("медведь, холодный синий свет", neon) == f"медведь, {neon}"
    assert with_light("a woman in a red dress", neon) == f"a woman in a red dress, {neon}"


def test_only_values_that_fit_come_back_from_a_browser():
    choice = gr.Dropdown(["a", "b"])
    assert controls.fits(choice, "a") and not controls.fits(choice, "c")
    slider = gr.Slider(0, 2)
    assert controls.fits(slider, 1.5) and not any(
        controls.fits(slider, v) for v in (3, "1", True, None)
    )
    assert controls.fits(gr.Checkbox(), True) and not controls.fits(gr.Checkbox(), "x")
    assert controls.fits(gr.Textbox(), "x") and not controls.fits(gr.Textbox(), "x" * 5000)


@pytest.mark.parametrize(
    ("seconds", "wanted"), [(0.44, "0.4 s"), (12.3, "12 s"), (75, "1:15 min"), (4000, "1:06 h")]
)
def test_durations_are_said_in_words(seconds, wanted):
    assert panels.duration(seconds).replace("\u00a0", " ") == wanted


@pytest.fixture
def tabs(tmp_path):
    studio = Studio(tmp_path)
    with gr.Blocks():
        desk, browser = gr.HTML(), gr.BrowserState(None)
        kinds = (RelightTab, UpscaleTab)
        yield {kind.kind: kind(studio, browser, desk, CLIP) for kind in kinds}
    studio.close()


def test_what_is_lit_comes_back_with_a_runs_settings(tabs):
    tab = tabs["relight"]
    settings = {
        **{"start": 1.5, "frames": 10, "light_at": ["0=left", "1=right"], "relight": "subject"},
        **{"mask": "click:0.2,0.3@1.0", "background": "a beach at dusk", "prompt": "red light"},
    }
    stage = tab.staged(settings)
    assert stage["frames"] == 10 and len(stage["keys"]) == 2 and stage["references"] == []
    assert stage["mask"] == {
        "mode": "subject",
        "click": {"x": 0.2, "y": 0.3, "moment": 2.5},
        "background": {"words": "a beach at dusk"},
    }
    assert tab.unshown(settings) == []
    assert tab.staged({"prompt": "red light"})["mask"] == {"mode": "all"}


def test_settings_that_the_page_cannot_show_are_named(tabs):
    settings = {
        **{"mask": "matte.png", "relight": "background", "background": "sky.mp4", "seed": 3},
        **{"light": "image:sun.png", "reference": ["a.png"], "surface": "all", "device": "cuda"},
    }
    tab = tabs["relight"]
    assert set(tab.unshown(settings)) == {"mask", "background", "light", "reference", "surface"}
    assert tab.loaded(settings)["stays"] and "surface" in tab.loaded(settings)["text"]
    assert tab.unshown({"light": "later:light=(circle),seconds=2"}) == ["light"]
    for light in ("left + point:x=.2", "sweep", "pulse:light=(right)"):
        assert tab.unshown({"light": light}) == []
    upscale = tabs["upscale"]
    assert upscale.filled({"scale": 4.0})[upscale.named["scale"]]["value"] == 4.0
    assert upscale.unshown({"scale": 4.0, "size": None}) == []
    assert upscale.unshown({"scale": 2.5}) == ["scale"]
    assert upscale.unshown({"size": "1280x720", "guide": "own.safetensors"}) == ["size", "guide"]
