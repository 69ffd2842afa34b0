"""Every error a user can meet: one line saying what happened, the value, and what to do.

RelightError
├── InputError     a setting or a file name is wrong
├── MediaError     a file can't be read as video, or can't be written
│   └── Damaged    too much of an input is damaged, or any of it where the job is strict
├── ModelError     weights are missing, incomplete or of the wrong kind
│   └── NotFinite  a model gave NaN, infinity or black pictures
├── BusyError      another run is writing the same output
├── OutOfMemory    the job does not fit into memory
└── Cancelled      the user stopped the run
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


class RelightError(Exception):
    """Base of all errors raised on purpose; its text is fit to be shown as it is.

    Attributes:
        field: the setting that is wrong, None if no single one is. value: what it was.
        path: the file the error is about, if any.
    """

    def __init__(
        self,
        message: str = "",
        *,
        field: str | None = None,
        value: object = None,
        path: Path | None = None,
    ) -> None:
        super().__init__(message)
        self.field, self.value, self.path = field, value, path


class InputError(RelightError, ValueError):
    """A parameter, a key or a path given by the user is not usable."""


class MediaError(RelightError):
    """A media file cannot be read, or the output cannot be written."""


class Damaged(MediaError):
    """Of an input, more is missing or damaged than a job takes: trying again doesn't help."""


class ModelError(RelightError):
    """Model weights are missing, incomplete, unsafe or of the wrong architecture."""


class NotFinite(ModelError):
    """A model gave values that are not numbers, or black pictures, as half precision does that
    overflows."""


class BusyError(RelightError):
    """Another run is writing the same output."""


class OutOfMemory(RelightError):
    """The job does not fit into the memory of the computer or of its GPU."""


class Cancelled(RelightError):
    """The run was stopped by the user; the output was not written."""


def choices(given: str, known: Iterable[str]) -> str:
    """What to do about a word that is none of `known`: the one it is like, or any of them.

    >>> choices("promt", ("prompt", "light")), choices("x", ("prompt", "light"))
    ("did you mean 'prompt'?", 'use prompt, light')
    """
    words = list(known)
    near = difflib.get_close_matches(given, words, n=1)
    return f"did you mean {near[0]!r}?" if near else f"use {', '.join(words)}"
