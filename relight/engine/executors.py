"""Executors run the chunks of a workflow: in this process (`lanes.py`), or in one a device.

A chunk is computed once the one that it comes after is stored; nothing else within a workflow
depends on the order, so every executor makes the same files.
"""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import multiprocessing.connection
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from relight.diffusion.memory import peak_memory, trim
from relight.engine.chunks import Chunk, ready
from relight.engine.garbage import uncollected
from relight.engine.progress import Meter, timed
from relight.engine.work import Work
from relight.errors import ModelError, RelightError

LOOK_S = 0.1
"""Seconds between two looks at the workers."""

OnDone = Callable[[Chunk, float, int], None]
"""Called with a chunk that is stored, the seconds it took, and the peak memory of its process."""


class Steps:
    """Counts the passes of a chunk, as many as were planned however many there are.

    Args:
        timed: whether what they take tells how long others will.
    """

    def __init__(self, meter: Meter, chunk: Chunk, timed: bool = False) -> None:
        self._meter, self._stage, self._left = meter, chunk.stage, chunk.passes
        self._since = time.perf_counter() if timed else None

    def __call__(self) -> None:
        self._add(min(self._left, 1))

    def finish(self) -> None:
        """The chunk is done, whatever its steps came to."""
        self._add(self._left)

    def _add(self, count: int) -> None:
        self._left -= count
        seconds = None
        if self._since is not None:
            now = time.perf_counter()
            self._since, seconds = now, now - self._since
        self._meter.add(self._stage, count, seconds)


class Processes:
    """Workers, one process a device, that load their models once and take chunk after chunk.

    Args:
        root: the work folder, whose manifest says what the job is.
        devices: torch devices, one worker each; a device may be named several times.
        threads: CPU threads of each worker. They must be as many as a serial run has, where the
            same bytes are wanted: sums differ in their last bits with the number of threads.
    """

    def __init__(self, root: Path, devices: Sequence[str], threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._tasks: Any = context.Queue()
        self._answers: Any = context.Queue()
        self._workers = [
            context.Process(
                target=_work, args=(root, device, threads, self._tasks, self._answers), daemon=True
            )
            for device in devices
        ]
        for worker in self._workers:
            worker.start()

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.terminate()
        for worker in self._workers:
            worker.join(5)

    def run(
        self,
        stage: int,
        chunks: Sequence[Chunk],
        meter: Meter,
        on_done: OnDone,
        on_note: Callable[[str], None] = lambda note: None,
    ) -> None:
        """Run the chunks of one workflow, given by its place; returns when all are there.

        Args:
            on_note: called with a line for people when a worker had to change how it computes.

        Raises:
            RelightError: that of the first worker that failed, or that one died.
        """
        waiting, running = list(chunks), dict[str, Chunk]()
        steps = {chunk.name: Steps(meter, chunk) for chunk in chunks}
        while waiting or running:
            with timed(meter.seconds, "model"):
                for chunk in ready(waiting, running.values()):
                    waiting.remove(chunk)
                    running[chunk.name] = chunk
                    self._tasks.put((stage, chunk))
                meter.tell()
                try:
                    kind, value = self._answers.get(timeout=LOOK_S)
                except queue.Empty:
                    self._check_alive()
                    continue
                if kind == "error":
                    raise value
                if kind == "note":
                    on_note(value)
                elif kind == "step":
                    steps[value]()
                else:
                    name, seconds, peak = value
                    steps[name].finish()
                    on_done(running.pop(name), seconds, peak)

    def _check_alive(self) -> None:
        for worker in self._workers:
            if worker.exitcode is not None:
                raise ModelError(
                    f"a worker process ended with exit code {worker.exitcode}: run the same "
                    "command again to go on, with fewer devices or --memory low if it was killed "
                    "for memory"
                )


def _work(root: Path, device: str, threads: int, tasks: Any, answers: Any) -> None:
    """A worker: loads the models of the job in `root` and computes the chunks it is given."""
    end_with_parent()
    try:
        with contextlib.ExitStack() as models:
            with uncollected():
                import torch

                from relight.engine.restore import restore

                torch.set_num_threads(threads)
                work = Work(root)
                restored = restore(work, device, lambda note: answers.put(("note", note)))
                guard = models.enter_context(restored)
            while True:
                stage, chunk = tasks.get()
                begun = time.perf_counter()
                step = functools.partial(answers.put, ("step", chunk.name))
                work.save(chunk.name, guard.compute(stage, chunk, step))
                trim()
                seconds = time.perf_counter() - begun
                answers.put(("done", (chunk.name, seconds, peak_memory(guard.device))))
    except RelightError as error:
        answers.put(("error", error))
    except KeyboardInterrupt:
        pass
    except BaseException as error:
        reason = " ".join(str(error).split())[:300]
        answers.put(("error", ModelError(f"a worker failed: {type(error).__name__}: {reason}")))


def end_with_parent() -> None:
    """End this process when its parent has gone, however that ended.

    An orphan would go on computing, and hold the lock of an output that is wanted again.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
