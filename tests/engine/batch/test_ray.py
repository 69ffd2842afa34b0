"""Ray: two actors on this machine make the files that a serial run makes."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from relight.engine.batch.rows import Row
from relight.engine.batch.spread import split
from tests.engine.batch.test_batch import QUICK, _clip, _files, _picture

ROOT = Path(__file__).parents[3]
needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="needs Ray: pip install 'relight[batch]'"
)


def _batch(folder, out, model, *more):
    command = [sys.executable, "-m", "relight", "batch", "in", "-o", out, *QUICK[:-1], "best"]
    # Each window of the video model is a chunk.
    command += ["--steps", "1", "--side", "64", "--light-fps", "60", "--model", str(model)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, *more], cwd=folder, env=environment, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done


@needs_ray
@pytest.mark.slow
@pytest.mark.soak
def test_rows_and_the_chunks_of_a_long_clip_over_two_actors_equal_serial(tmp_path, tiny_model):
    _picture(tmp_path / "in" / "a.png", 1)
    _picture(tmp_path / "in" / "deep" / "b.png", 2)
    _clip(tmp_path / "in" / "deep" / "long.mp4", 3, frames=110)
    _batch(tmp_path, "serial", tiny_model)
    _batch(tmp_path, "ray", tiny_model, "--ray", "auto", "--workers", "2", "--report", "r.jsonl")
    assert _files(tmp_path / "ray") == _files(tmp_path / "serial")
    events = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert events[0]["input"].endswith("long.mp4")  # which was done by both, first
    again = _batch(tmp_path, "ray", tiny_model, "--ray", "auto", "--workers", "2")
    assert "3 skipped" in again.stdout


def test_a_clip_longer_than_an_even_share_is_done_by_all(tmp_path):
    _clip(tmp_path / "long.mp4", 1, frames=120)
    _clip(tmp_path / "short.mp4", 2, frames=20)
    settings = {"prompt": "x"}
    rows = [
        Row(source=tmp_path / name, target=Path(name), kind="relight", settings=settings)
        for name in ("short.mp4", "long.mp4", "gone.mp4")
    ]
    together, alone = split(rows, tmp_path / "out", 2)
    assert [row.target.name for row in together] == ["long.mp4"] and len(alone) == 2
    assert split(rows, tmp_path / "out", 1) == ([], rows)
    assert split(rows[:1] * 2, tmp_path / "out", 2)[0] == []


def test_without_ray_a_line_says_what_to_install(tmp_path):
    code = "import sys; sys.modules['ray'] = None\nfrom relight.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "batch", "x.mp4", "-o", "out", "--prompt", "x"]
    done = subprocess.run(
        [*command, "--ray", "auto"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and "relight[batch]" in done.stderr
