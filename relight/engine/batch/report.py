"""What a batch reports: a line of JSON for each event as it happens, and a table at the end."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from filelock import FileLock, Timeout

from relight.engine.batch.rows import Row
from relight.engine.batch.work import Answer
from relight.engine.plan_text import many
from relight.errors import BusyError, InputError, MediaError

MOST_LINES = 40
"""Of the table; with more rows, those that went well are counted only."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """What happened to a row. status: that of its answer, or "retrying" before another attempt."""

    row: Row
    attempt: int
    status: str
    answer: Answer

    def plain(self, folder: Path) -> dict[str, Any]:
        """As JSON values; what is empty is left out."""
        answer = self.answer
        values = {
            "status": self.status,
            "input": str(self.row.source),
            "output": str(folder / self.row.target),
            "kind": self.row.kind,
            "attempt": self.attempt,
            "seconds": answer.seconds,
            "frames": answer.frames,
            "error": answer.error,
            "message": answer.message,
            "notes": list(answer.notes),
            "device": answer.device,
            "peak_memory_bytes": answer.peak_memory,
            "key": answer.key,
        }
        return {name: value for name, value in values.items() if value not in ("", 0, [])}


class Report:
    """A file of events, begun anew by each run.

    Args:
        path: of the file. folder: of the outputs.

    Raises:
        InputError: something else is stored there. BusyError: another run is writing it.
        MediaError: it can't be written.
    """

    def __init__(self, path: Path, folder: Path) -> None:
        self.path, self._folder = path, folder
        if path.exists() and not _is_report(path):
            raise InputError(f"{path} exists and is not a report: give another name", path=path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(path.with_name(f".{path.name}.lock"))
            self._lock.acquire(timeout=0)
            self._file: TextIO = path.open("w", encoding="utf-8")
        except Timeout:
            raise BusyError(
                f"another run is writing the report {path}: give another name with --report"
            ) from None
        except OSError as error:
            raise MediaError(f"the report {path} can't be written ({error.strerror})") from None

    @classmethod
    def beside_others(cls, path: Path, folder: Path) -> Report:
        """The report of that name, or, where other runs are writing theirs, of the next: -2, -3."""
        number = 1
        while True:
            own = path if number == 1 else path.with_stem(f"{path.stem}-{number}")
            try:
                return cls(own, folder)
            except BusyError:
                number += 1

    def __enter__(self) -> Report:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._lock.release()
        Path(self._lock.lock_file).unlink(missing_ok=True)

    def add(self, event: Event) -> None:
        """Write an event, so that others see it at once."""
        text = json.dumps(event.plain(self._folder), ensure_ascii=True)
        try:
            self._file.write(text + "\n")
            self._file.flush()
        except OSError as error:
            raise MediaError(
                f"the report {self.path} can't be written ({error.strerror}): free some space, "
                "then run the same command again"
            ) from None


def _is_report(path: Path) -> bool:
    """Whether a file is empty or begins with an event."""
    try:
        with path.open(encoding="utf-8") as file:
            first = file.readline(2**20)
        return not first or {"status", "input"} <= json.loads(first).keys()
    except (OSError, ValueError, AttributeError):
        return False


def table(events: Sequence[Event]) -> list[str]:
    """How all rows ended, in lines for people; the last one counts them."""
    last = {event.row.target: event for event in events if event.status != "retrying"}
    shown = list(last.values())
    if len(shown) > MOST_LINES:
        shown = [event for event in shown if event.status not in ("done", "skipped")]
    cells = [_cells(event) for event in shown[:MOST_LINES]]
    lines = []
    if cells:
        widths = [max(_width(row[i]) for row in cells) for i in range(len(cells[0]) - 1)]
        lines = ["  ".join([*map(_padded, row, widths), row[-1]]).rstrip() for row in cells]
    if len(shown) > MOST_LINES:
        lines.append(f"... and {len(shown) - MOST_LINES} more in the report")
    return [*lines, counted([event.status for event in last.values()])]


def counted(statuses: Sequence[str]) -> str:
    """How many rows ended in which way.

    >>> counted(["done", "failed", "done"])
    '3 jobs: 2 done, 1 failed'
    """
    kinds = ("done", "skipped", "failed", "interrupted")
    parts = [f"{statuses.count(kind)} {kind}" for kind in kinds if kind in statuses]
    return f"{many(len(statuses), 'job')}: {', '.join(parts) or 'nothing done'}"


def _cells(event: Event) -> tuple[str, ...]:
    answer = event.answer
    frames = many(answer.frames, "frame") if answer.frames else ""
    said = answer.message or "; ".join(answer.notes)
    seconds = f"{answer.seconds:.0f} s"
    return event.status, _printable(str(event.row.source)), seconds, frames, _printable(said)


def _printable(text: str) -> str:
    """In one line, also of a name that is no UTF-8."""
    return " ".join(text.encode(errors="replace").decode().split())


def _width(text: str) -> int:
    """Columns on a terminal."""
    return sum(1 + (unicodedata.east_asian_width(one) in "WF") for one in text)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))
