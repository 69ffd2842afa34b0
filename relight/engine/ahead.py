"""A stream computed ahead in a thread of its own, with a bounded queue.

Decoding, the model's work and encoding overlap in this way, so that none waits for the others.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from typing import TypeVar

Item = TypeVar("Item")
_END = object()


def ahead(items: Iterable[Item], size: int = 4) -> Generator[Item, None, None]:
    """The same items, of which up to `size` are made before they are asked for.

    An exception of the stream is raised where the items are used. Leaving the loop early stops the
    thread, and closes the stream.

    >>> list(ahead(range(3)))
    [0, 1, 2]
    """
    ready: queue.Queue = queue.Queue(size)
    stop = threading.Event()
    thread = threading.Thread(target=_fill, args=(items, ready, stop), daemon=True)
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if error is not None:
                raise error
            if item is _END:
                return
            yield item
    finally:
        stop.set()
        while thread.is_alive():  # it may be waiting for room
            while not ready.empty():
                ready.get_nowait()
            thread.join(0.02)


def _fill(items: Iterable[Item], ready: queue.Queue, stop: threading.Event) -> None:
    stream = iter(items)
    try:
        for item in stream:
            ready.put((item, None))
            if stop.is_set():
                break
        ready.put((_END, None))
    except BaseException as error:
        ready.put((_END, error))
    finally:
        close = getattr(stream, "close", None)
        if close is not None:
            close()
