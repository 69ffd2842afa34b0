"""What a batch has done, in files that any number of machines write at once without a lock.

Each process appends to a file of its own; the union of all is read before each row. A row is known
by the content of its input and by its settings, never by names or dates. Torch-free.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from relight.engine.manifest import MANNER, fingerprint, fingerprints
from relight.engine.output import has_sidecar
from relight.errors import MediaError
from relight.jobs import Job

FOLDER = "records"
HOW = MANNER | {"input", "output", "overwrite", "device", "memory", "attention", "compile"}
"""Settings that say where and how a job is run; a finished one is not run again for them."""


def key_of(job: Job, kind: str) -> str:
    """A hash of what a job is: its kind, the content of its input, its settings, and the content of
    other files that they name.

    Raises:
        MediaError: the input can't be read.
    """
    settings = {name: value for name, value in job.settings().items() if name not in HOW}
    prints = fingerprints(job, whole=True)
    text = json.dumps([kind, list(prints.values()), settings], sort_keys=True, default=str)
    # Where a file is doesn't count; longer paths first, one may begin another.
    paths = {name: str(path.absolute()) for name, path in job.files().items()}
    for name, path in sorted(paths.items(), key=lambda pair: -len(pair[1])):
        text = text.replace(json.dumps(path)[1:-1], prints[name])
    return hashlib.sha256(text.encode()).hexdigest()


class Records:
    """The records of a batch.

    Args:
        folder: where they are kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER
        self._file: Path | None = None
        self._done: dict[str, set[tuple[str, str]]] = {}
        self._begun: dict[str, set[str]] = {}
        self._ended: set[str] = set()
        self._keys: dict[str, str] = {}
        self._read: dict[Path, int] = {}
        self.read()

    def read(self) -> None:
        """Take in what other processes have added since; the last line of a killed one may be
        half."""
        for path in sorted(self._folder.glob("*.jsonl")) if self._folder.is_dir() else ():
            with contextlib.suppress(OSError), path.open("rb") as file:
                file.seek(self._read.get(path, 0))
                whole, end, _ = file.read().rpartition(b"\n")
                self._read[path] = self._read.get(path, 0) + len(whole + end)
                for record in _records_in(whole):
                    self._take(record)

    def making(self, key: str, target: Path) -> bool:
        """Whether a job of that key was begun by a process that hasn't ended it, or was killed."""
        return any(self._keys.get(attempt) == key for attempt in self._open(target))

    def done(self, key: str, target: Path, output: Path) -> bool:
        """Whether a job of that key has made the output, which is there as it was made."""
        prints = {made for one, made in self._done.get(str(target), ()) if one == key}
        return bool(prints) and print_of(output) in prints

    def owns(self, target: Path, output: Path) -> bool:
        """Whether what is there of an output was made by this batch: it may be replaced.

        One that was begun and never ended may have been made just before its process was killed:
        then there is its sidecar. Of one that was removed, the sidecar may be left.
        """
        made = {one for _, one in self._done.get(str(target), ())}
        begun = self._open(target)
        if not (made or begun):
            return False
        there = print_of(output)
        return there in {*made, ""} or bool(begun and has_sidecar(output))

    def begin(self, target: Path, key: str) -> str:
        """Note that an output is going to be written that isn't there, or is the batch's own.

        Returns:
            what this attempt is called.
        """
        attempt = secrets.token_hex(8)
        instead = sorted(self._open(target))
        begun = {"state": "begun", "target": str(target), "attempt": attempt, "key": key}
        self._add({**begun, "instead": instead})
        return attempt

    def finish(self, attempt: str, target: Path, key: str, output: Path) -> None:
        """Note that an output is complete."""
        made = print_of(output)
        self._add(
            {"state": "done", "target": str(target), "attempt": attempt, "key": key, "made": made}
        )

    def give_up(self, attempt: str, target: Path) -> None:
        """Note that an attempt has failed, and has written nothing."""
        self._add({"state": "failed", "target": str(target), "attempt": attempt})

    def _open(self, target: Path) -> set[str]:
        return self._begun.get(str(target), set()) - self._ended

    def _take(self, record: dict[str, Any]) -> None:
        """Count a record in; their order doesn't matter."""
        target, attempt = str(record.get("target")), str(record.get("attempt"))
        if record.get("state") == "begun":
            self._begun.setdefault(target, set()).add(attempt)
            self._keys[attempt] = str(record.get("key"))
            instead = record.get("instead")
            self._ended |= {str(one) for one in instead} if isinstance(instead, list) else set()
            return
        self._ended.add(attempt)
        if record.get("state") == "done":
            made = str(record.get("key")), str(record.get("made"))
            self._done.setdefault(target, set()).add(made)

    def _add(self, record: dict[str, Any]) -> None:
        """Append a record to this process's own file, and see that it is on the disk."""
        try:
            if self._file is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}.jsonl"
                self._file = self._folder / name
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record, ensure_ascii=True) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise MediaError(
                f"{self._folder} can't be written ({error.strerror}): free some space, then run "
                "the same command again"
            ) from None
        self._take(record)


def print_of(output: Path) -> str:
    """A hash of an output, of all its pictures if it is a sequence; empty if it isn't there."""
    from relight.media.places import is_sequence, numbered_files

    digest = hashlib.sha256()
    files = numbered_files(output) if is_sequence(output) else [output]
    if not files or not files[0].exists():
        return ""
    with contextlib.suppress(MediaError):
        for file in files:
            digest.update(os.fsencode(f"{file.name} {fingerprint(file, whole=True)}\n"))
        return digest.hexdigest()
    return ""


def _records_in(lines: bytes) -> Iterator[dict[str, Any]]:
    """All records that can be read."""
    for line in lines.decode("utf-8", errors="replace").splitlines():
        with contextlib.suppress(ValueError):
            record = json.loads(line)
            if isinstance(record, dict):
                yield record
