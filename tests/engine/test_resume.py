"""Runs that are killed, changed, repeated, spread over processes: nothing lost, nothing mixed."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from relight import media
from relight.engine.manifest import Manifest, difference
from relight.engine.run import run_relight
from relight.engine.work import Work, work_folder
from relight.errors import BusyError, Cancelled, MediaError
from relight.jobs import RelightJob
from relight.models.catalogue import CATALOGUE
from relight.models.loader import load_model
from tests.conftest import CPU
from tests.engine.test_run import QUICK, _images
from tests.samples import CLIP

WINDOW = 8
MANY = {"light_fps": 30, "frames": 2 * WINDOW, "recipe": "paper"}
"""Three windows of the tiny model, and nothing before them."""


@pytest.fixture(scope="module")
def load(tiny_model):
    """The tiny model with windows of half their length, as a plan finds it, too."""
    entry = CATALOGUE["animatediff"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(CATALOGUE, "animatediff", replace(entry, window=WINDOW))
        model = load_model(str(tiny_model), CPU)
        yield lambda *_: model


def _job(out, tiny_model, **given):
    settings = {"input": CLIP, "output": out, **QUICK, **MANY, "model": str(tiny_model)}
    return RelightJob.make(**{**settings, **given})


def _stop_after(chunks):
    """An `on_progress` that stops the run once so many chunks are stored."""

    def stop(progress):
        stored = list(stop.folder.glob("light-*"))
        if len(stored) >= chunks:
            raise Cancelled("stopped")

    return stop


def _interrupted(job, load, chunks=1):
    stop = _stop_after(chunks)
    stop.folder = work_folder(job.output)
    with pytest.raises(Cancelled):
        run_relight(job, load=load, on_progress=stop)
    assert not job.output.exists()
    return stop.folder


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["paper", "best"])
def test_the_same_command_takes_finished_chunks_over(tmp_path, load, tiny_model, recipe):
    given = {"recipe": recipe, "shape": 0}
    whole = _images(run_relight(_job(tmp_path / "a.mp4", tiny_model, **given), load=load).path)
    job = _job(tmp_path / "b.mp4", tiny_model, **given)
    folder = _interrupted(job, load)
    kept = (folder / "light-00000.safetensors").stat().st_mtime_ns
    seen = []

    def watch(progress):
        seen.append(progress.fraction)
        assert (folder / "light-00000.safetensors").stat().st_mtime_ns == kept

    result = run_relight(job, load=load, on_progress=watch)
    assert np.array_equal(_images(result.path), whole)
    (note,) = (note for note in result.notes if note.startswith("resumed"))
    done, total = map(int, re.findall(r"\d+", note))
    assert done == total - 2, note  # all of the clip's light, and one of three windows
    assert seen[0] > 0.2 and seen == sorted(seen)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "a.mp4",
        "a.mp4.json",
        "b.mp4",
        "b.mp4.json",
    ]


@pytest.mark.slow
def test_an_open_seed_is_taken_over_too(tmp_path, load, tiny_model):
    job = _job(tmp_path / "a.mp4", tiny_model, seed=None)
    folder = _interrupted(job, load)
    seed = json.loads((folder / "manifest.json").read_text())["resolved"]["seed"]
    assert run_relight(job, load=load).settings["seed"] == seed


@pytest.mark.slow
@pytest.mark.parametrize(
    "change, named",
    [({"prompt": "blue light"}, "prompt"), ({"seed": 9}, "seed"), ({"frames": 15}, "frames")],
)
def test_a_changed_setting_starts_afresh_and_is_named(tmp_path, load, tiny_model, change, named):
    _interrupted(_job(tmp_path / "a.mp4", tiny_model), load)
    result = run_relight(_job(tmp_path / "a.mp4", tiny_model, **change), load=load)
    assert any(f"starting afresh: {named} was" in note for note in result.notes)
    assert not any("resumed" in note for note in result.notes)
    alone = run_relight(_job(tmp_path / "b.mp4", tiny_model, **change), load=load)
    assert np.array_equal(_images(result.path), _images(alone.path))


@pytest.mark.slow
def test_a_changed_input_or_light_picture_starts_afresh(tmp_path, load, tiny_model, caplog):
    caplog.set_level("INFO")
    clip, light = tmp_path / "in.mp4", tmp_path / "light.png"
    clip.write_bytes(CLIP.read_bytes())
    for path, value in ((light, 200), (tmp_path / "other.png", 90)):
        with media.write(path, size=(16, 16), fps=1) as out:
            out.add(np.full((16, 16, 3), value, np.uint8), 0)
    job = _job(tmp_path / "a.mp4", tiny_model, input=clip, light=str(light))
    _interrupted(job, load)
    light.write_bytes((tmp_path / "other.png").read_bytes())
    _interrupted(job, load)
    assert "the file given as light has changed" in caplog.text
    with clip.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)[0]
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last ^ 1]))
    run_relight(job, load=load)
    assert "the file given as input has changed" in caplog.text


@pytest.mark.slow
def test_no_resume_starts_afresh(tmp_path, load, tiny_model):
    job = _job(tmp_path / "a.mp4", tiny_model)
    _interrupted(job, load)
    again = job.model_copy(update={"resume": False})
    assert not any("resumed" in note for note in run_relight(again, load=load).notes)


@pytest.mark.slow
def test_a_second_run_of_one_output_is_refused(tmp_path, load, tiny_model):
    job = _job(tmp_path / "a.mp4", tiny_model)
    with (
        Work(work_folder(job.output)).locked(),
        pytest.raises(BusyError, match="another run"),
    ):
        run_relight(job, load=load)
    assert run_relight(job, load=load).frames == MANY["frames"]


@pytest.mark.slow
def test_the_work_folder_can_be_kept_and_be_elsewhere(tmp_path, load, tiny_model):
    elsewhere = tmp_path / "elsewhere"
    job = _job(tmp_path / "a.mp4", tiny_model, work=elsewhere, keep_work=True)
    run_relight(job, load=load)
    kept = work_folder(job.output, elsewhere)
    assert kept.parent == elsewhere and kept.name.startswith("a.mp4.")
    assert len(list(kept.glob("light-*.safetensors"))) == 3
    states = json.loads((kept / "manifest.json").read_text())["chunks"]
    assert set(states.values()) == {"done"}
    assert len([name for name in states if name.startswith("light-")]) == 3


def test_outputs_of_one_name_have_folders_of_their_own_under_one(tmp_path, monkeypatch):
    names = ("x/a.mp4", "y/a.mp4", "x/" + "a" * 240 + ".mp4", "x/f/%05d.png", "y/f/%05d.png")
    folders = [work_folder(tmp_path / name, tmp_path / "w") for name in names]
    assert len(set(folders)) == len(names) and all(len(one.name) <= 255 for one in folders)
    monkeypatch.chdir(tmp_path)
    assert work_folder(Path("x/a.mp4"), tmp_path / "w") == folders[0]  # the same command finds it


@pytest.mark.parametrize("where", ["/proc", "/sys", "/dev/null"])
def test_a_work_folder_that_cannot_be_made_is_named(where):
    work = Work(Path(where) / "a.mp4.relight")
    with (
        pytest.raises(MediaError, match="can't be made .* give another with --work"),
        work.locked(),
    ):
        pass


def test_a_replaced_file_is_named_before_the_seed_that_a_batch_makes_of_it():
    given = {"kind": "relight", "version": "1"}
    old = Manifest(**given, asked={"seed": 3, "light": "a.png"}, files={"input": "x", "light": "u"})
    new = Manifest(**given, asked={"seed": 4, "light": "a.png"}, files={"input": "y", "light": "u"})
    assert difference(old, new) == "the file given as input has changed"
    new = Manifest(**given, asked={"seed": 3, "light": "b.png"}, files={"input": "x", "light": "v"})
    assert difference(old, new) == "light was 'a.png', is 'b.png'"


@pytest.mark.parametrize("size", [2**16, 2**26 + 4096])
def test_a_fingerprint_notices_a_byte(tmp_path, size):
    from relight.engine.manifest import fingerprint

    path = tmp_path / "file"
    path.write_bytes(bytes(size))
    before = fingerprint(path)
    assert fingerprint(path) == before
    with path.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"x")
    assert fingerprint(path) != before


def _command(out, tiny_model, *more):
    settings = ("--prompt", "red light", "--model", tiny_model, "--steps", "2", "--seed", "5")
    settings += ("--relight-steps", "2", "--light-fps", "30", "--frames", "40", *more)
    return [sys.executable, "-m", "relight.cli", "run", CLIP, "-o", out, *map(str, settings)]


def _kill_and_repeat(command, after, environment):
    """Kill a command after some seconds, run it again; its exit code."""
    running = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    time.sleep(after)
    running.send_signal(signal.SIGKILL)
    running.wait()
    return subprocess.run(command, env=environment, capture_output=True, text=True).returncode


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(4))
def test_five_kills_at_random_moments_change_nothing(tmp_path, tiny_model, seed):
    """Twenty in all."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    begun = time.perf_counter()
    subprocess.run(_command(tmp_path / "whole.mp4", tiny_model), env=environment, check=True)
    whole, took = _images(tmp_path / "whole.mp4"), time.perf_counter() - begun
    chance = random.Random(seed)
    for i in range(5):
        out = tmp_path / f"{i}.mp4"
        after = took * chance.uniform(0.3, 1.0)
        code = _kill_and_repeat(_command(out, tiny_model, "-y"), after, environment)
        assert code == 0, (i, after)
        assert np.array_equal(_images(out), whole), (i, after)
        assert not work_folder(out).exists()
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".json"] * 6 + [".mp4"] * 6
