"""Python's search for garbage, kept from where there is none and the search takes seconds."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


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
