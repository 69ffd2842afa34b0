"""One user's results on disk: a folder each, listed by the entry file that is written last.

    outputs/<user>/<result>/  entry.json  source.mp4  relit.mp4  relit.mp4.json  job.json  ...

Both names in a path are random and made here; nothing a user types is ever part of one.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from relight.errors import InputError

_ID = re.compile(r"[0-9a-f]{32}")
_SCRATCH = "scratch"


def new_id() -> str:
    """128 random bits: knowing a user's or a result's id is the right to see it."""
    return secrets.token_hex(16)


def is_id(text: object) -> bool:
    return isinstance(text, str) and bool(_ID.fullmatch(text))


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A finished result.

    Attributes:
        kind: which job class made it: "relight" or "upscale".
        name: of the clip, as the user called it; for the eye only.
        source, output, job, sides: file names in `folder`; sides ("" for stills) holds the source
            and the output side by side.
        settings: every setting of the job. when: seconds since 1970. seconds: the run took.
    """

    folder: Path
    kind: str
    name: str
    source: str
    output: str
    job: str
    sides: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    when: float = field(default_factory=time.time)
    seconds: float = 0.0

    @property
    def id(self) -> str:
        return self.folder.name

    def path(self, file: str) -> Path:
        return self.folder / file


class Shelf:
    """The results of one user, newest first.

    Args:
        root: this user's folder; made when the first result is.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def new_folder(self) -> Path:
        """An empty folder for a result; it is listed once `add` was called."""
        folder = self.root / new_id()
        folder.mkdir(parents=True, mode=0o700)
        return folder

    def scratch(self) -> Path:
        """An empty folder for a preview, in the place of the last one; never listed."""
        shutil.rmtree(self.root / _SCRATCH, ignore_errors=True)
        folder = self.root / _SCRATCH / new_id()
        folder.mkdir(parents=True, mode=0o700)
        return folder

    def add(self, entry: Entry) -> Entry:
        plain = {k: v for k, v in asdict(entry).items() if k != "folder"}
        part = entry.folder / ".entry.part"
        part.write_text(json.dumps(plain, ensure_ascii=False), encoding="utf-8")
        part.replace(entry.folder / "entry.json")
        return entry

    def entries(self) -> list[Entry]:
        found = [self._read(file.parent) for file in self.root.glob("*/entry.json")]
        return sorted(found, key=lambda entry: entry.when, reverse=True)

    def get(self, id: str) -> Entry:
        """The result with this id.

        Raises:
            InputError: this user has none such.
        """
        if not is_id(id) or not (self.root / id / "entry.json").is_file():
            raise InputError("this result is not there any more: choose another")
        return self._read(self.root / id)

    def remove(self, id: str) -> None:
        shutil.rmtree(self.get(id).folder)

    @staticmethod
    def _read(folder: Path) -> Entry:
        plain = json.loads((folder / "entry.json").read_text(encoding="utf-8"))
        return Entry(folder=folder, **plain)
