"""One row of a batch: skipped if it is done, else run, and recorded. The same in every worker."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relight.engine.batch.records import Records, key_of
from relight.engine.batch.rows import OWN, Row
from relight.engine.failures import Outcome, run_safely
from relight.engine.loading import Runner
from relight.engine.work import Work, work_folder
from relight.errors import BusyError, Cancelled, Damaged, InputError, MediaError, ModelError
from relight.jobs import Job
from relight.media.untrusted import check_untrusted

if TYPE_CHECKING:
    from relight.engine.output import Result
    from relight.engine.progress import OnProgress
    from relight.engine.running import Workers

FINAL = (InputError, Damaged, ModelError, Cancelled)
"""Errors that trying again doesn't mend."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What became of a row.

    Attributes:
        status: "done", "skipped", "failed" or "interrupted".
        error: its kind, e.g. "MediaError". message: in one line. again: trying again may help.
        device: that computed it. peak_memory: bytes the process has taken at most.
    """

    status: str
    seconds: float = 0.0
    frames: int = 0
    key: str = ""
    error: str = ""
    message: str = ""
    again: bool = False
    notes: tuple[str, ...] = field(default=())
    device: str = ""
    peak_memory: int = 0


class Worker:
    """Does rows one after another, with the models loaded once.

    Args:
        folder: of the outputs. device: replaces that of every row.
        runner: with the models. untrusted: inputs are first read by a process that can be killed.
    """

    def __init__(
        self,
        folder: Path,
        device: str | None = None,
        runner: Runner | None = None,
        untrusted: bool = False,
    ) -> None:
        self._folder, self._device, self._untrusted = folder, device, untrusted
        self._records = Records(folder / OWN)
        self._run = runner or Runner()

    def do(
        self,
        row: Row,
        on_progress: OnProgress | None = None,
        *,
        devices: str | None = None,
        workers: Workers | None = None,
    ) -> Answer:
        """Run a row, or find that it is done; nothing is ever raised but what ends a program.

        Args:
            on_progress, workers: as of `relight.engine.run.run`. devices: for all its chunks.
        """
        begun = time.perf_counter()
        job: Job | None = None
        key, spared = "", None

        def work() -> Result | None:
            nonlocal job, key, spared
            job = row.job(self._folder)
            key = key_of(job, row.kind)
            spared = self._spared(job, row, key)
            if spared is not None:
                return None
            if self._untrusted:
                check_untrusted(job.input, job.reading)
            job = self._prepared(job, row, key).model_copy(update={"devices": devices})
            run = functools.partial(self._run, job, on_progress=on_progress, workers=workers)
            return self._recorded(run, job, row, key)

        outcome = run_safely(work)
        if job is not None and isinstance(outcome.error, InputError | BusyError):
            spared = self._spared(job, row, key)  # another process may have been faster
        if spared is not None:
            seconds = round(time.perf_counter() - begun, 3)
            return Answer(status="skipped", seconds=seconds, key=key, message=spared)
        return self._answer(outcome, job, key, time.perf_counter() - begun)

    def _spared(self, job: Job, row: Row, key: str) -> str | None:
        """What is said of a row that needn't be done; None: it needs."""
        self._records.read()
        if self._records.done(key, row.target, job.output):
            return ""
        busy = self._records.making(key, row.target)
        if busy and Work(work_folder(job.output, job.work)).held:
            return "another process of this batch is making it"
        return None

    def _prepared(self, job: Job, row: Row, key: str) -> Job:
        """The job with a seed of its own, a device, its folder, and leave to replace what the batch
        has made itself."""
        given: dict[str, Any] = {}
        if job.seed is None:  # by what the job is: the same on every machine, and again
            given["seed"] = int(key[:8], 16) & 0x7FFFFFFF
        if self._device is not None:
            given["device"] = self._device
        if not job.overwrite and self._records.owns(row.target, job.output):
            given["overwrite"] = True
        try:
            job.output.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"can't make the folder {job.output.parent}: {error.strerror}"
            ) from None
        return job.model_copy(update=given)

    def _recorded(self, run: Callable[[], Result], job: Job, row: Row, key: str) -> Result:
        mine = job.overwrite or not job.output.exists()
        attempt = self._records.begin(row.target, key) if mine else ""
        try:
            result = run()
        except BaseException:
            if attempt:
                with contextlib.suppress(MediaError):  # the first error is the one to report
                    self._records.give_up(attempt, row.target)
            raise
        self._records.finish(attempt, row.target, key, job.output)
        return result

    def _answer(self, outcome: Outcome, job: Job | None, key: str, seconds: float) -> Answer:
        given = functools.partial(Answer, seconds=round(seconds, 3), key=key)
        if outcome.error is not None:
            stopped = isinstance(outcome.error, Cancelled)
            return given(
                status="interrupted" if stopped else "failed",
                error=type(outcome.error).__name__,
                message=outcome.message,
                again=not isinstance(outcome.error, FINAL),
            )
        result = outcome.result
        assert result is not None, "a row that is spared has its answer"
        from relight.diffusion.memory import peak_memory

        device = str(result.settings.get("device", ""))
        return given(
            status="done",
            frames=result.frames,
            notes=result.notes,
            device=device,
            peak_memory=peak_memory(device),
        )
