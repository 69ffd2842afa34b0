"""Runs belong to the studio: they are queued fairly, stopped only on request, and survive it."""

import threading
import time
from types import SimpleNamespace

import gradio as gr
import pytest

from relight.engine.progress import Progress
from relight.errors import BusyError, Cancelled, InputError, MediaError
from relight.ui import store as stores
from relight.ui.batch_tab import BatchTab
from relight.ui.relight_tab import RelightTab
from relight.ui.runs import new_run
from relight.ui.shelf import Entry, Shelf, new_id
from relight.ui.store import Store
from relight.ui.studio import Studio
from tests.samples import CLIP


def _news(part):
    return Progress(stage="relighting", fraction=part, seconds_left=None)


def _entry(run):
    (run.folder / "o.mp4").write_bytes(b"x")
    return Entry(
        folder=run.folder, kind=run.kind, name=run.name, source="o.mp4", output="o.mp4", job="j"
    )


def _explain(run, error):
    return str(error), ""


class Work:
    """Work that waits until it is let go, and notes its order."""

    def __init__(self):
        self.go, self.begun, self.stopped, self.most, self.busy = threading.Event(), [], [], 0, 0

    def __call__(self, run, tell):
        self.begun.append(run.name)
        self.busy += 1
        self.most = max(self.most, self.busy)
        try:
            while not self.go.wait(0.01):
                tell(_news(0.5))
            tell(_news(0.9))
            if run.what == "preview":
                return _entry(run)
            return Shelf(run.folder.parent).add(_entry(run))
        except Cancelled:
            self.stopped.append(run.name)
            raise
        finally:
            self.busy -= 1


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """Collecting garbage takes a second of each run in a process as large as pytest's."""
    monkeypatch.setattr(stores, "free_memory", lambda: None)


@pytest.fixture
def work():
    return Work()


@pytest.fixture
def store(tmp_path, work):
    made = Store(tmp_path, work, _explain)
    yield made
    work.go.set()
    made.close(5)


def _add(store, tmp_path, name, owner, **more):
    fields = {"kind": "relight", "what": "make", "order": {"clip": "c.mp4"}, **more}
    return store.add(new_run(tmp_path / owner, name=name, **fields))


def _until(condition, seconds=10):
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    assert condition()


def test_runs_take_turns_and_nobody_watches_them(store, tmp_path, work):
    owner = new_id()
    runs = [_add(store, tmp_path, str(i), owner) for i in range(3)]
    _until(lambda: runs[0].fraction == 0.5)
    assert [store.ahead(run)[0] for run in runs[1:]] == [1, 2]
    work.go.set()
    _until(lambda: store.idle)
    assert work.begun == ["0", "1", "2"] and work.most == 1
    assert [run.state for run in store.of(owner)] == ["done"] * 3
    assert len(Shelf(tmp_path / owner).entries()) == 3


def test_a_visitor_with_many_runs_does_not_block_another(store, tmp_path, work):
    one, other = new_id(), new_id()
    first, *_ = [_add(store, tmp_path, f"one{i}", one) for i in range(4)]
    _until(lambda: first.state == "running")
    _add(store, tmp_path, "other", other)
    _add(store, tmp_path, "look", other, what="preview")
    work.go.set()
    _until(lambda: store.idle)
    assert work.begun == ["one0", "look", "other", "one1", "one2", "one3"]


def test_a_small_run_never_waits_for_a_large_one(tmp_path, work):
    store = Store(tmp_path, work, _explain, small=lambda run: run.what == "preview")
    owner = new_id()
    first, second = (_add(store, tmp_path, name, owner) for name in "ab")
    _until(lambda: first.state == "running")
    look = _add(store, tmp_path, "look", owner, what="preview")
    _until(lambda: look.fraction == 0.5)
    told = first.changed
    assert not first.over.wait(0.2) and first.changed <= told + 1  # it pauses meanwhile
    assert second.state == "waiting" and store.ahead(second)[0] == 1
    work.go.set()
    _until(lambda: store.idle)
    assert sorted(work.begun) == ["a", "b", "look"]
    store.close(5)


def test_the_start_is_told_from_what_is_known(store, tmp_path):
    owner = new_id()
    _add(store, tmp_path, "a", owner, guess=100.0)
    _add(store, tmp_path, "b", owner, guess=20.0)
    last = _add(store, tmp_path, "c", owner)
    ahead, seconds = store.ahead(last)
    assert ahead == 2 and 110 < seconds <= 120


def test_cancel_ends_a_run_and_leaves_nothing(store, tmp_path, work):
    owner = new_id()
    first, second = (_add(store, tmp_path, name, owner) for name in "ab")
    _until(lambda: first.state == "running")
    store.cancel(owner, second.id)
    store.cancel(owner, first.id)
    _until(lambda: store.idle)
    assert work.stopped == ["a"] and work.begun == ["a"]
    assert store.of(owner) == [] and list((tmp_path / owner).iterdir()) == []


def test_nobody_else_can_see_or_stop_a_run(store, tmp_path):
    run = _add(store, tmp_path, "a", new_id())
    for call in (store.get, store.cancel, store.dismiss, store.forget):
        for id in (run.id, "../x", None, [run.id], {"id": run.id}):
            with pytest.raises(InputError, match="not there any more"):
                call(new_id(), id)
    assert not run.cancelled


def test_a_restart_goes_on_with_what_was_not_done(tmp_path, work):
    owner = new_id()
    store = Store(tmp_path, work, _explain)
    running = _add(store, tmp_path, "running", owner)
    _add(store, tmp_path, "waiting", owner)
    _until(lambda: running.state == "running")
    store.close(5)
    assert work.stopped == ["running"]
    (tmp_path / owner / new_id()).mkdir()
    broken = tmp_path / owner / new_id()
    broken.mkdir()
    (broken / "run.json").write_text("{")
    again = Work()
    again.go.set()
    later = Store(tmp_path, again, _explain)
    _until(lambda: later.idle)
    assert again.begun == ["running", "waiting"]
    assert [run.state for run in later.of(owner)] == ["done", "done"]
    later.close(5)


def test_what_was_over_long_ago_is_listed_no_more(tmp_path, work):
    owner = new_id()
    store = Store(tmp_path, work, _explain)
    work.go.set()
    old, new = (_add(store, tmp_path, name, owner) for name in ("old", "new"))
    assert old.over.wait(10) and new.over.wait(10)
    old.created -= stores.LISTED_SECONDS + 1
    old.save()
    store.close(5)
    later = Store(tmp_path, work, _explain)
    assert [run.name for run in later.of(owner)] == ["new"]
    assert len(Shelf(tmp_path / owner).entries()) == 2
    later.close(5)


def test_a_failure_is_told_until_it_is_dismissed(tmp_path):
    def fail(run, tell):
        raise MediaError("broken")

    owner = new_id()
    store = Store(tmp_path, fail, _explain)
    run = _add(store, tmp_path, "a", owner)
    assert run.over.wait(10)
    assert (run.state, run.error) == ("failed", "broken")
    assert [one.error for one in Store(tmp_path, fail, _explain).of(owner)] == ["broken"]
    store.dismiss(owner, run.id)
    assert store.of(owner) == [] and not run.folder.exists()
    store.close(5)


def test_progress_never_goes_back(tmp_path):
    seen = []

    def work(run, tell):
        for part in (0.1, 0.6, 0.2, 0.7):
            tell(_news(part))
            seen.append(run.fraction)
        return Shelf(run.folder.parent).add(_entry(run))

    store = Store(tmp_path, work, _explain)
    run = _add(store, tmp_path, "a", new_id())
    assert run.over.wait(10) and seen == [0.1, 0.6, 0.6, 0.7]
    store.close(5)


def test_the_queue_is_bounded_and_old_previews_go(tmp_path, work, monkeypatch):
    monkeypatch.setattr(stores, "MOST", 2)
    store = Store(tmp_path, work, _explain)
    owner = new_id()
    first = _add(store, tmp_path, "0", owner)
    _until(lambda: first.state == "running")
    for i in (1, 2):
        _add(store, tmp_path, str(i), owner)
    with pytest.raises(BusyError, match="try again"):
        _add(store, tmp_path, "3", owner)
    store.check_room(new_id(), 2)
    with pytest.raises(BusyError, match="3 more are too many by 3"):
        store.check_room(owner, 3)
    assert len(list((tmp_path / owner).iterdir())) == 3
    work.go.set()
    _until(lambda: store.idle)
    for i in range(stores.PREVIEWS + 2):
        _add(store, tmp_path, f"p{i}", owner, what="preview").over.wait(10)
    previews = [run for run in store.of(owner) if run.what == "preview"]
    assert len(previews) == stores.PREVIEWS
    store.close(5)


def test_a_batch_is_queued_whole_or_not_at_all(tmp_path, monkeypatch):
    monkeypatch.setattr(stores, "MOST", 2)
    studio, me, request = Studio(tmp_path), new_id(), SimpleNamespace(username=None)
    with gr.Blocks():
        browser, desk = gr.BrowserState(None), gr.HTML()
        relight = RelightTab(studio, browser, desk, CLIP)
        tab = BatchTab(studio, browser, desk, {"relight": relight})
    files = [{"id": studio.files(me).copy(CLIP, f"{name}.mp4")} for name in "abc"]
    given = {"kind": "relight", "browser": me, "pile": {"files": files}, "relight_prompt": "red"}
    told = tab._start(request, **given, relight_stage={})
    assert "3 more are too many by 1" in told[desk]["error"] and not studio.runs.of(me)
    orders = [tab._order("relight", {"prompt": "red"}, me, one, request) for one in files]
    monkeypatch.setattr(studio.runs, "_start", lambda small: None)
    with pytest.raises(BusyError):  # another window may have filled the queue meanwhile
        tab._enqueue(me, orders, new_id())
    assert not studio.runs.of(me)
