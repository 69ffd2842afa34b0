"""Who does the rows of a batch: this process, or one process a device."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from relight import signals
from relight.engine.batch.rows import Row
from relight.engine.batch.work import Answer, Worker
from relight.engine.executors import end_with_parent

if TYPE_CHECKING:
    from relight.engine.progress import Progress

PATIENCE_S = 5.0
"""Seconds that workers have for tidying up."""


@dataclass(frozen=True)
class Task:
    """A row to be done for the `attempt`-th time, from 1."""

    row: Row
    attempt: int = 1


class Pool(Protocol):
    """Workers that do one task each at a time; left, it stops them."""

    @property
    def size(self) -> int:
        """How many workers there are."""
        ...

    @property
    def free(self) -> int:
        """How many tasks can be started now."""
        ...

    def spread(self, row: Row) -> Answer:
        """Do a row whose chunks are computed by all workers; none may be busy."""
        ...

    def start(self, task: Task) -> None:
        """Let a free worker do a task."""
        ...

    def wait(self, seconds: float) -> list[tuple[Task, Answer]]:
        """The tasks that have ended; waits for one up to so long."""
        ...

    def __enter__(self) -> Pool: ...

    def __exit__(self, *_: object) -> None: ...


class Serial:
    """This process does one task after the other.

    Args:
        worker: that does them. watch: for each row, what is called with its progress.
    """

    def __init__(
        self, worker: Worker, watch: Callable[[Row], Callable[[Progress], None]] | None = None
    ) -> None:
        self._worker, self._watch = worker, watch
        self._done: list[tuple[Task, Answer]] = []

    def __enter__(self) -> Serial:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @property
    def size(self) -> int:
        return 1

    @property
    def free(self) -> int:
        return 0 if self._done else 1

    def spread(self, row: Row) -> Answer:
        return self._worker.do(row)

    def start(self, task: Task) -> None:
        watch = None if self._watch is None else self._watch(task.row)
        self._done.append((task, self._worker.do(task.row, watch)))

    def wait(self, seconds: float) -> list[tuple[Task, Answer]]:
        done, self._done = self._done, []
        return done


class Processes:
    """One process a device, each with its own models; one that dies is replaced.

    Args:
        folder: of the outputs. devices: torch devices; one may be named several times.
        threads: CPU threads of each; None: as many as PyTorch takes by itself. They must be the
            same as those of a serial run where the same bytes are wanted.
        untrusted: see `Worker`.
    """

    def __init__(
        self,
        folder: Path,
        devices: Sequence[str],
        threads: int | None = None,
        untrusted: bool = False,
    ) -> None:
        self._workers = [_Process(folder, device, threads, untrusted) for device in devices]
        self._folder, self._devices, self._untrusted = folder, ",".join(devices), untrusted

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.stop()
        for worker in self._workers:
            worker.join()

    @property
    def size(self) -> int:
        return len(self._workers)

    def spread(self, row: Row) -> Answer:
        watch = lambda progress: signals.check()  # noqa: E731
        worker = Worker(self._folder, untrusted=self._untrusted)
        return worker.do(row, watch, devices=self._devices)

    @property
    def free(self) -> int:
        return sum(worker.task is None for worker in self._workers)

    def start(self, task: Task) -> None:
        next(worker for worker in self._workers if worker.task is None).start(task)

    def wait(self, seconds: float) -> list[tuple[Task, Answer]]:
        busy = [worker for worker in self._workers if worker.task is not None]
        multiprocessing.connection.wait([one.pipe for one in busy if one.pipe], seconds)
        ended = [(worker.task, worker.answer()) for worker in busy]
        return [(task, answer) for task, answer in ended if task and answer]


class _Process:
    """A worker in a process of its own, which is started with its first task."""

    def __init__(self, folder: Path, device: str, threads: int | None, untrusted: bool) -> None:
        self._given = folder, device, threads, untrusted
        self._device = device
        self._process: Any = None
        self.pipe: Any = None
        self.task: Task | None = None

    def start(self, task: Task) -> None:
        if self._process is None:
            context = multiprocessing.get_context("spawn")
            self.pipe, theirs = context.Pipe()
            self._process = context.Process(target=_work, args=(*self._given, theirs), daemon=True)
            self._process.start()
            theirs.close()  # so that its end is seen here
        self.task = task
        with contextlib.suppress(OSError):  # it has died: `answer` says so
            self.pipe.send(task)

    def answer(self) -> Answer | None:
        """What became of the task, if that is known."""
        if not self.pipe.poll():
            return None
        try:
            answer = self.pipe.recv()
        except (EOFError, OSError):
            answer = self._died()
        self.task = None
        return answer

    def _died(self) -> Answer:
        self._process.join(PATIENCE_S)
        code = self._process.exitcode
        self.pipe.close()
        self._process = self.pipe = None
        return Answer(
            status="failed",
            error="ModelError",
            message=f"the worker process on {self._device} ended with exit code {code}"
            + (", killed, perhaps for memory" if code == -9 else ""),
            again=True,
            device=self._device,
        )

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()

    def join(self) -> None:
        if self._process is not None:
            self._process.join(PATIENCE_S)
            if self._process.exitcode is None:
                self._process.kill()
                self._process.join()


def _work(folder: Path, device: str, threads: int | None, untrusted: bool, pipe: Any) -> None:
    """Do the tasks that come through a pipe, until it is closed or a signal comes."""
    end_with_parent()
    with signals.interruptible():
        try:
            worker = Worker(folder, device, untrusted=untrusted)
            while True:
                task = pipe.recv()
                if threads is not None:
                    import torch

                    torch.set_num_threads(threads)
                answer = worker.do(task.row, lambda progress: signals.check())
                signals.check()
                pipe.send(answer)
        except (EOFError, OSError, KeyboardInterrupt):
            pass
