"""The last pass of a run, in a thread of its own: chunks in order -> frames -> the output file."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from relight import media
from relight.engine.ahead import ahead
from relight.engine.output import Result, Sidecar
from relight.errors import Cancelled

if TYPE_CHECKING:
    from relight.engine.progress import Meter
    from relight.engine.running import Run
    from relight.engine.workflow import Workflow


class Writing:
    """Writes the output of a run while its chunks are computed.

    Args:
        run: what is done. flow: whose frames are the result. meter: counts them.
    """

    def __init__(self, run: Run, flow: Workflow, meter: Meter) -> None:
        self._run, self._flow, self._meter = run, flow, meter
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
                self._run.notes += writer.notes
                self.result = self._run.outcome(count)
                sidecar = Sidecar(self.result)
                sidecar.write()
            sidecar.move_in()
        except BaseException:
            if sidecar is not None:
                sidecar.remove()
            raise

    def _open(self) -> contextlib.AbstractContextManager[media.Writer]:
        run, job = self._run, self._run.job
        return media.write(
            job.output,
            run.info,
            size=self._flow.size,
            fps=run.info.fps,
            start=job.start,
            frames=job.frames,
            overwrite=job.overwrite,
            encoding=job.encoding,
            on_note=lambda note: None,  # they are in the outcome
            scratch=run.work.root,
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
            yield from self._flow.frames(lambda name: self._run.work.wait(name, self._look))

    def _look(self) -> None:
        if self._stop.is_set():
            raise Cancelled("stopped: the output was not written")


def _shown(frame: media.Frame) -> np.ndarray:
    """A frame as a screen shows it: (h, w, 3) uint8."""
    return media.to_uint8(frame.flat())
