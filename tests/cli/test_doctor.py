"""`relight doctor` and `--log-file`: useful in a bug report, without personal names if asked."""

import json
import logging
from pathlib import Path

import pytest

from relight.cli import main
from relight.engine.logs import anonymous, fields, logged
from relight.errors import InputError


def test_a_doctor_tells_versions_devices_codecs_and_weights(capsys):
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert not [name for name, section in found.items() if "broken" in section]
    assert found["versions"]["torch"] and found["codecs"]["h264"] == "libx264"
    assert "vae" in found["weights"]["mini"] and "download" in found["weights"]["wan"]
    assert main(["doctor", "--anonymous"]) == 0
    said = capsys.readouterr().out
    assert str(Path.cwd()) not in said and str(Path.home()) not in said
    assert "libx264" in said


def test_a_token_is_never_shown(monkeypatch, capsys):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    main(["doctor"])
    said = capsys.readouterr().out
    assert "hf_secret" not in said and "HF_TOKEN: set" in said


def test_a_log_has_a_line_of_json_each_and_is_added_to(tmp_path):
    path = tmp_path / "log.jsonl"
    logger = logging.getLogger("relight.engine.test")
    for number in range(2):
        with logged(path):
            logger.info("chunk %d", number, extra=fields(chunk="light-1", seconds=1.5))
    logger.info("not any more")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["message"] for line in lines] == ["chunk 0", "chunk 1"]
    assert lines[0]["chunk"] == "light-1" and lines[0]["seconds"] == 1.5


def test_an_anonymous_log_can_be_followed_and_names_nobody(tmp_path):
    path = tmp_path / "log.jsonl"
    name = "/home/ann lee/my clips/cat 1.mp4"
    with logged(path, hide=True):
        logger = logging.getLogger("relight.engine.test")
        logger.info("%s: done", name, extra=fields(job=name))
        logger.info("%s: done", "/srv/b.mp4")
        try:
            raise ValueError(f"can't read {Path('/home/ann/x.mp4')}")
        except ValueError:
            logger.info("failed", exc_info=True)
    text = path.read_text()
    assert not [
        word for word in ("ann", "lee", "cat", "/home", "/srv", str(Path.cwd())) if word in text
    ]
    first = json.loads(text.splitlines()[0])
    assert first["job"] in first["message"] and first["job"].endswith(".mp4")


def test_a_file_that_is_no_log_is_left_alone(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("mine")
    with pytest.raises(InputError, match="not a log"), logged(path):
        pass
    assert path.read_text() == "mine"


def test_paths_of_packages_say_where_and_not_whose():
    hidden = anonymous()("/home/ann/venv/lib/site-packages/torch/x.py line 3")
    assert hidden == "site-packages/torch/x.py line 3"
