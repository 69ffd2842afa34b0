"""200 short jobs in one process leave nothing behind."""

import os
import tempfile
import threading
from pathlib import Path

import psutil
import pytest

from relight.engine.failures import run_safely
from relight.engine.loading import Runner
from relight.jobs import RelightJob, UpscaleJob
from tests.engine.batch.test_batch import _clip, _picture

JOBS, WARM = 200, 40
"""Jobs in all, and those after which nothing may grow any more."""
GROWTH_MB = 30
"""What the allocator may keep over `JOBS - WARM` jobs."""


def _state():
    here = psutil.Process()
    return {
        "memory": here.memory_info().rss / 2**20,
        "handles": here.num_fds(),
        "threads": threading.active_count(),
        "temporary": len(list(Path(tempfile.gettempdir()).glob("*"))),
    }


@pytest.mark.slow
@pytest.mark.soak
def test_two_hundred_jobs_leave_memory_handles_threads_and_files_flat(tmp_path, tiny_model):
    _picture(tmp_path / "a.png", 1)
    _clip(tmp_path / "b.mp4", 2)
    (tmp_path / "bad.mp4").write_bytes(b"\0" * 1000)
    runner, states = Runner(), []
    common = {"model": str(tiny_model), "seed": 1, "overwrite": True}
    quick = {"prompt": "x", "steps": 1, "relight_steps": 1}
    out = {"png": tmp_path / "out.png", "mp4": tmp_path / "out.mp4"}
    jobs = [
        RelightJob.make(input=tmp_path / "a.png", output=out["png"], **quick, **common),
        RelightJob.make(
            input=tmp_path / "b.mp4", output=out["mp4"], transfer="off", **quick, **common
        ),
        RelightJob.make(input=tmp_path / "bad.mp4", output=out["mp4"], **quick, **common),
        UpscaleJob.make(input=tmp_path / "a.png", output=out["png"], seed=1, overwrite=True),
    ]
    for number in range(JOBS):
        job = jobs[number % len(jobs)]
        outcome = run_safely(lambda job=job: runner(job))
        assert (outcome.error is None) == (job.input.name != "bad.mp4"), outcome.message
        if number >= WARM and number % 20 == 0:
            states.append(_state())
    states.append(_state())
    print("after", WARM, "and", JOBS, "jobs:", states[0], states[-1])  # noqa: T201
    first, last = states[0], states[-1]
    assert last["memory"] - first["memory"] < GROWTH_MB
    assert last["handles"] <= first["handles"] and last["threads"] <= first["threads"]
    assert last["temporary"] <= first["temporary"] + 2  # others write there too
    left = {path.name for path in tmp_path.iterdir()}
    made = {"out.png", "out.mp4", "out.png.json", "out.mp4.json"}
    assert left == {"a.png", "b.mp4", "bad.mp4"} | made, os.listdir(tmp_path)
