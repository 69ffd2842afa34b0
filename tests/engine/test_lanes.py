"""Chunks of one process, several at once: in an order that their steps allow, and none lost."""

import threading
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import pytest

from relight.engine.chunks import Chunk, pieces
from relight.engine.guard import Guard
from relight.engine.lanes import Lanes
from relight.engine.progress import Meter, Units
from relight.engine.resolve import Models
from relight.engine.work import Work
from relight.errors import Cancelled, InputError
from relight.methods import spread


@dataclass
class Noting:
    """A step that stores a number and notes what was stored when it began."""

    chunks: tuple[Chunk, ...]
    work: Work
    seen: dict[str, set[str]] = field(default_factory=dict)

    def compute(self, chunk, on_step=None, show=None):
        self.seen[chunk.name] = {path.stem for path in self.work.root.glob("*.safetensors")}
        if on_step is not None:
            on_step()
        return {"number": np.array([chunk.index])}


class Beside(Noting):
    beside: ClassVar[int] = 2
    needs: ClassVar[frozenset[str]] = frozenset()


class AfterModel(Noting):
    beside: ClassVar[int] = 1
    needs: ClassVar[frozenset[str]] = frozenset({"model"})


@pytest.fixture(autouse=True)
def several_threads(monkeypatch):
    monkeypatch.setattr(spread, "threads", lambda: 4)


@pytest.fixture
def work(tmp_path):
    return Work(tmp_path)


def _run(work, flows, on_gpu=True, check=lambda: None):
    """The names of the chunks in the order they were done."""
    done: list[str] = []
    stages = {chunk.stage for flow in flows for chunk in flow.chunks}
    units = {stage: Units(total=9, cost=1) for stage in stages}
    meter = Meter(units=units, report=None, seconds={}, check=check)
    guard = Guard(flows, Models(relighting=None, upscaling=None))
    waiting = [flow.chunks for flow in flows]
    lanes = Lanes(guard, flows, waiting, work, meter, lambda chunk, *_: done.append(chunk.name))
    if on_gpu:
        lanes.on_processor = False
    lanes.run()
    return done


def _all(flows):
    return sorted(chunk.name for flow in flows for chunk in flow.chunks)


@pytest.mark.parametrize("on_gpu", [True, False])
def test_every_chunk_is_stored_and_what_it_needs_before_it(work, on_gpu):
    model = Noting(pieces(2, 1, stage="model"), work)
    beside = Beside(pieces(3, 1, stage="beside"), work)
    after = AfterModel(pieces(2, 1, stage="after"), work)
    last = Noting(pieces(1, 1, stage="last"), work)
    flows = [model, beside, after, last]
    assert sorted(_run(work, flows, on_gpu)) == _all(flows)
    assert all({"model-00000", "model-00001"} <= seen for seen in after.seen.values())
    assert last.seen["last-00000"] == set(_all(flows[:3]))
    if not on_gpu:  # it waits for a model on the same processor
        assert all({"model-00000", "model-00001"} <= seen for seen in beside.seen.values())


def test_a_step_without_a_model_runs_while_the_model_does(work):
    met = threading.Barrier(2, timeout=60)

    class Meeting(Noting):
        def compute(self, chunk, on_step=None, show=None):
            met.wait()
            return super().compute(chunk, on_step, show)

    class MeetingBeside(Meeting):
        beside: ClassVar[int] = 1
        needs: ClassVar[frozenset[str]] = frozenset()

    flows = [
        Meeting(pieces(1, 1, stage="model"), work),
        MeetingBeside(pieces(1, 1, stage="a"), work),
    ]
    assert sorted(_run(work, flows)) == ["a-00000", "model-00000"]


def test_what_others_wait_for_begins_first(work):
    begun = threading.Event()

    class Many(Beside):
        beside: ClassVar[int] = 4  # all threads that there are

        def compute(self, chunk, on_step=None, show=None):
            assert begun.wait(timeout=20)
            return super().compute(chunk, on_step, show)

    class Needed(Beside):
        beside: ClassVar[int] = 1

        def compute(self, chunk, on_step=None, show=None):
            begun.set()
            return super().compute(chunk, on_step, show)

    class Waiting(Beside):
        needs: ClassVar[frozenset[str]] = frozenset({"needed"})

    flows = [
        Many(pieces(12, 1, stage="many"), work),
        Needed(pieces(1, 1, stage="needed"), work),
        Waiting(pieces(1, 1, stage="waiting"), work),
    ]
    assert sorted(_run(work, flows)) == _all(flows)


def test_the_time_is_known_once_the_last_chunk_is_stored(work):
    """Another thread writes the result, and says how long each part took."""
    known: list[bool] = []
    model = Noting(pieces(1, 1, stage="model"), work)
    meter = Meter(units={"model": Units(total=1, cost=1)}, report=None, seconds={})
    lanes = Lanes(
        Guard([model], Models(relighting=None, upscaling=None)),
        [model],
        [model.chunks],
        work,
        meter,
        lambda *_: known.append("model" in meter.seconds),
    )
    lanes.run()
    assert known == [True]


def test_an_error_beside_the_model_ends_the_run(work):
    class Failing(Beside):
        def compute(self, chunk, on_step=None, show=None):
            raise InputError("no subject")

    flows = [Noting(pieces(1, 1, stage="model"), work), Failing(pieces(5, 1, stage="beside"), work)]
    with pytest.raises(InputError, match="no subject"):
        _run(work, flows)


def test_what_does_not_fit_beside_the_model_is_computed_alone(work):
    names: list[str] = []

    class Large(Beside):
        def compute(self, chunk, on_step=None, show=None):
            names.append(threading.current_thread().name)
            if threading.current_thread() is not threading.main_thread():
                raise MemoryError
            return super().compute(chunk, on_step, show)

    flows = [Noting(pieces(1, 1, stage="model"), work), Large(pieces(3, 1, stage="beside"), work)]
    assert sorted(_run(work, flows)) == _all(flows)
    assert names[0].startswith("beside")


def test_a_run_that_is_stopped_stops_what_runs_beside_the_model(work):
    begun = threading.Event()

    class Endless(Beside):
        def compute(self, chunk, on_step=None, show=None):
            assert on_step is not None
            begun.set()
            while True:
                on_step()

    def check():
        if begun.is_set():
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        _run(work, [Endless(pieces(1, 1, stage="beside"), work)], check=check)


@pytest.mark.parametrize("thought", [0.1, 2.0, 40.0])
def test_the_time_left_goes_by_what_the_model_takes_here(work, monkeypatch, thought):
    """Not by what was thought: before the first run on a GPU nothing is known of it."""
    now, told = [0.0], []
    monkeypatch.setattr("time.perf_counter", lambda: now[0])

    class Timed(Noting):
        def compute(self, chunk, on_step=None, show=None):
            for _ in range(chunk.passes):
                now[0] += 2.0 if now[0] else 6.0
                on_step()
            return {"number": np.array([chunk.index])}

    chunks = [replace(c, megapixels=1.0) for c in pieces(2, 1, stage="model", passes=4)]
    model = Timed(tuple(chunks), work)
    units = {"model": Units(total=8, cost=thought), "write": Units(total=10, cost=1.0)}
    meter = Meter(units, lambda p: told.append(p.seconds_left), seconds={}, begun=0.0)
    models = Models(relighting=None, upscaling=None)
    Lanes(Guard([model], models), [model], [chunks], work, meter, lambda *_: None).run()
    assert now[0] == 6.0 + 7 * 2.0
    assert told[-1] == pytest.approx(10.0)  # what the first took longer says nothing of writing
