"""The signals that end a program: taken over before anything heavy is imported.

Imports nothing but the standard library's smallest modules.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

ENDING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""Exit codes are 128 and the number: 130, 143, 129."""
PATIENCE_S = 3.0
"""Seconds for tidying up, before another signal ends the program at once."""


def leave_at_once() -> None:
    """Let signals end the program with one line; for the time in which there is nothing to tidy."""
    for number in ENDING:
        signal.signal(number, _leave)


def _leave(number: int, _: object) -> None:
    os.write(2, b"relight: interrupted: nothing was written\n")
    os._exit(128 + number)


class Interruption:
    """Turns the first signal into a `KeyboardInterrupt`.

    Attributes:
        number: of the signal, None as long as there was none.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._since = 0.0

    def __call__(self, number: int, _: object) -> None:
        if self.number is not None:
            if time.monotonic() - self._since > PATIENCE_S:
                os._exit(128 + self.number)
            return
        self.number, self._since = number, time.monotonic()
        raise KeyboardInterrupt

    def check(self) -> None:
        """Raise again: an exception that met a callback of a library may have been swallowed."""
        if self.number is not None:
            raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """While the block runs, signals raise `KeyboardInterrupt` in it; afterwards all is as before.

    Outside the main thread nothing is changed: signals never reach others.
    """
    got, before = Interruption(), {}
    try:
        for number in ENDING:
            before[number] = signal.signal(number, got)
    except ValueError:  # not the main thread
        yield got
        return
    try:
        yield got
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def check() -> None:
    """Raise `KeyboardInterrupt` if a signal came inside `interruptible`."""
    handler = signal.getsignal(signal.SIGTERM)
    if isinstance(handler, Interruption):
        handler.check()
