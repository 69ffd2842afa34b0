"""Keep an encoder from taking the machine from all others by realtime priority."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_THREADS = Path("/proc/self/task")


@contextmanager
def ordinary_threads() -> Iterator[None]:
    """Restore the scheduling policies of this process's threads when the block ends.

    Where it is allowed to (as root, as in most containers), SVT-AV1 puts itself and the thread that
    opens it under SCHED_FIFO at priority 99: until the process ends, nothing else gets those cores.
    Linux only; elsewhere nothing is done.
    """
    before = _policies()
    try:
        yield
    finally:
        for thread, policy in _policies().items():
            wanted = before.get(thread, os.SCHED_OTHER)
            if policy != wanted:
                with suppress(OSError):  # it has ended
                    os.sched_setscheduler(thread, wanted, os.sched_param(0))


def _policies() -> dict[int, int]:
    """Thread -> its policy."""
    found = {}
    with suppress(OSError, AttributeError):
        for task in _THREADS.iterdir():
            with suppress(OSError):
                found[int(task.name)] = os.sched_getscheduler(int(task.name))
    return found
