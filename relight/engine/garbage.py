"""Python's search for garbage: not where there is none and it takes seconds, but between runs."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager

EVERY_S = 20.0
"""Seconds from one search between runs to the next at least; one takes half a second."""
_last: float | None = None


def swept() -> None:
    """Take away what earlier runs of this process have left in circles, tensors among it.

    Beside the objects of the model libraries it is too little for Python to search by itself, and
    a process would grow by some 40 MB with each run. Before the first there is nothing to search.

    >>> swept()
    """
    global _last
    now = time.monotonic()
    if _last is None or now - _last >= EVERY_S:
        if _last is not None:
            gc.collect()
        _last = time.monotonic()


@contextmanager
def uncollected() -> Iterator[None]:
    """No search while the block runs.

    The libraries of models make half a million objects, which stay: to look through them again and
    again takes a sixth of the time of importing them.

    >>> with uncollected():
    ...     gc.isenabled()
    False
    >>> gc.isenabled()
    True
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            if not gc.get_freeze_count():  # to the old objects, which are seldom looked through
                gc.freeze()
                gc.unfreeze()
            gc.enable()
