"""A log of runs as JSON lines, fit for a bug report; without personal paths if asked for."""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import json
import logging
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from relight.errors import InputError

FIELDS = "relight_fields"
"""Name under which a log record carries its own values."""
NAMES = ("job", "input", "output")
"""Those of its values that are names of files."""
_PATH = re.compile(r"(?<![\w/])(?:[A-Za-z]:)?(?:[/\\][^\s/\\'\",;:()\[\]]+)+")
_PUBLIC = ("site-packages", "dist-packages")
"""Folders from which on a path says nothing of its user."""


def fields(**values: Any) -> dict[str, dict[str, Any]]:
    """Values for a log record, as its `extra`.

    >>> fields(chunk="light-00001")
    {'relight_fields': {'chunk': 'light-00001'}}
    """
    return {FIELDS: values}


@contextlib.contextmanager
def logged(path: Path | None, hide: bool = False) -> Iterator[None]:
    """While the block runs, everything the library logs is added to a file, a line of JSON each.

    Args:
        path: of the file; None: nothing is kept. hide: replace names of files, folders, the user
            and the machine.

    Raises:
        InputError: it can't be written, or holds something else.
    """
    if path is None:
        yield
        return
    if path.exists() and not _is_log(path):
        raise InputError(f"{path} exists and is not a log: give another name", path=path)
    try:
        handler = logging.FileHandler(path, encoding="utf-8")
    except OSError as error:
        raise InputError(f"the log {path} can't be written ({error.strerror})") from None
    handler.setFormatter(_Lines(anonymous() if hide else lambda text: text))
    logger = logging.getLogger("relight")
    before = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    shown = [one for one in logging.getLogger().handlers if one.level == logging.NOTSET]
    for one in shown:  # the terminal shows no more than it did
        one.setLevel(logging.getLogger().level)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
        handler.close()


def anonymous() -> Callable[[str], str]:
    """A function that replaces paths, the user's name and the machine's in a text.

    A path becomes a short hash with its extension, the same each time, so that it can be followed
    through a log.

    >>> hidden = anonymous()("can't read /home/ann/clips/my cat.mp4")
    >>> "ann" in hidden or "/home" in hidden
    False
    """
    names = {socket.gethostname(), Path.home().name}
    with contextlib.suppress(OSError, KeyError, ImportError):
        names.add(getpass.getuser())
    words = [re.escape(name) for name in names if len(name) > 2 and name != "root"]
    named = re.compile(rf"\b(?:{'|'.join(words)})\b") if words else None

    def hide(text: str) -> str:
        text = _PATH.sub(_hidden_path, text)
        return named.sub("<name>", text) if named else text

    return hide


def hidden_file(name: str) -> str:
    """What stands for the name of a file: a hash, and its extension.

    >>> hidden_file("clips/a.mp4") == hidden_file("clips/a.mp4"), hidden_file("a.mp4")[-4:]
    (True, '.mp4')
    """
    digest = hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:8]
    return f"<file-{digest}>{Path(name).suffix}"


def _hidden_path(match: re.Match[str]) -> str:
    path = match[0]
    for public in _PUBLIC:
        if public in path:
            return path[path.index(public) :]
    if "/relight/" in path and path.endswith(".py"):
        return path[path.rindex("/relight/") + 1 :]
    return hidden_file(path)


class _Lines(logging.Formatter):
    """A log record as a line of JSON."""

    def __init__(self, hide: Callable[[str], str]) -> None:
        super().__init__()
        self._hide = hide

    def format(self, record: logging.LogRecord) -> str:
        own, message = getattr(record, FIELDS, {}), record.getMessage()
        values: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname,
            "message": message,
        }
        values |= own
        # Names as a whole first: spaces in them would end what looks like a path.
        names = [str(own[name]) for name in NAMES if name in own]
        for name, value in values.items():
            values[name] = self._hidden(value, names) if isinstance(value, str) else value
        if record.exc_info:
            values["trace"] = self._hide(self.formatException(record.exc_info))
        return json.dumps(values, ensure_ascii=True, default=str)

    def _hidden(self, text: str, names: list[str]) -> str:
        if self._hide("/x") != "/x":
            for name in names:
                text = text.replace(name, hidden_file(name))
        return self._hide(text)


def _is_log(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8") as file:
            first = file.readline(2**20)
        return not first or {"time", "level"} <= json.loads(first).keys()
    except (OSError, ValueError, AttributeError):
        return False
