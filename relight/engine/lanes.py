"""Chunks of one process, several at once.

While a model on a GPU computes its chunks, one after another in the calling thread, those of steps
that need the processor alone are computed in threads beside it. Where the model is on the processor
too they wait until it is done, as both would take each other's time. Each chunk is computed as it
is by itself, so the files are the same.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from relight.diffusion.memory import peak_memory, trim
from relight.engine.chunks import Chunk, ready
from relight.engine.executors import LOOK_S, OnDone, Steps
from relight.engine.failures import is_out_of_memory
from relight.engine.progress import Meter
from relight.engine.work import Work
from relight.engine.workflow import Step
from relight.errors import Cancelled

if TYPE_CHECKING:
    from relight.engine.guard import Guard

AT_ONCE = 6
"""Chunks that are computed beside the model's at most, whatever the number of threads."""


class Lanes:
    """Computes the chunks of a run.

    Args:
        guard: computes them, see `Guard`. flows: of the run.
        waiting: of each flow, the chunks that are not stored yet.
        on_done: called with each chunk that is stored, from one thread at a time.

    Attributes:
        on_processor: whether the model computes where everything else does.
    """

    def __init__(
        self,
        guard: Guard,
        flows: Sequence[Step],
        waiting: Sequence[Sequence[Chunk]],
        work: Work,
        meter: Meter,
        on_done: OnDone,
    ) -> None:
        self._guard, self._work, self._meter, self._on_done = guard, work, meter, on_done
        self._flows = list(flows)
        self._waiting = [list(chunks) for chunks in waiting]
        self._running: list[list[Chunk]] = [[] for _ in waiting]
        self._beside = [getattr(flow, "beside", 0) for flow in flows]
        self.on_processor = guard.device == "cpu"
        self._changed = threading.Condition()
        self._begun = time.perf_counter()
        self._error: BaseException | None = None
        self._stopped = False

    def run(self) -> None:
        """Compute all of them.

        Raises:
            what a chunk raises, once those that run beside it have ended.
        """
        from relight.methods import spread  # which brings PyTorch

        count = min(spread.threads(), AT_ONCE)
        if count == 1:
            self._beside = [0] * len(self._beside)
        with ThreadPoolExecutor(count, thread_name_prefix="beside") as self._pool:
            try:
                self._run()
            finally:
                self._stopped = True

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._error is not None:
                    raise self._error
                self._start()
                found = self._own()
                if found is None and not any((*self._waiting, *self._running)):
                    return
                if found is None:
                    self._changed.wait(LOOK_S)
                else:
                    self._take(*found)
            self._meter.tell()
            if found is None:
                continue
            done = self._one(*found)
            with self._changed:
                self._finish(*found, *done)

    def _own(self) -> tuple[int, Chunk] | None:
        """The next chunk for the calling thread."""
        for stage, beside in enumerate(self._beside):
            if not beside and self._may_begin(stage):
                for chunk in ready(self._waiting[stage], self._running[stage]):
                    return stage, chunk
        return None

    def _start(self) -> None:
        """Begin what may be computed beside the model by now."""
        if self.on_processor and self._own_is_next():
            return
        for stage in self._in_turn():
            most = self._beside[stage]
            if not most or not self._may_begin(stage):
                continue
            running = self._running[stage]
            for chunk in ready(self._waiting[stage], running)[: most - len(running)]:
                self._take(stage, chunk)
                self._pool.submit(self._compute, stage, chunk)

    def _in_turn(self) -> list[int]:
        """The steps, first those whose chunks others name as what they wait for: if they came last,
        what waits for them would have the processors to itself."""
        needed = {
            name
            for flow, waiting in zip(self._flows, self._waiting, strict=True)
            if waiting
            for name in getattr(flow, "needs", None) or ()
        }
        own = [{chunk.stage for chunk in waiting} for waiting in self._waiting]
        return sorted(range(len(own)), key=lambda stage: own[stage].isdisjoint(needed))

    def _own_is_next(self) -> bool:
        """Whether the calling thread computes, or could."""
        own = [stage for stage, beside in enumerate(self._beside) if not beside]
        return self._own() is not None or any(self._running[stage] for stage in own)

    def _may_begin(self, stage: int) -> bool:
        """Whether all that a step needs is stored."""
        needs = getattr(self._flows[stage], "needs", None)
        before = (*self._waiting[:stage], *self._running[:stage])
        left = {chunk.stage for chunks in before for chunk in chunks}
        return not left if needs is None else left.isdisjoint(needs)

    def _take(self, stage: int, chunk: Chunk) -> None:
        self._waiting[stage].remove(chunk)
        self._running[stage].append(chunk)

    def _compute(self, stage: int, chunk: Chunk) -> None:
        """Compute a chunk in a thread beside the model, and begin what had to wait for it."""
        import torch

        try:
            with torch.no_grad():  # which holds for one thread
                done = self._one(stage, chunk, beside=True)
        except BaseException as error:
            with self._changed:
                self._running[stage].remove(chunk)
                if is_out_of_memory(error):  # alone, it may fit
                    self._waiting[stage].insert(0, chunk)
                    self._beside[stage] = 0
                else:
                    self._error = self._error or error
                self._changed.notify()
            return
        with self._changed:
            self._finish(stage, chunk, *done)
            self._start()
            self._changed.notify()

    def _one(self, stage: int, chunk: Chunk, beside: bool = False) -> tuple[float, int]:
        """Compute and store a chunk; returns its seconds and the peak of memory."""
        begun = time.perf_counter()
        steps = Steps(self._meter, chunk, timed=not beside and bool(chunk.cost))

        def step() -> None:
            if self._stopped:
                raise Cancelled("stopped: the output was not written")
            steps()

        if beside:
            arrays = self._guard.compute_beside(stage, chunk, step)
        else:
            show = self._meter.show if self._meter.report else None
            arrays = self._guard.compute(stage, chunk, step, show)
        # Before it is stored: the writer may need no more than this to end the run.
        self._meter.seconds["model"] = time.perf_counter() - self._begun
        self._work.save(chunk.name, arrays)
        trim()
        steps.finish()
        return time.perf_counter() - begun, peak_memory(self._guard.device)

    def _finish(self, stage: int, chunk: Chunk, seconds: float, peak: int) -> None:
        self._running[stage].remove(chunk)
        self._on_done(chunk, seconds, peak)
