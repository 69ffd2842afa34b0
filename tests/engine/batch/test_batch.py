"""A whole batch on small pictures and clips, with tiny real components."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from relight import media
from relight.cli import main
from relight.engine.batch.records import Records, key_of
from relight.engine.batch.rows import OWN, Row
from relight.engine.batch.work import Worker
from relight.engine.work import Work, work_folder
from relight.errors import Damaged, MediaError
from relight.models.guides import GUIDES

QUICK = ["--prompt", "red light", "--seed", "5", "--relight-steps", "1", "--recipe", "fast"]


def _picture(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), np.uint8)
    Image.fromarray(image).resize((32, 24)).save(path)


def _clip(path, seed, frames=3):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed)
    with media.write(path, size=(32, 24), fps=8) as out:
        for i in range(frames):
            small = noise.integers(0, 255, (6, 8, 3), np.uint8)
            out.add(np.asarray(Image.fromarray(small).resize((32, 24))), i / 8)


@pytest.fixture
def tree(tmp_path):
    """in/ with two pictures and a clip at two depths."""
    _picture(tmp_path / "in" / "a.png", 1)
    _picture(tmp_path / "in" / "deep" / "b.png", 2)
    _clip(tmp_path / "in" / "deep" / "c.mp4", 3)
    return tmp_path / "in"


@pytest.fixture
def run(tmp_path, tiny_model, capsys, monkeypatch):
    """Runs a batch over in/ into out/; returns its exit code, and the events of its report."""
    # Processes have as many threads as the tests: sums differ in their last bits with the number.
    monkeypatch.setenv("OMP_NUM_THREADS", str(torch.get_num_threads()))

    def call(*more, out="out"):
        report = tmp_path / "report.jsonl"
        own = ["--report", str(report), "--model", str(tiny_model), *QUICK]
        code = main(["batch", str(tmp_path / "in"), "-o", str(tmp_path / out), *own, *more])
        capsys.readouterr()
        lines = report.read_text().splitlines() if report.exists() else []
        return code, [json.loads(line) for line in lines]

    return call


def _statuses(events, root):
    return {os.path.relpath(event["input"], root): event["status"] for event in events}


def _files(folder):
    """Name -> content of all but sidecars, which hold times, and the batch's own files."""
    found = [p for p in folder.rglob("*") if p.is_file() and ".relight-batch" not in p.parts]
    return {str(p.relative_to(folder)): p.read_bytes() for p in found if p.suffix != ".json"}


@pytest.mark.slow
def test_a_tree_is_done_once_and_again_only_where_something_has_changed(tree, run, tmp_path):
    code, events = run()
    out = tmp_path / "out"
    assert code == 0
    assert set(_statuses(events, tree).values()) == {"done"}
    made = _files(out)
    assert sorted(made) == ["a.png", "deep/b.png", "deep/c.mp4"]
    assert not list(out.rglob(".*.relight"))

    (tree / "a.png").touch()
    code, events = run()
    assert code == 0 and set(_statuses(events, tree).values()) == {"skipped"}
    assert _files(out) == made

    _picture(tree / "a.png", 7)
    (out / "deep" / "c.mp4").unlink()
    code, events = run()
    assert _statuses(events, tree) == {
        "a.png": "done",
        "deep/b.png": "skipped",
        "deep/c.mp4": "done",
    }
    again = _files(out)
    assert again["a.png"] != made["a.png"] and again["deep/c.mp4"] == made["deep/c.mp4"]

    code, events = run("--light", "top")
    assert code == 0 and set(_statuses(events, tree).values()) == {"done"}


@pytest.mark.parametrize("state", ["made", "in the making"])
def test_a_row_that_another_process_does_is_skipped(tmp_path, state):
    _picture(tmp_path / "a.png", 1)
    quick = {"prompt": "red", "model": "mini", "side": 32, "relight_steps": 1, "shape": 0}
    row = Row(source=tmp_path / "a.png", target=Path("a.png"), kind="relight", settings=quick)
    out = tmp_path / "out"
    one, two = Worker(out), Worker(out)  # both have read that nothing is done
    if state == "made":
        assert one.do(row).status == "done"
        assert (two.do(row).status, two.do(row).message) == ("skipped", "")
        return
    Records(out / OWN).begin(row.target, key_of(row.job(out), "relight"))
    with Work(work_folder(out / "a.png")).locked():
        answer = two.do(row)
    assert answer.status == "skipped" and "another process" in answer.message
    assert two.do(row).status == "done"  # the other one was killed


def test_a_changed_guide_is_used_in_the_place_of_the_earlier_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _picture(tmp_path / "a.png", 1)
    settings = {"scale": 1.5, "guide": "net.safetensors", "model": "mini"}
    row = Row(source=tmp_path / "a.png", target=Path("a.png"), kind="upscale", settings=settings)
    out, net = tmp_path / "out", tmp_path / "net.safetensors"
    made = []
    for guide in GUIDES.values():
        shutil.copyfile(guide, net)
        assert [Worker(out).do(row).status for _ in range(2)] == ["done", "skipped"]
        made.append((out / "a.png").read_bytes())
    assert made[0] != made[1]


def test_what_an_earlier_version_has_recorded_is_done_again(tmp_path):
    _picture(tmp_path / "a.png", 1)
    settings = {"scale": 1.5, "guide": "bicubic", "model": "mini"}
    row = Row(source=tmp_path / "a.png", target=Path("a.png"), kind="upscale", settings=settings)
    out, records = tmp_path / "out", Records(tmp_path / "out" / OWN)
    attempt = records.begin(row.target, "0" * 64)  # hashed in another way
    _picture(out / "a.png", 2)
    records.finish(attempt, row.target, "0" * 64, out / "a.png")
    before = (out / "a.png").read_bytes()
    assert [Worker(out).do(row).status for _ in range(2)] == ["done", "skipped"]
    assert (out / "a.png").read_bytes() != before


@pytest.mark.slow
def test_what_the_batch_has_not_made_is_never_replaced_unasked(tree, run, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.png").write_bytes(b"mine")
    code, events = run()
    assert code == 1 and _statuses(events, tree)["a.png"] == "failed"
    assert (tmp_path / "out" / "a.png").read_bytes() == b"mine"
    code, events = run("-y")
    assert code == 0 and _statuses(events, tree)["a.png"] == "done"
    (tmp_path / "out" / "a.png").write_bytes(b"mine")
    assert run()[0] == 1 and (tmp_path / "out" / "a.png").read_bytes() == b"mine"


@pytest.mark.slow
def test_failures_are_tried_again_told_and_stop_nothing(tree, run, tmp_path):
    (tree / "broken.mp4").write_bytes(b"\0" * 500)
    (tree / "pipe.mp4").symlink_to("/dev/zero")
    os.mkfifo(tree / "fifo.mp4")
    (tree / "gone.png").symlink_to("nowhere.png")
    code, events = run("--retries", "2")
    assert code == 1
    assert _statuses(events, tree) == {
        "a.png": "done",
        "broken.mp4": "failed",
        "deep/b.png": "done",
        "deep/c.mp4": "done",
        "fifo.mp4": "failed",
        "gone.png": "failed",
        "pipe.mp4": "failed",
    }
    broken = [event for event in events if event["input"].endswith("broken.mp4")]
    assert [e["status"] for e in broken] == ["retrying", "retrying", "failed"]
    assert [e["attempt"] for e in broken] == [1, 2, 3]
    assert broken[0]["error"] == "MediaError" and "broken.mp4" in broken[0]["message"]
    (tree / "broken.mp4").unlink()
    code, events = run()
    assert _statuses(events, tree)["a.png"] == "skipped"


@pytest.mark.slow
def test_serial_processes_and_shards_make_the_same_files(tree, run, tmp_path):
    assert run()[0] == 0
    for index in range(2):
        assert run("--shard", f"{index}/2", out="shards")[0] == 0
    code, events = run("--devices", "cpu,cpu", out="processes")
    assert code == 0 and len(events) == 3
    whole = _files(tmp_path / "out")
    assert _files(tmp_path / "shards") == whole
    assert _files(tmp_path / "processes") == whole


def test_an_open_seed_follows_from_the_job(tree, tmp_path, tiny_model):
    jobs = tmp_path / "jobs.csv"
    jobs.write_text("input,output\nin/a.png,one.png\nin/a.png,two.png\n")
    arguments = ["--manifest", str(jobs), "-o", str(tmp_path / "out"), "--model", str(tiny_model)]
    open_seed = [*QUICK[:2], *QUICK[4:]]
    assert main(["batch", *arguments, *open_seed]) == 0
    made = _files(tmp_path / "out")
    assert made["one.png"] == made["two.png"]


def test_wrong_usage_is_refused_at_once(tree, tmp_path, capsys):
    out = ["-o", str(tmp_path / "out")]
    for arguments, words in (
        ([str(tree)], "prompt is empty"),
        ([str(tree), "--prompt", "x", "--steps", "0"], "steps"),
        ([str(tree), "--prompt", "x", "--shard", "2/2"], "shard"),
        ([str(tree), "--prompt", "x", "--ray", "auto", "--devices", "cpu"], "not both"),
        ([str(tree), "--prompt", "x", "--workers", "2"], "workers and gpus-each are for Ray"),
        ([str(tree), "--prompt", "x", "--gpus-each", ".5"], "workers and gpus-each are for Ray"),
        (["--prompt", "x"], "no inputs"),
        ([str(tree), "--prompt", "x", "--retries", "-1"], "retries"),
        ([str(tree), "--job", str(tmp_path / "no.yaml")], "no.yaml"),
    ):
        assert main(["batch", *arguments, *out]) == 2
        err = capsys.readouterr().err
        assert words in err and len(err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_dry_run_plans_each_job_and_the_sum_and_does_nothing(tree, tmp_path, tiny_model, capsys):
    (tree / "broken.mp4").write_bytes(b"\0" * 500)
    arguments = [str(tree), "-o", str(tmp_path / "out"), *QUICK, "--model", str(tiny_model)]
    assert main(["batch", *arguments, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "3 to do, 1 failing" in said and "would fail" in said
    for word in ("time:", "disk: up to", "memory: about"):
        assert word in said.splitlines()[-3] + said.splitlines()[-2] + said.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def _begun(tmp_path, tiny_model, *more):
    """A batch in a process of its own, once its first job has begun."""
    arguments = [str(tmp_path / "in"), "-o", str(tmp_path / "out"), *QUICK]
    start = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code = f"{start}from relight.__main__ import main; raise SystemExit(main())"
    command = [sys.executable, "-c", code, "batch", *arguments, "--model", str(tiny_model), *more]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    records = tmp_path / "out" / ".relight-batch" / "records"
    until = time.monotonic() + 120
    while not list(records.glob("*")) and time.monotonic() < until and running.poll() is None:
        time.sleep(0.02)
    return running


@pytest.mark.slow
def test_an_interrupted_batch_says_so_and_goes_on(tree, run, tmp_path, tiny_model):
    running = _begun(tmp_path, tiny_model)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=100)
    assert running.returncode == 130
    assert "1 interrupted" in out and "finished jobs are kept" in err.splitlines()[-1]
    assert "Traceback" not in err
    code, events = run()
    assert code == 0 and len(events) == 3
    assert sorted(_files(tmp_path / "out")) == ["a.png", "deep/b.png", "deep/c.mp4"]


@pytest.mark.slow
def test_a_worker_that_is_killed_is_replaced_and_its_job_tried_again(
    tree, run, tmp_path, tiny_model
):
    running = _begun(tmp_path, tiny_model, "--devices", "cpu")
    spawned = [
        child
        for child in psutil.Process(running.pid).children()
        if "spawn_main" in " ".join(child.cmdline())
    ]
    spawned[0].kill()
    out, err = running.communicate(timeout=200)
    assert running.returncode == 0, err
    assert "retrying" in err and "exit code -9" in err and "3 done" in out
    assert sorted(_files(tmp_path / "out")) == ["a.png", "deep/b.png", "deep/c.mp4"]


@pytest.mark.slow
@pytest.mark.soak
def test_twenty_kills_lose_nothing_and_change_nothing(tree, run, tmp_path, tiny_model):
    for number in range(4):
        _picture(tree / "more" / f"{number}.png", 10 + number)
    assert run(out="whole")[0] == 0
    chance, killed = random.Random(7), 0
    while killed < 20:
        running = _begun(tmp_path, tiny_model)
        try:
            running.wait(chance.uniform(0, 3))
        except subprocess.TimeoutExpired:
            running.kill()
            running.communicate()
        killed += 1
        if chance.random() < 0.3:  # so that there is something left to do
            done = [path for path in (tmp_path / "out").rglob("*.png")]
            if done:
                chance.choice(done).unlink()
    code, events = run()
    assert code == 0, events
    assert _files(tmp_path / "out") == _files(tmp_path / "whole")
    assert not list((tmp_path / "out").rglob("*.part*"))


@pytest.mark.parametrize("error, again", [(MediaError, True), (Damaged, False)])
def test_a_damaged_input_is_not_tried_again(tmp_path, error, again):
    _picture(tmp_path / "a.png", 1)
    settings = {"prompt": "red"}
    row = Row(source=tmp_path / "a.png", target=Path("a.png"), kind="relight", settings=settings)

    def fail(*_, **__):
        raise error("a.png: 2 damaged packets skipped or patched, and the job is strict")

    answer = Worker(tmp_path / "out", runner=fail).do(row)
    assert (answer.status, answer.again) == ("failed", again)
