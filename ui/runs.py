"""A run of the studio: a folder on its visitor's shelf, `run.json` and the files it needs in it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relight.ui.shelf import Entry, new_id, read_json, write_json

if TYPE_CHECKING:
    from relight.engine.progress import Progress

FILE = "run.json"


@dataclass(kw_only=True)
class Run:
    """One run.

    Attributes:
        owner: the visitor's id. kind: "relight" or "upscale". what: "make" or "preview".
        name: of the clip. order: what is to be done, as plain values.
        state: "waiting", "running", "done" or "failed".
        batch: what runs that were started together share; "" for one by itself.
        caller: "page" or "api". guess: seconds it may take, if that is known.
        small: whether another one pauses for it.
        error: why it failed, fit to be shown. entry: what it made.
        progress: the newest; changed counts them.
    """

    folder: Path
    owner: str
    kind: str
    what: str
    name: str
    order: dict[str, Any]
    created: float = field(default_factory=time.time)
    batch: str = ""
    caller: str = "page"
    guess: float | None = None
    state: str = "waiting"
    error: str = ""
    setting: str = ""
    seen: bool = False
    entry: Entry | None = None
    progress: Progress | None = None
    fraction: float = 0.0
    changed: int = 0
    begun: float | None = None
    cancelled: bool = False
    small: bool = False
    stop: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def busy(self) -> bool:
        return self.state in ("waiting", "running")

    @property
    def seconds_left(self) -> float | None:
        """How long it will still take, if that can be said."""
        if self.progress is not None and self.progress.seconds_left is not None:
            return self.progress.seconds_left
        if self.guess is None:
            return None
        spent = 0.0 if self.begun is None else time.monotonic() - self.begun
        return max(self.guess - spent, 1.0)

    def save(self) -> None:
        """Write down what a restart needs."""
        asked = ("kind", "what", "name", "order", "created", "batch", "caller", "guess")
        found = ("state", "error", "setting", "seen")
        plain = {name: getattr(self, name) for name in (*asked, *found)}
        plain["entry"] = None if self.entry is None else self.entry.plain()
        write_json(self.folder / FILE, plain)

    @classmethod
    def load(cls, folder: Path) -> Run:
        plain = read_json(folder / FILE)
        entry = plain.pop("entry", None)
        run = cls(folder=folder, owner=folder.parent.name, **plain)
        run.entry = Entry.read(folder, entry) if entry else None
        return run


def new_run(shelf_root: Path, **fields: Any) -> Run:
    """A run in a new folder of a visitor."""
    folder = shelf_root / new_id()
    folder.mkdir(parents=True, mode=0o700)
    return Run(folder=folder, owner=shelf_root.name, **fields)
