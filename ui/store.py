"""The runs of the studio: they belong to the server, and pages only look at them.

One thread takes them in turn, a second one those that are so small that another may pause for them.
Nothing stops a run but `cancel`: not a closed page, not a lost connection; and after a restart of
the studio the engine takes over what was done.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from relight.errors import BusyError, Cancelled, InputError
from relight.ui.memory import free_memory
from relight.ui.runs import FILE, Run
from relight.ui.shelf import Entry, is_id
from relight.ui.turns import Turns

if TYPE_CHECKING:
    from relight.engine.progress import Progress

log = logging.getLogger(__name__)

MOST = 60
"""Runs of one visitor that may wait. WAITING: of all together."""
WAITING = 300
LISTED_SECONDS = 24 * 3600
"""Age from which runs that are over are listed no more after a restart."""
PREVIEWS = 4
"""Finished previews that are kept of each visitor."""

Work = Callable[[Run, "Callable[[Progress], None]"], Entry]


class Store:
    """All runs of a studio, and the threads that compute them.

    Args:
        outputs: folder of the visitors' shelves; runs that an earlier studio left there go on.
        work: computes a run: (run, tell) -> entry. `tell` raises Cancelled to stop it.
        explain: turns what a run raised into (text, name of the setting or "").
        small: whether a run needs so little that it never waits for a large one.
    """

    def __init__(
        self,
        outputs: Path,
        work: Work,
        explain: Callable[[Run, BaseException], tuple[str, str]],
        small: Callable[[Run], bool] = lambda run: False,
    ) -> None:
        self._outputs, self._work, self._explain, self._small = outputs, work, explain, small
        self._runs: dict[str, Run] = {}
        self._lock = threading.RLock()
        self._wake = threading.Condition(self._lock)
        self._closing = False
        self._turns = Turns()
        self._threads: dict[bool, threading.Thread] = {}
        self._pace: dict[str, float] = {}
        self._served: dict[str, float] = {}
        self._recover()

    def add(self, run: Run) -> Run:
        """Put a run in the queue; its folder is there, with the files it needs.

        Raises:
            BusyError: the queue is full.
        """
        with self._lock:
            try:
                self.check_room(run.owner)
            except BusyError:
                shutil.rmtree(run.folder, ignore_errors=True)
                raise
            # By itself it takes the model that is loaded; beside another it needs one of its own.
            run.small = self._small(run) and any(
                one.busy and not one.small for one in self._runs.values()
            )
            if run.guess is None:
                run.guess = self._pace.get(f"{run.kind} {run.what}")
            run.save()
            self._runs[run.id] = run
            self._start(run.small)
            self._wake.notify_all()
        return run

    def check_room(self, owner: str, count: int = 1) -> None:
        """Raise BusyError where the queue has no room for so many more runs of a visitor."""
        with self._lock:
            waiting = [one for one in self._runs.values() if one.state == "waiting"]
        own = sum(one.owner == owner for one in waiting)
        room = 0 if self._closing else max(min(MOST - own, WAITING - len(waiting)), 0)
        if room < count:
            more = f", and {count} more are too many by {count - room}" if count > 1 else ""
            raise BusyError(f"{own or len(waiting)} runs are waiting{more}: try again later")

    def of(self, owner: str) -> list[Run]:
        """The runs of a visitor, oldest first."""
        with self._lock:
            return sorted(
                (run for run in self._runs.values() if run.owner == owner),
                key=lambda run: run.created,
            )

    def get(self, owner: str, id: object) -> Run:
        """A visitor's run.

        Raises:
            InputError: this visitor has none such.
        """
        run = self._runs.get(id) if isinstance(id, str) else None
        if run is None or run.owner != owner:
            raise InputError("this run is not there any more")
        return run

    def ahead(self, run: Run) -> tuple[int, float | None]:
        """How many runs come before a waiting one, and in how many seconds it may start."""
        with self._lock:
            running = [one for one in self._runs.values() if one.state == "running"]
            current = [one for one in running if one.small == run.small]
            queue = self._queue(run.small)
            before = [*current, *queue[: queue.index(run)]] if run in queue else []
        left = [one.seconds_left for one in before]
        known = [seconds for seconds in left if seconds is not None]
        return len(before), sum(known) if len(known) == len(left) else None

    def cancel(self, owner: str, id: object) -> None:
        """Stop a run; nothing of it is left. One that is over stays as it is."""
        with self._lock:
            run = self.get(owner, id)
            if run.busy:
                run.cancelled = True
                run.stop.set()
            if run.state == "waiting":
                self._drop(run)

    def dismiss(self, owner: str, id: object) -> None:
        """Take a finished or failed run off the list; a result stays on the shelf."""
        with self._lock:
            run = self.get(owner, id)
            if run.state == "failed":
                self._drop(run)
            elif run.state == "done":
                run.seen = True
                run.save()

    def forget(self, owner: str, id: object) -> None:
        """Stop listing a finished run whose result is deleted."""
        with self._lock:
            run = self.get(owner, id)
            if not run.busy:
                self._runs.pop(run.id, None)

    @property
    def idle(self) -> bool:
        """Whether nothing is computed or waits."""
        with self._lock:
            return not any(run.busy for run in self._runs.values())

    def close(self, seconds: float = 20.0) -> None:
        """Stop computing and wait for it; what is not done goes on with the next studio."""
        with self._lock:
            self._closing = True
            for run in self._runs.values():
                if run.state == "running":
                    run.stop.set()
            self._wake.notify_all()
        until = time.monotonic() + seconds
        for thread in self._threads.values():
            thread.join(max(until - time.monotonic(), 0.0))

    def _recover(self) -> None:
        for file in self._outputs.glob(f"*/*/{FILE}"):
            if not (is_id(file.parent.name) and is_id(file.parent.parent.name)):
                continue
            try:
                run = Run.load(file.parent)
            except (OSError, ValueError, TypeError) as error:
                log.warning("a run can't be read: %s (%s)", file.parent, error)
                continue
            if run.busy:
                run.state = "waiting"
            elif time.time() - run.created > LISTED_SECONDS:
                self._retire(run)
                continue
            else:
                run.over.set()
            self._runs[run.id] = run
        for small in {run.small for run in self._runs.values() if run.busy}:
            self._start(small)

    def _retire(self, run: Run) -> None:
        """Forget a run that was over long ago; its result stays on the shelf."""
        if (run.folder / "entry.json").is_file():
            (run.folder / FILE).unlink(missing_ok=True)
        else:
            shutil.rmtree(run.folder, ignore_errors=True)

    def _start(self, small: bool) -> None:
        if small not in self._threads:
            name = "relight-small-runs" if small else "relight-runs"
            made = threading.Thread(target=self._loop, args=(small,), name=name, daemon=True)
            self._threads[small] = made
            made.start()

    def _queue(self, small: bool) -> list[Run]:
        """Waiting runs in the order of their turn: previews, then each visitor's first ones, and
        of these the one of the visitor who was served longest ago."""
        waiting = sorted(
            (one for one in self._runs.values() if one.state == "waiting" and one.small == small),
            key=lambda run: run.created,
        )
        turn: dict[str, int] = {
            run.owner: 1 for run in self._runs.values() if run.state == "running"
        }
        keys = {}
        for run in waiting:
            served = self._served.get(run.owner, 0.0)
            keys[run.id] = (run.what != "preview", turn.get(run.owner, 0), served, run.created)
            turn[run.owner] = turn.get(run.owner, 0) + 1
        return sorted(waiting, key=lambda run: keys[run.id])

    def _loop(self, small: bool) -> None:
        while True:
            with self._lock:
                while not self._closing and not self._queue(small):
                    self._wake.wait()
                if self._closing:
                    return
                run = self._queue(small)[0]
                run.state, run.begun = "running", time.monotonic()
                if run.what != "preview":
                    self._served[run.owner] = run.begun
            self._compute(run)
            free_memory()

    def _compute(self, run: Run) -> None:
        entry, error = None, None
        try:
            run.save()
            with self._turns.small() if run.small else self._turns.large():
                entry = self._work(run, lambda progress: self._tell(run, progress))
        except BaseException as raised:
            error = raised.with_traceback(None)  # a traceback would hold the run's tensors
            error.__context__ = None
        with self._lock:
            if run.cancelled and entry is None:
                self._drop(run)
            elif self._closing and isinstance(error, Cancelled):
                run.state = "waiting"  # it goes on with the next studio
            else:
                self._finished(run, entry, error)

    def _finished(self, run: Run, entry: Entry | None, error: BaseException | None) -> None:
        run.entry, run.progress = entry, None
        run.state = "failed" if entry is None else "done"
        if error is not None:
            run.error, run.setting = self._explain(run, error)
        elif run.begun is not None:
            self._pace[f"{run.kind} {run.what}"] = time.monotonic() - run.begun
        try:
            run.save()
        except OSError:
            log.exception("a run can't be written down")
        run.changed += 1
        run.over.set()
        if run.what == "preview":
            old = [one for one in self.of(run.owner) if one.what == "preview" and not one.busy]
            for one in old[:-PREVIEWS]:
                self._drop(one)

    def _drop(self, run: Run) -> None:
        """Forget a run, and remove its folder unless it became a result."""
        self._runs.pop(run.id, None)
        run.state = "gone"
        run.over.set()
        if not (run.folder / "entry.json").is_file():
            shutil.rmtree(run.folder, ignore_errors=True)

    def _tell(self, run: Run, progress: Progress) -> None:
        if not run.small:
            self._turns.pause()
        if run.stop.is_set():
            raise Cancelled("stopped: nothing was written")
        run.progress = progress
        run.fraction = max(run.fraction, progress.fraction)
        run.changed += 1
