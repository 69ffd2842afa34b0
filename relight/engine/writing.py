"""The last pass of a run, in a thread of its own: chunks in order -> frames -> the output file."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from relight import media
from relight.engine.ahead import ahead
from relight.engine.output import Result, Sidecar
from relight.errors import Cancelled
from relight.jobs import RelightJob

if TYPE_CHECKING:
    from relight.engine.progress import Meter
    from relight.engine.work import Work
    from relight.engine.workflow import Workflow
    from relight.jobs import ResolvedJob


class Writing:
    """Writes the output of a run while its chunks are computed.

    Args:
        job: resolved. info: of its input. work: where the chunks are stored.
        flow: whose frames are the result. meter: counts them.
        outcome: (frames written, the writer's notes) -> what the sidecar says.
    """

    def __init__(
        self,
        *,
        job: ResolvedJob,
        info: media.VideoInfo,
        work: Work,
        flow: Workflow,
        meter: Meter,
        outcome: Callable[[int, list[str]], Result],
    ) -> None:
        self._job, self._info, self._work = job, info, work
        self._flow, self._meter, self._outcome = flow, meter, outcome
        # A new background fills the frame: what was transparent in the source is so no longer.
        self._filled = info.alpha and isinstance(job, RelightJob) and job.behind is not None
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._write, daemon=True)
        self.result: Result

    def __enter__(self) -> Writing:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def check(self) -> None:
        """Raise what has stopped the writing, if anything has."""
        if self._error is not None:
            raise self._error

    def wait(self, look: Callable[[], None]) -> None:
        """Wait until all is written; `look` is called meanwhile."""
        while self._thread.is_alive():
            self._thread.join(0.1)
            look()
        self.check()

    def _write(self) -> None:
        try:
            import torch

            with torch.no_grad():
                self._encode()
        except BaseException as error:
            self._error = error

    def _encode(self) -> None:
        sidecar = None
        try:
            with self._open() as writer:
                count = self._add_all(writer)
                self.result = self._outcome(count, writer.notes)
                sidecar = Sidecar(self.result)
                sidecar.write()
            sidecar.move_in()
        except BaseException:
            if sidecar is not None:
                sidecar.remove()
            raise

    def _open(self) -> contextlib.AbstractContextManager[media.Writer]:
        job = self._job
        return media.write(
            job.output,
            replace(self._info, alpha=False) if self._filled else self._info,
            size=self._flow.size,
            fps=self._info.fps,
            start=job.start,
            frames=job.frames,
            overwrite=job.overwrite,
            encoding=job.encoding,
            on_note=lambda note: None,  # they are in the outcome
            scratch=self._work.root,
        )

    def _add_all(self, writer: media.Writer) -> int:
        """Write every frame; returns how many there were."""
        count = 0
        with contextlib.closing(ahead(self._frames())) as frames:
            for frame in frames:
                self._look()
                writer.put(frame)
                count += 1
                self._meter.show(functools.partial(_shown, frame))
                self._meter.add("write")
        return count

    def _frames(self) -> Iterator[media.Frame]:
        import torch

        with torch.no_grad():
            for frame in self._flow.frames(lambda name: self._work.wait(name, self._look)):
                yield replace(frame, alpha=None) if self._filled else frame
                del frame  # or its pixels would stay in memory while the next one is made

    def _look(self) -> None:
        if self._stop.is_set():
            raise Cancelled("stopped: the output was not written")


def _shown(frame: media.Frame) -> np.ndarray:
    """A frame as a screen shows it: (h, w, 3) uint8."""
    return media.to_uint8(frame.flat())
