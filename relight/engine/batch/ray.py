"""The workers of a batch as Ray actors, on this machine or on many that share a folder.

Rows are paths and chunk names, never frames: what is computed goes to the shared folder. Ray has no
authentication by default, so that whoever reaches its ports can run programs: without an address, a
local instance is started that listens on 127.0.0.1 alone and has no dashboard.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relight.engine.batch.pools import Task
from relight.engine.batch.rows import Row
from relight.engine.batch.work import Answer, Worker
from relight.engine.chunks import Chunk, ready
from relight.engine.failures import explain
from relight.errors import InputError, ModelError, RelightError

if TYPE_CHECKING:
    from relight.engine.executors import OnDone
    from relight.engine.progress import Meter

LOCAL = "127.0.0.1"
RESTARTS = 10
"""Times a lost actor is started again, on any machine."""
LOOK_S = 0.2


class RayPool:
    """Actors that do one row, or one chunk of a long clip, at a time.

    Args:
        folder: of the outputs, shared by all machines. address: "auto" for the cluster this machine
            belongs to, or else a local instance; or that of a cluster.
        workers: how many actors; None: as many as GPUs allow, one without any.
        gpus: of each actor; may be a fraction, so that several share one.
        threads: CPU threads of each; None: as many as here, which the same bytes need.
        untrusted: see `Worker`.

    Raises:
        InputError: Ray isn't installed, or there is no cluster at the address.
    """

    def __init__(
        self,
        folder: Path,
        address: str = "auto",
        workers: int | None = None,
        gpus: float = 1.0,
        threads: int | None = None,
        untrusted: bool = False,
    ) -> None:
        self._untrusted = untrusted
        self._ray = _ray()
        self._folder = folder
        _connect(self._ray, address)
        has = float(self._ray.cluster_resources().get("GPU", 0.0))
        self._gpus = gpus if has else 0.0
        self._count = workers or max(int(has / gpus) if has else 1, 1)
        self._threads = threads or _threads()
        self._actors: list[Any] = []
        self._running: dict[Any, tuple[Task, Any]] = {}

    def __enter__(self) -> RayPool:
        actor = self._ray.remote(max_restarts=RESTARTS, num_cpus=1, num_gpus=self._gpus)(_Actor)
        device = "cuda" if self._gpus else None
        where = str(self._folder.absolute())
        given = where, device, self._threads, self._untrusted
        self._actors = [actor.remote(*given) for _ in range(self._count)]
        return self

    def __exit__(self, *_: object) -> None:
        for actor in self._actors:
            with contextlib.suppress(Exception):
                self._ray.kill(actor)
        self._ray.shutdown()

    @property
    def size(self) -> int:
        return self._count

    @property
    def free(self) -> int:
        return self._count - len(self._running)

    def start(self, task: Task) -> None:
        actor = self._idle()[0]
        self._running[actor.do.remote(task.row.absolute())] = task, actor

    def wait(self, seconds: float) -> list[tuple[Task, Answer]]:
        ready, _ = self._ray.wait(list(self._running), num_returns=1, timeout=seconds)
        return [(self._running[ref][0], self._answer(ref)) for ref in ready]

    def spread(self, row: Row) -> Answer:
        """Do a row here, its chunks on all actors."""
        return Worker(self._folder, untrusted=self._untrusted).do(
            row.absolute(), workers=self._chunks
        )

    def _idle(self) -> list[Any]:
        busy = [actor for _, actor in self._running.values()]
        return [actor for actor in self._actors if actor not in busy]

    def _answer(self, ref: Any) -> Answer:
        self._running.pop(ref)
        try:
            return self._ray.get(ref)
        except self._ray.exceptions.RayError as error:
            reason = str(error).splitlines()[0][:200]
            return Answer(
                status="failed",
                error="ModelError",
                message=f"a worker was lost: {type(error).__name__}: {reason}",
                again=True,
            )

    @contextlib.contextmanager
    def _chunks(self, root: Path) -> Iterator[_Chunks]:
        yield _Chunks(self._ray, self._actors, root)


class _Chunks:
    """Spreads the chunks of one run over actors; see `relight.engine.executors.Processes`."""

    def __init__(self, ray: Any, actors: Sequence[Any], root: Path) -> None:
        self._ray, self._actors, self._root = ray, actors, root

    def run(
        self,
        stage: int,
        chunks: Sequence[Chunk],
        meter: Meter,
        on_done: OnDone,
        on_note: Callable[[str], None] = lambda note: None,
    ) -> None:
        """Run the chunks of one workflow; a chunk whose actor is lost is given to another.

        Raises:
            RelightError: that of the first chunk that failed, or one that was lost too often.
        """
        waiting, idle = list(chunks), list(self._actors)
        lost: dict[str, int] = {}
        running: dict[Any, tuple[Chunk, Any]] = {}
        while waiting or running:
            now = ready(waiting, [chunk for chunk, _ in running.values()])
            for chunk in now[: len(idle)]:
                waiting.remove(chunk)
                actor = idle.pop()
                running[actor.compute.remote(str(self._root), stage, chunk)] = chunk, actor
            ended, _ = self._ray.wait(list(running), num_returns=1, timeout=LOOK_S)
            meter.tell()
            for ref in ended:
                chunk, actor = running.pop(ref)
                idle.append(actor)
                try:
                    notes, error, seconds, peak = self._ray.get(ref)
                except self._ray.exceptions.RayError as gone:
                    lost[chunk.name] = lost.get(chunk.name, 0) + 1
                    if lost[chunk.name] > 2:
                        raise ModelError(
                            f"{chunk.name} was lost with its worker {lost[chunk.name]} times "
                            f"({type(gone).__name__}): see the logs of Ray"
                        ) from None
                    waiting.insert(0, chunk)
                    continue
                for note in notes:
                    on_note(note)
                if error is not None:
                    raise error
                meter.add(chunk.stage, chunk.passes)
                on_done(chunk, seconds, peak)


class _Actor:
    """Does rows and chunks, with the models loaded once for both."""

    def __init__(self, folder: str, device: str | None, threads: int, untrusted: bool) -> None:
        import torch

        from relight.engine.loading import Runner

        torch.set_num_threads(threads)
        self._runner, self._device = Runner(), device
        self._worker = Worker(Path(folder), device, self._runner, untrusted)
        self._guard: Any = None
        self._root = ""
        self._notes: list[str] = []

    def do(self, row: Row) -> Answer:
        """A whole row."""
        self._leave()
        return self._worker.do(row)

    def compute(
        self, root: str, stage: int, chunk: Chunk
    ) -> tuple[list[str], RelightError | None, float, int]:
        """A chunk of the run in a work folder: notes, what went wrong, seconds, peak memory."""
        import torch

        from relight.diffusion.memory import peak_memory
        from relight.engine.restore import restore
        from relight.engine.work import Work

        self._notes, begun = [], time.perf_counter()
        try:
            work = Work(Path(root))
            if root != self._root:
                self._leave()
                self._guard = restore(work, self._device, self._notes.append, self._runner.loaders)
                self._guard.__enter__()
                self._root = root
            with torch.no_grad():
                work.save(chunk.name, self._guard.compute(stage, chunk))
        except Exception as error:
            return self._notes, explain(error), time.perf_counter() - begun, 0
        peak = peak_memory(self._guard.device)
        return self._notes, None, time.perf_counter() - begun, peak

    def _leave(self) -> None:
        if self._guard is not None:
            self._guard.__exit__(None, None, None)
        self._guard, self._root = None, ""


def _ray() -> Any:
    try:
        return import_module("ray")
    except ImportError:
        raise InputError("Ray isn't installed: pip install 'relight[batch]'", field="ray") from None


def _connect(ray: Any, address: str) -> None:
    """Join a cluster; for "auto", where there is none, start a local instance."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no usage statistics are sent
    if ray.is_initialized():
        return
    quiet = {"logging_level": "ERROR", "log_to_driver": False}
    try:
        ray.init(address=address, **quiet)
    except (ConnectionError, ValueError, RuntimeError) as error:
        if address != "auto":
            reason = " ".join(str(error).split())[:200]
            raise InputError(f"no Ray cluster at {address}: {reason}", field="ray") from None
        ray.init(include_dashboard=False, _node_ip_address=LOCAL, **quiet)


def _threads() -> int:
    import torch

    return torch.get_num_threads()
