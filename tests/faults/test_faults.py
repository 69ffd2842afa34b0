"""The table of faults: each that can be is made for real, and its page is up to date."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from relight.cli import main
from tests.faults.made import Place
from tests.faults.page import PAGE, files_of_tests, page
from tests.faults.table import FAULTS
from tests.samples import CLIP, small_clip

ROOT = Path(__file__).parents[2]
ALL = [fault for faults in FAULTS.values() for fault in faults]
MADE = [fault for fault in ALL if fault.make]
LONGEST = 500
"""Characters of a line that a user is told."""


@pytest.mark.parametrize("fault", MADE, ids=[fault.make.__name__ for fault in MADE])
def test_a_fault_is_told_in_a_line_and_leaves_nothing(tmp_path, fault):
    told = fault.make(Place(tmp_path))
    assert any(fault.words in line for line in told.lines), told
    assert all(len(line) < LONGEST and "Traceback" not in line for line in told.lines)
    if told.fine:
        assert told.code == 0
        return
    assert told.code in (1, 2)
    errors = [line for line in told.lines if line.startswith("relight: ")]
    assert len(errors) == 1
    left = {path.name for path in tmp_path.rglob("*")}
    assert not {name for name in left if name.startswith(("out", ".out", ".x")) or ".part" in name}


def test_every_fault_is_tested_or_says_why_not():
    assert len(ALL) == 56
    for fault in ALL:
        assert fault.make or fault.tests or fault.untested, fault.fault
        for test in fault.tests:
            assert len(files_of_tests().get(test, [])) == 1, test


def test_the_page_is_made_from_the_table():
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m tests.faults.page"


def _command(*arguments, cwd):
    command = [sys.executable, "-m", "relight", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True)


def test_names_that_are_no_text(tmp_path):
    name = os.fsencode(tmp_path) + b"/\xff\xfe.mp4"
    Path(os.fsdecode(name)).write_bytes(CLIP.read_bytes()[:1000])
    done = _command(b"run", name, b"-o", b"\xff.mp4", b"--prompt", b"x", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert len(done.stderr.splitlines()) == 1 and b"Traceback" not in done.stderr


def test_names_that_are_no_text_work(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    small_clip(Path("in", "a\udcff.mp4"), frames=2)
    larger = ["--model", "mini", "--scale", "2"]
    assert main(["upscale", "in/a\udcff.mp4", "-o", "b\udcff.mp4", "--json", *larger]) == 0
    sidecar = Path("b\udcff.mp4.json").read_text(encoding="utf-8")
    told = json.loads(sidecar)["settings"], json.loads(capfd.readouterr().out)["settings"]
    assert all(one["input"] == str(tmp_path / "in" / "a\udcff.mp4") for one in told)
    assert main(["upscale", "b\udcff.mp4.json", "-o", "c.mp4"]) == 0
    assert Path("c.mp4").read_bytes() == Path("b\udcff.mp4").read_bytes()
    for done in ("1 done", "1 skipped"):
        assert main(["batch", "in", "-o", "out", "--report", "r.jsonl", *larger]) == 0
        assert done in capfd.readouterr().out
    assert Path("out", "a\udcff.mp4").exists()


def test_a_leading_dash_gets_a_hint(tmp_path):
    (tmp_path / "-dash.mp4").write_bytes(CLIP.read_bytes())
    done = _command("run", "-dash.mp4", "-o", "out.mp4", "--prompt", "x", cwd=tmp_path)
    assert done.returncode == 2 and b"./-dash.mp4" in done.stderr
