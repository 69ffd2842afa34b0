"""Who computes: a small run while a large one pauses.

Models can't be built in two threads at once: transformers and diffusers do it by switching all of
PyTorch's modules over. And two computations on the same cores slow each other. So a large run
pauses where it reports its progress, and continues when the small ones are done.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """Turns of one thread for large runs and one for small ones.

    >>> turns = Turns()
    >>> with turns.large():
    ...     turns.pause()  # goes on at once where no small run waits
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._small = self._large = False

    @contextmanager
    def large(self) -> Iterator[None]:
        """Compute a large run; begins when no small one is computed."""
        self._take()
        try:
            yield
        finally:
            self._give()

    @contextmanager
    def small(self) -> Iterator[None]:
        """Compute a small run, from the next pause of the large one on."""
        with self._changed:
            self._small = True
            self._changed.wait_for(lambda: not self._large)
        try:
            yield
        finally:
            with self._changed:
                self._small = False
                self._changed.notify_all()

    def pause(self) -> None:
        """Called by the thread of a large run, where it may rest: lets small ones go first."""
        if self._small:
            self._give()
            self._take()

    def _take(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._small)
            self._large = True

    def _give(self) -> None:
        with self._changed:
            self._large = False
            self._changed.notify_all()
