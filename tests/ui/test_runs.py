"""A run can be watched and stopped; two never compute at once; nothing of it stays in memory."""

import asyncio
import gc
import threading
import time
import weakref

import pytest

from relight.engine.progress import Progress
from relight.errors import Cancelled, MediaError
from relight.ui.runs import Run
from relight.ui.shelf import Entry, Shelf, is_id, new_id
from relight.ui.studio import Studio


@pytest.fixture
def device():
    return threading.Lock()


def _news(part):
    return Progress(stage="lighting", fraction=part, seconds_left=None)


def _wait(run, seconds=10):
    until = time.monotonic() + seconds
    while run.alive and time.monotonic() < until:
        time.sleep(0.01)
    assert not run.alive


def _endless(tell):
    while True:
        tell(_news(0.5))
        time.sleep(0.01)


def test_a_run_tells_its_progress_and_hands_over_its_result(device):
    go = threading.Event()

    def work(tell):
        tell(_news(0.25))
        go.wait(10)
        return "made"

    async def watch():
        run, seen = Run(work, device), []
        async for news in run.news():
            seen.append(news.fraction)
            go.set()
        return run, seen

    run, seen = asyncio.run(watch())
    assert seen == [0.25] and run.result() == "made" and not device.locked()


def test_a_stopped_run_ends_at_its_next_step(device):
    run = Run(_endless, device)
    run.stop()
    _wait(run)
    with pytest.raises(Cancelled):
        run.result()
    assert not device.locked()


def test_a_cancelled_watcher_stops_its_run(device):
    async def watch():
        run = Run(_endless, device)
        task = asyncio.create_task(run.wait())
        await asyncio.sleep(0.5)
        assert run.alive
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return run

    _wait(asyncio.run(watch()))


def test_two_runs_never_compute_at_once_and_a_waiting_one_can_be_stopped(device):
    busy, most = [], []

    def work(tell):
        busy.append(1)
        most.append(len(busy))
        time.sleep(0.2)
        busy.pop()

    runs = [Run(work, device) for _ in range(4)]
    runs[-1].stop()
    for run in runs:
        _wait(run)
    assert max(most) == 1 and len(most) == 3


def test_an_error_is_handed_over_without_the_tensors_it_saw(device):
    seen = []

    class Large:
        pass

    def work(tell):
        held = Large()
        seen.append(weakref.ref(held))
        raise MediaError("broken")

    run = Run(work, device)
    _wait(run)
    gc.collect()
    with pytest.raises(MediaError, match="broken"):
        run.result()
    assert seen[0]() is None


def test_a_model_is_kept_and_let_go_before_the_next_is_loaded(tmp_path):
    class Model:
        pass

    alive = weakref.WeakSet()
    most = []

    def load(name):
        most.append(len(alive))
        model = Model()
        alive.add(model)
        return model

    kept = Studio(tmp_path).keep(load)
    assert kept("a") is kept("a")
    kept("b")
    assert most == [0, 0]


def test_a_shelf_lists_its_own_results_only(tmp_path):
    mine, other = Shelf(tmp_path / new_id()), Shelf(tmp_path / new_id())

    def add(shelf, when):
        folder = shelf.new_folder()
        parts = {"source": "s.mp4", "output": "o.mp4", "job": "j.json"}
        return shelf.add(Entry(folder=folder, kind="relight", name="x", when=when, **parts))

    first, second, hidden = add(mine, 1.0), add(mine, 2.0), add(other, 3.0)
    mine.new_folder()  # a run that has not finished
    assert [e.id for e in mine.entries()] == [second.id, first.id]
    for wrong in (hidden.id, "../" + other.root.name + "/" + hidden.id, "", "scratch", None):
        with pytest.raises(Exception, match="not there any more"):
            mine.get(wrong)
    mine.remove(first.id)
    assert [e.id for e in mine.entries()] == [second.id]


def test_a_login_decides_who_one_is_whatever_the_browser_says(tmp_path):
    class Request:
        username = "ann"

    studio = Studio(tmp_path)
    ann = studio.user(None, Request)
    assert is_id(ann) and studio.user(new_id(), Request) == ann
    assert Studio(tmp_path).user(None, Request) == ann  # after a restart too
    known = new_id()
    assert studio.user(known, None) == known
    for wrong in (None, "", "../..", "a" * 31, 5, {"x": 1}):
        assert is_id(studio.user(wrong, None)) and studio.user(wrong, None) != wrong
