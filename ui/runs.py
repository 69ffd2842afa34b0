"""One run of a job in a thread of its own, that can be watched and really stopped.

Gradio lets a function that is running finish when its event is cancelled, so nothing here relies
on it: a flag is looked at whenever the library tells its progress (after every UNet pass), and the
studio's one lock keeps two jobs from ever sharing the device.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import threading
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from relight.errors import Cancelled, RelightError

if TYPE_CHECKING:
    from relight.engine.progress import OnProgress, Progress

log = logging.getLogger(__name__)

Made = TypeVar("Made")
GLANCE = 0.3
"""Seconds between two looks at a running job."""


class Run(Generic[Made]):
    """A job in a thread.

    Args:
        work: does it, telling its progress to the function it is given.
        device: held while it computes.

    Attributes:
        progress: the newest news, None before the first. changed: counts the news.
    """

    def __init__(self, work: Callable[[OnProgress], Made], device: threading.Lock) -> None:
        self._device = device
        self.progress: Progress | None = None
        self.changed = 0
        self._stop = threading.Event()
        self._made: Made | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask the job to stop; it does at its next step, and leaves no output."""
        self._stop.set()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def join(self, seconds: float) -> None:
        """Wait for the job's end, at most so long."""
        self._thread.join(seconds)

    def result(self) -> Made:
        """What the job made, once it is over; raises what it raised."""
        if self._error is not None:
            raise self._error
        return cast("Made", self._made)  # which may be None itself

    async def news(self) -> AsyncIterator[Progress | None]:
        """Yield the progress whenever there is some, until the job is over.

        Leaving the loop early (a cancelled event, a closed tab) stops the job.
        """
        seen = 0
        try:
            while self.alive:
                await asyncio.sleep(GLANCE)
                if self.changed != seen:
                    seen = self.changed
                    yield self.progress
        finally:
            self.stop()

    async def wait(self) -> Made:
        """Wait for the job without watching it; stops it when the waiting is cancelled."""
        async for _ in self.news():
            pass
        return self.result()

    def _run(self, work: Callable[[OnProgress], Made]) -> None:
        try:
            while not self._device.acquire(timeout=0.1):
                self._look()
            try:
                self._look()
                self._made = work(self._tell)
            finally:
                self._device.release()
        except BaseException as error:
            if not isinstance(error, RelightError):
                log.exception("a job failed")
            self._error = error.with_traceback(None)  # a traceback would hold the job's tensors
            self._error.__context__ = None
        free_memory()

    def _tell(self, progress: Progress) -> None:
        self._look()
        self.progress = progress
        self.changed += 1

    def _look(self) -> None:
        if self._stop.is_set():
            raise Cancelled("stopped: nothing was written")


def free_memory() -> None:
    """Give back what a finished or stopped job has left behind, on the GPU too."""
    gc.collect()
    torch = sys.modules.get("torch")  # never loaded only to be told to free nothing
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
