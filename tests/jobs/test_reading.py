"""Files of settings from anybody: plain data, bounded, and told in a line where they aren't."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from relight.errors import InputError
from relight.jobs import RelightJob
from relight.jobs.files import read_job, read_settings
from relight.jobs.reading import LARGEST, read_json, read_yaml, shown

BAD = {
    "aliases": ("a.yaml", b"prompt: &a x\nscene: *a", "aliases"),
    "a key twice": ("a.yaml", b"prompt: a\nprompt: b", "twice"),
    "a key twice in JSON": ("a.json", b'{"prompt": "a", "prompt": "b"}', "twice"),
    "deep": ("a.yaml", b"prompt: " + b"[" * 5000 + b"]" * 5000, "nested"),
    "deep JSON": ("a.json", b'{"prompt": ' + b"[" * 50000 + b"]" * 50000 + b"}", "nested"),
    "too large": ("a.yaml", b"#" * (LARGEST + 1), "MiB"),
    "no UTF-8": ("a.yaml", b"prompt: \xff\xfe", "UTF-8"),
    "a number as a key": ("a.yaml", b"3: x", "keys are words"),
    "a long key": ("a.yaml", b"x" * 1000 + b": y", "unknown key"),
    "a list": ("a.yaml", b"- prompt", "holds no settings"),
    "a long number": ("a.yaml", b"seed: " + b"9" * 50_000, "too long"),
    "a program": ("a.yaml", b"!!python/object/apply:os.system [ls]", "a.yaml"),
    "binary": ("a.yaml", bytes(range(256)), "a.yaml"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_plain_data_is_one_short_line(tmp_path, case):
    name, content, words = BAD[case]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        read_job(path)
    text = str(error.value)
    assert words in text and "\n" not in text and len(text) < 3000


def test_words_mean_what_they_say(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbfseed: 1:30\ntransfer: off\nsteps: 012\ncompile: true")
    assert read_settings(path).settings == {
        "seed": "1:30",
        "transfer": "off",
        "steps": 12,
        "compile": True,
    }


SIDECARS = {
    "a newer one": ({"schema": 3}, "unknown schema 3: this version reads sidecars up to 2"),
    "no number": ({"schema": "two"}, "unknown schema 'two'"),
    "a truth": ({"schema": True}, "unknown schema True"),
    "an unknown kind": ({"kind": "paint"}, "unknown kind 'paint': use relight, upscale"),
    "a list": ({"kind": ["relight"]}, r"unknown kind \['relight'\]"),
    "another kind": ({"kind": "upscale"}, "a sidecar of relight upscale: run `relight upscale "),
}


@pytest.mark.parametrize("case", SIDECARS)
def test_a_sidecar_that_is_not_known_is_refused_by_name(tmp_path, case):
    wrong, words = SIDECARS[case]
    path = tmp_path / "out.mp4.json"
    content = {"kind": "relight", "schema": 2, "settings": {"prompt": "x"}}
    path.write_text(json.dumps(content))
    assert read_job(path) == {"prompt": "x"}
    path.write_text(json.dumps(content | wrong))
    with pytest.raises(InputError, match=words):
        read_job(path)


@pytest.mark.parametrize("wrong", [{"seed": True}, {"steps": False}, {"intensity": True}])
def test_true_is_no_number(wrong):
    with pytest.raises(InputError, match=r"should be a number or a word, not (True|False)"):
        RelightJob.make(input="a.mp4", output="b.mp4", prompt="x", **wrong)


def test_long_values_are_cut_in_messages():
    with pytest.raises(InputError) as error:
        RelightJob.make(input="a.mp4", output="b.mp4", prompt="x", steps="9" * 10**6)
    assert len(str(error.value)) < 500
    assert len(shown({"a": ["b" * 10**6] * 5})) < 100 and len(shown(list(range(10**6)))) < 100


@settings(max_examples=200, deadline=None)
@given(some.binary(max_size=200))
def test_any_bytes_are_data_or_a_line(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    for read in (read_yaml, read_json):
        try:
            read(content.decode("latin-1"), path)
        except InputError as error:
            assert "\n" not in str(error)
