"""One visitor's results on disk: a folder each, listed by the entry file that is written last.

    outputs/<visitor>/<result>/  entry.json  source.mp4  relit.mp4  relit.mp4.json  job.json  ...

Both names in a path are random and made here; nothing a visitor types is ever part of one.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import shutil
import time
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from relight.errors import InputError

log = logging.getLogger(__name__)

_ID = re.compile(r"[0-9a-f]{32}")
UNDO_SECONDS = 600
"""How long a deleted result can be brought back."""
_DELETED = "deleted-"


def new_id() -> str:
    """128 random bits: knowing a visitor's or a result's id is the right to see it."""
    return secrets.token_hex(16)


def is_id(text: object) -> bool:
    return isinstance(text, str) and bool(_ID.fullmatch(text))


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A finished result.

    Attributes:
        kind: which job class made it: "relight" or "upscale".
        name: of the clip, as the visitor called it.
        source, output, job: file names in `folder`.
        before, after: files a browser can play or show, of the same moments; "" in entries of the
            first edition.
        settings: every setting of the job. when: seconds since 1970. seconds: the run took.
        notes: what its user should know, e.g. that the clip is cut short.
        caller: "page" or "api"; what a program made is kept for a day.
    """

    folder: Path
    kind: str
    name: str
    source: str
    output: str
    job: str
    before: str = ""
    after: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    when: float = field(default_factory=time.time)
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)
    caller: str = "page"

    @property
    def id(self) -> str:
        return self.folder.name

    def path(self, file: str) -> Path:
        return self.folder / file

    @property
    def bytes(self) -> int:
        """Of its folder on disk."""
        return folder_bytes(self.folder)

    def plain(self) -> dict[str, Any]:
        """As JSON; the folder is where it is stored."""
        return {k: v for k, v in asdict(self).items() if k != "folder"}

    @classmethod
    def read(cls, folder: Path, plain: dict[str, Any]) -> Entry:
        """The way back; keys of other editions are left out."""
        known = {one.name for one in fields(cls)} - {"folder"}
        return cls(folder=folder, **{k: v for k, v in plain.items() if k in known})


class Shelf:
    """The results of one visitor, newest first.

    Args:
        root: this visitor's folder; made when the first result is.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def new_folder(self) -> Path:
        """An empty folder for a result; it is listed once `add` was called."""
        folder = self.root / new_id()
        folder.mkdir(parents=True, mode=0o700)
        return folder

    def add(self, entry: Entry) -> Entry:
        write_json(entry.folder / "entry.json", entry.plain())
        return entry

    def entries(self) -> list[Entry]:
        """All results that can be read; a damaged one is left out, and logged."""
        found = []
        for file in self.root.glob("*/entry.json"):
            if not is_id(file.parent.name):
                continue
            try:
                found.append(self._read(file.parent))
            except (OSError, ValueError, TypeError) as error:
                log.warning("a result can't be read: %s (%s)", file.parent, error)
        return sorted(found, key=lambda entry: entry.when, reverse=True)

    def get(self, id: object) -> Entry:
        """The result with this id.

        Raises:
            InputError: this visitor has none such.
        """
        if is_id(id):
            try:
                return self._read(self.root / str(id))
            except (OSError, ValueError, TypeError):
                pass
        raise InputError("this result is not there any more: choose another")

    def remove(self, id: object) -> None:
        """Take a result off the shelf; for a while `restore` brings it back."""
        folder = self.get(id).folder
        hidden = folder.with_name(_DELETED + folder.name)
        folder.rename(hidden)
        os.utime(hidden)

    def restore(self, id: object) -> None:
        """Bring a deleted result back.

        Raises:
            InputError: it is gone for good.
        """
        hidden = self.root / f"{_DELETED}{id}"
        if not is_id(id) or not hidden.is_dir():
            raise InputError("this result is gone for good")
        hidden.rename(self.root / str(id))

    def sweep(self, seconds: float = UNDO_SECONDS) -> None:
        """Remove for good what was deleted so long ago."""
        for folder in self.root.glob(f"{_DELETED}*"):
            if time.time() - folder.stat().st_mtime > seconds:
                shutil.rmtree(folder, ignore_errors=True)

    @staticmethod
    def _read(folder: Path) -> Entry:
        entry = Entry.read(folder, read_json(folder / "entry.json"))
        if not entry.path(entry.output).is_file():
            raise ValueError("its output is missing")
        return entry


def write_json(file: Path, plain: dict[str, Any]) -> None:
    """Write a file whole or not at all."""
    part = file.with_name(f".{file.name}.part")
    part.write_text(json.dumps(plain, ensure_ascii=False), encoding="utf-8")
    part.replace(file)


def read_json(file: Path) -> dict[str, Any]:
    """A mapping that was written so; ValueError where it is none."""
    plain = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(plain, dict):
        raise ValueError(f"{file} holds no mapping")
    return plain


def folder_bytes(folder: Path) -> int:
    """What the files of a folder take on disk."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
