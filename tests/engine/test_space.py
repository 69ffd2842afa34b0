"""Full disks, and what killed runs leave behind."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from relight.cli import main
from relight.engine.failures import run_safely
from relight.engine.run import run_relight
from relight.engine.work import Work, work_folder
from relight.errors import MediaError
from relight.jobs import RelightJob
from relight.models.loader import load_model
from tests.conftest import CPU
from tests.engine.test_run import QUICK
from tests.samples import CLIP


@pytest.fixture
def disk(tmp_path):
    """Makes a file system of its own, of so many bytes."""
    mounted = []

    def make(size):
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
        if os.name != "posix" or subprocess.run(command, capture_output=True).returncode:
            pytest.skip("a small file system can't be made here: needs root")
        mounted.append(folder)
        return folder

    yield make
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(scope="module")
def load(tiny_model):
    model = load_model(str(tiny_model), CPU)
    return lambda *_: model


def _job(output, **given):
    small = {"frames": 8, "transfer": "on", "side": 64, "steps": 1, "relight_steps": 1}
    small |= {"recipe": "paper"}  # windows alone, which fit on so small a disk
    settings = {"input": CLIP, "output": output, **QUICK, **small}
    return RelightJob.make(**{**settings, **given})


def test_a_disk_too_small_is_refused_before_any_work(disk, load):
    folder = disk("64k")
    outcome = run_safely(lambda: run_relight(_job(folder / "a.mp4"), load=load))
    assert isinstance(outcome.error, MediaError)
    assert "are needed" in outcome.message and "--work" in outcome.message
    assert not list(folder.iterdir())


@pytest.mark.slow
def test_a_disk_that_fills_up_during_the_run_is_told_and_the_run_goes_on_later(disk, load):
    folder = disk("3m")
    hog = folder / "hog"

    def fill(progress):
        if not hog.exists() and list(folder.glob(".*.relight/light-*")):
            with hog.open("wb", buffering=0) as file, pytest.raises(OSError, match="space"):
                while True:
                    file.write(b"\0" * 4096)

    job = _job(folder / "a.mp4", frames=40, light_fps=30, transfer="off")
    outcome = run_safely(lambda: run_relight(job, load=load, on_progress=fill))
    assert isinstance(outcome.error, MediaError) and "space" in outcome.message
    assert sorted(p.name for p in folder.iterdir()) == [".a.mp4.relight", "hog"]
    assert not list(folder.rglob("*.part"))
    hog.unlink()
    result = run_relight(job, load=load)
    assert any("resumed" in note for note in result.notes) and result.frames == 40


def test_a_read_only_and_a_vanished_folder_are_named(disk, load, tmp_path):
    folder = disk("2m")
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    outcome = run_safely(lambda: run_relight(_job(folder / "a.mp4"), load=load))
    assert isinstance(outcome.error, MediaError) and "Read-only" in outcome.message
    gone = tmp_path / "gone"
    gone.mkdir()

    def vanish(progress):
        for file in gone.glob(".*.relight/*"):
            file.unlink()
        for one in [*gone.glob(".*.relight"), gone]:
            if one.is_dir():
                one.rmdir()

    outcome = run_safely(lambda: run_relight(_job(gone / "a.mp4"), load=load, on_progress=vanish))
    assert isinstance(outcome.error, MediaError) and "No such file" in outcome.message


def test_clean_removes_what_no_run_holds_and_nothing_else(tmp_path, capsys):
    kept = [tmp_path / "a.mp4", tmp_path / ".a.mp4.relight.txt", tmp_path / "part", tmp_path / ".x"]
    for path in kept:
        path.touch()
    (tmp_path / ".mine.relight").mkdir()  # not of a run: no manifest, no lock
    (tmp_path / ".mine.relight" / "x").touch()
    stopped, held = Work(tmp_path / "deep" / ".b.mp4.relight"), Work(tmp_path / ".c.mp4.relight")
    elsewhere = Work(work_folder(tmp_path / "d.mp4", tmp_path / "work"))
    own = tmp_path / "own.relight"  # somebody's
    own.mkdir()
    (own / "lock").touch()
    for work in (stopped, held, elsewhere):
        work.root.mkdir(parents=True)
        (work.root / "lock").touch()
        work.write(work.root / "manifest.json", b"{}")
    parts = [tmp_path / ".a.0f3a2b.part.mp4", tmp_path / ".a.mp4.json.part"]
    fresh = tmp_path / ".b.0f3a2b.part.mp4"
    for path in (*parts, fresh):
        path.write_bytes(b"x" * 1000)
    for path in parts:
        os.utime(path, (time.time() - 7200,) * 2)
    with held.locked():
        assert main(["clean", str(tmp_path), "--dry-run"]) == 0
        said = capsys.readouterr().out
        assert stopped.root.exists() and all(path.exists() for path in parts)
        assert main(["clean", str(tmp_path)]) == 0
    again = capsys.readouterr().out
    assert len(said.splitlines()) == len(again.splitlines()) == 5
    assert not elsewhere.root.exists() and own.exists()
    assert not stopped.root.exists() and not any(path.exists() for path in parts)
    assert held.root.exists() and fresh.exists() and all(path.exists() for path in kept)
    assert (tmp_path / ".mine.relight" / "x").exists()
    assert main(["clean", str(Path(tmp_path) / "no")]) == 2
