"""Controls come from the job classes, so a new field is everywhere by itself."""

from typing import Literal

import gradio as gr
import pytest
from pydantic import Field

from relight.jobs import RelightJob, UpscaleJob
from relight.lights import parse_light
from relight.ui import controls, panels
from relight.ui.clips import plain_name
from relight.ui.relight_tab import CHIPS, LIGHTS, with_light


class Later(RelightJob):
    """A job of a later version, with fields that nobody has told the app about."""

    glow: float = Field(0.25, ge=0, le=1, description="how much the lights bloom.")
    mood: Literal["calm", "wild"] = "calm"
    halo: int | None = Field(None, ge=2, le=9, title="Halo size")
    rim: bool = False


def test_a_new_field_becomes_a_control_by_itself():
    assert set(controls.open_fields(Later)) - set(controls.open_fields(RelightJob)) == {
        *("glow", "mood", "halo", "rim")
    }
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
    assert not fields & {"input", "output", "overwrite", "device", "dtype", "memory"}


def test_the_lights_offered_are_ones_that_the_library_has():
    for name in LIGHTS.keys() - {"image"}:
        assert str(parse_light(name)) == name


def test_a_chip_takes_the_place_of_another_one():
    once = with_light("a bunny", CHIPS["Moonlight"])
    assert once == f"a bunny, {CHIPS['Moonlight']}"
    assert with_light(once, CHIPS["Candle"]) == f"a bunny, {CHIPS['Candle']}"
    assert with_light("", CHIPS["Noir"]) == with_light(None, CHIPS["Noir"]) == CHIPS["Noir"]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("../../etc/passwd", "passwd"),
        ("holiday film.MP4", "holiday film.mp4"),
        ("<img src=x onerror=alert(1)>.mp4", "img src_x onerror_alert_1.mp4"),
        ("-rf.mov", "rf.mov"),
        ("...", "clip"),
        ("a\x00b\n.mp4", "a_b.mp4"),
        ("x" * 300 + ".webm", "x" * 60 + ".webm"),
    ],
    ids=["path", "plain", "script", "dash", "dots", "control", "long"],
)
def test_names_are_made_harmless(given, wanted):
    assert plain_name(given) == wanted


@pytest.mark.parametrize(
    ("seconds", "wanted"), [(0.44, "0.4 s"), (12.3, "12 s"), (75, "1:15 min"), (4000, "1:06 h")]
)
def test_durations_are_said_in_words(seconds, wanted):
    assert panels.duration(seconds).replace("\u00a0", " ") == wanted


def test_what_users_write_is_escaped():
    bad = "<script>alert(1)</script>"
    assert bad not in panels.note(bad) and bad not in panels.progress(bad, 0.5, 3)
