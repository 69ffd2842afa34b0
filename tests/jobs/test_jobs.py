"""One definition of a job: checked values, job files, sidecars."""

import json

import pytest

from relight.errors import InputError
from relight.jobs import RelightJob, UpscaleJob
from relight.jobs.files import overlaid, read_job
from relight.lights import PointLight, parse_light

GOOD = {"input": "a.mp4", "output": "b.mp4", "prompt": "a bear"}


@pytest.mark.parametrize(
    "wrong, named",
    [
        ({"strength": 0}, "strength"),
        ({"strength": 1.5}, "strength"),
        ({"strength": float("nan")}, "strength"),
        ({"steps": 0}, "steps"),
        ({"relight_steps": -1}, "relight_steps"),
        ({"guidance": float("inf")}, "guidance"),
        ({"gamma": 2}, "gamma"),
        ({"seed": -1}, "seed"),
        ({"frames": 0}, "frames"),
        ({"devices": "cuda:0,,cuda:1"}, "devices should be names with commas between"),
        ({"start": -0.5}, "start"),
        ({"light_fps": 0}, "light_fps"),
        ({"transfer": "maybe"}, "transfer"),
        ({"recipe": "slow"}, "recipe"),
        ({"prompt": "  "}, "prompt"),
        ({"prmpt": "x"}, "prmpt"),
        ({"input": "a\0b"}, "zero byte"),
        ({"light": "sideways"}, "unknown light 'sideways'"),
        ({"light": "point:radius=0"}, "radius should be"),
        ({"light": ["left", "point:color=blurple"]}, "unknown color 'blurple'"),
        ({"light": 7}, "light should be"),
        ({"light": ["left", 5]}, "a light is written in words, not 5"),
        ({"light": ["left", None]}, "a light is written in words, not None"),
        ({"light_at": ["1=left", "0=top"]}, "in order of time"),
        ({"light_at": ["left"]}, "SECONDS=LIGHT"),
        ({"light_at": 7}, "light_at should be"),
        ({"light": "top", "light_at": ["0=left"]}, "not both"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(wrong, named):
    with pytest.raises(InputError, match=named) as caught:
        RelightJob.make(**{**GOOD, **wrong})
    assert "\n" not in str(caught.value)


def test_a_path_is_taken_wherever_a_file_is_meant(tmp_path):
    named = tmp_path / "a (b).png"
    names = ("mask", "background", "surface", "model")
    job = RelightJob.make(**{**GOOD, **dict.fromkeys(names, named), "light": named})
    assert all(getattr(job, name) == str(named) for name in names)
    assert parse_light(job.light).path == named
    guide = UpscaleJob.make(input="a.png", output="b.png", guide=named).guide
    assert guide == str(named)


def test_a_missing_setting_is_named():
    with pytest.raises(InputError, match="prompt is empty"):
        RelightJob.make(input="a.mp4", output="b.mp4")


def test_every_field_tells_what_it_is():
    assert all(field.description for field in RelightJob.model_fields.values())


@pytest.mark.parametrize("suffix", [".yaml", ".json"])
def test_settings_survive_a_job_file(tmp_path, suffix):
    job = RelightJob.make(**GOOD, light="top", seed=7, strength=0.3)
    path = tmp_path / f"job{suffix}"
    path.write_text(json.dumps(job.settings()))  # JSON is YAML too
    assert RelightJob.make(**read_job(path)).settings() == job.settings()


def test_a_sidecar_is_a_job_file(tmp_path):
    path = tmp_path / "out.mp4.json"
    path.write_text(json.dumps({"settings": GOOD, "made": {"frames": 3}}))
    assert read_job(path) == GOOD


@pytest.mark.parametrize(
    "text, named",
    [
        ("prompt: x\nlihgt: left", "lihgt"),
        ("- a\n- b", "holds no settings"),
        ("a: [", "can't read"),
        ("", "holds no settings"),
        ("!!python/object/apply:os.system ['true']", "can't read"),
    ],
)
def test_a_bad_job_file_is_one_line(tmp_path, text, named):
    path = tmp_path / "job.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=named) as caught:
        read_job(path)
    assert "\n" not in str(caught.value)


def test_a_light_may_be_a_text_a_list_or_an_object():
    text = "left + point:x=0.2,color=#ffb060"
    lamp = PointLight(x=0.2, color="#ffb060")
    for light in (text, ["left", "point:x=.2,color=#ffb060"], ["left", lamp], parse_light(text)):
        job = RelightJob.make(**GOOD, light=light)
        assert job.light == text
    assert RelightJob.make(**GOOD, light="point:x=.2").light == "point:x=.2"  # as it was written


def test_settings_hold_absolute_paths_of_lights_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    job = RelightJob.make(**GOOD, light="top + sky.png")
    assert job.settings()["light"] == f"top + {tmp_path / 'sky.png'}"
    assert job.settings()["input"] == str(tmp_path / "a.mp4")


def test_keyframes_may_be_a_list_a_mapping_or_lines():
    texts = ["0=left", "2.5=point:x=.8"]
    for given in (texts, {0: "left", 2.5: "point:x=.8"}, "0=left\r\n 2.5=point:x=.8\n"):
        assert RelightJob.make(**GOOD, light_at=given).light_at == texts
    assert RelightJob.make(**GOOD, light_at=None).light_at == []
    odd = '0=image:"a\u2028b.png"'
    assert RelightJob.make(**GOOD, light_at=odd).light_at == [odd]


def test_a_light_given_now_replaces_keyframes_of_a_job_file():
    stored = {**GOOD, "light": "left", "light_at": ["0=left", "1=top"]}
    job = RelightJob.make(**overlaid(RelightJob, stored, {"light": "right"}))
    assert (job.light, job.light_at) == ("right", [])
    job = RelightJob.make(
        **overlaid(RelightJob, {**GOOD, "light": "top"}, {"light_at": ["0=left"]})
    )
    assert (job.light, job.light_at) == ("left", ["0=left"])
