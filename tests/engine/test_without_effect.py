"""A setting that has no effect beside the others of its job is named in a note."""

import numpy as np
import pytest
from PIL import Image

from relight import media
from relight.engine.plan import plan
from relight.engine.run import run_relight
from relight.engine.without_effect import RUNNING
from relight.jobs import RelightJob, UpscaleJob
from relight.jobs.base import Delivery, Job

ALWAYS = {
    "relight": {"relight", "background", "reference", "intensity", "transfer", "upscale"},
    "upscale": {"scale", "size", "guide", "model", "recipe"},
}
"""Settings that have an effect in every job, or are refused where they have none."""
IDLE = " no effect: "
SHARED = {*Delivery.model_fields, *Job.model_fields} - set(RUNNING)
"""What every job has; a format that can't have one of them refuses it."""


@pytest.fixture
def files(tmp_path):
    """A picture to light, a still of it, a mask and a depth."""
    rng = np.random.default_rng(0)
    for name, shape in (("in", (96, 96, 3)), ("lit", (96, 96, 3)), ("depth", (96, 96))):
        Image.fromarray(rng.integers(0, 256, shape, np.uint8)).save(tmp_path / f"{name}.png")
    mask = np.zeros((96, 96), np.uint8)
    mask[16:64, 32:64] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    return tmp_path


VIDEO_GIVEN = {
    "scene": "a beach",
    "negative_prompt": "rain",
    "strength": 0.6,
    "steps": 3,
    "guidance": 3.0,
}
FORM_GIVEN = {"surface": "depth", "depth_clip": "depth.png"}
REFERENCE = {"reference": ["lit.png"]}
BEST, PAPER = {"recipe": "best"}, {"recipe": "paper"}
OWN = {**BEST, "transfer": "off"}
CASES = [  # settings, those of them that have no effect, a part of the reason
    ({"recipe": "fast"}, VIDEO_GIVEN, "runs no video model"),
    ({"recipe": "fast"}, {"contact_shadow": 0.2}, "no new background"),
    ({"background": "a beach", **BEST}, {"contact_shadow": 0.2}, "has its own shadows"),
    ({"background": "a beach", **BEST}, {"light_fps": 4.0}, "background of every frame"),
    ({**BEST, "guidance": 1.0}, {"negative_prompt": "rain"}, "without guidance"),
    (OWN, {"light_fps": 4.0}, "sees every frame"),
    (OWN, {"shape": 0.2, **FORM_GIVEN}, "own pixels are taken"),
    (PAPER, {"shape": 0.2, "surface": "depth"}, "adds no form"),
    ({**PAPER, "relight": "all"}, {"mask": "mask.png"}, "all is relit, and recipe paper"),
    ({"light": "none"}, {"shape": 0.2, **FORM_GIVEN}, "light none has no side"),
    ({"shape": 0.0}, FORM_GIVEN, "shape 0 asks for no form"),
    ({"shape": 0.0, "relight": "all"}, {"mask": "mask.png"}, "all is relit, and shape 0"),
    ({"depth_clip": "depth.png"}, {"surface": "subject"}, "depth.png gives the light its form"),
    ({"depth_clip": "depth.png", "relight": "all"}, {"mask": "mask.png"}, "depth.png gives"),
    ({**REFERENCE, "relight": "all"}, {"mask": "mask.png"}, "all is relit, and a reference"),
    (REFERENCE, {**VIDEO_GIVEN, "prompt": "red", "light": "top"}, "reference has its own light"),
    (
        REFERENCE,
        {"light_at": ["0=left", "0.02=top"], "model": "mini"},
        "reference has its own light",
    ),
    (REFERENCE, {"recipe": "best", "relight_steps": 3, "gamma": 0.3}, "has its own light"),
    (REFERENCE, {"side": 64, "light_fps": 4.0, "delight": 0.5}, "has its own light"),
    (REFERENCE, {"attention": "xformers", "compile": True}, "has its own light"),
]
ENLARGED = [
    ({"recipe": "paper"}, {"identity": 0.3}, "recipe paper has no such setting"),
    ({}, {"prompt": "a bear", "negative_prompt": "rain", "steps": 3}, "the guide makes the result"),
    ({"identity": 1.0}, {"guidance": 3.0, "tile": 128}, "the guide makes the result"),
    ({"identity": 1.0}, {"attention": "xformers", "compile": True}, "the guide makes the result"),
    ({"identity": 0.5, "guidance": 1.0}, {"negative_prompt": "rain"}, "without guidance"),
]


def _job(files, given, **more):
    """Its job of relighting; a name of a file is one of the folder."""
    there = {name: _in(files, value) for name, value in given.items()}
    base = {"input": files / "in.png", "output": files / "out.png", "model": "mini"}
    words = {} if "reference" in given else {"prompt": "a bear, red light"}
    if "reference" in given:
        base.pop("model")
    return RelightJob.make(**{**base, **words, **more, **there})


def _in(files, value):
    if isinstance(value, list):
        return [_in(files, one) for one in value]
    return str(files / value) if str(value).endswith(".png") else value


@pytest.mark.parametrize("settings, idle, why", CASES, ids=lambda value: "-".join(value)[:60])
def test_what_has_no_effect_is_said(files, settings, idle, why, monkeypatch):
    monkeypatch.setattr("relight.engine.resolve.depth_network", lambda surface: None)
    monkeypatch.setattr("relight.engine.prepare.hub.depth_network", lambda surface: None)
    (note,) = (one for one in plan(_job(files, {**settings, **idle})).notes if IDLE in one)
    said, reason = note.split(IDLE)
    assert why in reason and set(idle) <= {word.strip(",") for word in said.split()}
    assert "\n" not in note
    assert not any(IDLE in one for one in plan(_job(files, settings)).notes)


@pytest.mark.parametrize("settings, idle, why", ENLARGED)
def test_what_has_no_effect_on_an_upscale_is_said(files, settings, idle, why):
    base = {"input": files / "in.png", "output": files / "out.png", "model": "mini"}
    (note,) = plan(UpscaleJob.make(**base, **settings, **idle)).notes
    said, reason = note.split(IDLE)
    assert why in reason and set(idle) <= {word.strip(",") for word in said.split()}
    assert not plan(UpscaleJob.make(**base, **settings)).notes


def test_every_setting_was_thought_of():
    """A new one has an effect everywhere, or a row above."""
    named = {name for _, idle, _ in CASES for name in idle}
    missing = {"reference_at", "matte_model"}  # refused alone; as the mask
    assert set(RelightJob.model_fields) == named | missing | ALWAYS["relight"] | SHARED
    named = {name for _, idle, _ in ENLARGED for name in idle}
    assert set(UpscaleJob.model_fields) == named | ALWAYS["upscale"] | SHARED


QUICK = {"relight_steps": 1, "side": 32, "seed": 1, "frames": 4, "as_clip": True}
LIT = [  # settings, and those that are said to have no effect on top of them
    ({"recipe": "fast"}, {**VIDEO_GIVEN, "contact_shadow": 0.2}),
    ({**PAPER, "steps": 2}, {"shape": 0.2, "contact_shadow": 0.2}),
    ({**OWN, "steps": 2}, {"shape": 0.2, "light_fps": 4.0}),
    ({"light": "none"}, {"shape": 0.2, "depth_clip": "depth.png"}),
    ({"shape": 0.0}, {"depth_clip": "depth.png"}),
]


@pytest.mark.slow
@pytest.mark.parametrize("settings, idle", LIT, ids=lambda value: "-".join(value)[:60])
def test_it_has_no_effect(files, scene, tiny_model, tiny, settings, idle):
    """The frames are the same bit for bit, with it and without."""
    found = []
    for name, more in (("with", idle), ("without", {})):
        given = {**settings, **more, "input": scene / "clip", "output": files / f"{name}.mkv"}
        job = _job(files, {**QUICK, **given}, model=str(tiny_model))
        result = run_relight(job, load=tiny)
        assert bool(more) == any("no effect" in note for note in result.notes)
        found.append(np.stack([frame.image for frame in media.read(result.path)]))
    assert np.array_equal(*found)


def test_a_sidecar_asks_for_nothing_that_was_not_given(files):
    """It holds every setting, as it was decided."""
    given = {"identity": 0.5, "recipe": "paper", "steps": 1, "model": "mini"}
    job = UpscaleJob.make(input=files / "in.png", output=files / "out.png", **given)
    decided = plan(job.model_copy(update={"identity": None})).job
    assert not plan(UpscaleJob.make(**decided.settings())).notes
    assert plan(job).notes
