"""Many frames at once: a thread for each, and one thread inside each.

PyTorch shares out every operation among its threads. On the small pictures that light is found on
that costs more than it brings: beside other work on the same processors, ten times as much. Here
frames are shared out instead, as what OpenCV and PyTorch do leaves Python free meanwhile.
"""

from __future__ import annotations

import functools
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

MOST = 8
"""Threads for frames at most: what is done to a frame holds Python for a part of its time, and with
twice as many, a run on a GPU's sixteen processors took longer."""
Item = TypeVar("Item")
Result = TypeVar("Result")


class _Here(threading.local):
    """What is known of a thread. frames: its threads for frames, while PyTorch has one."""

    frames: int | None = None


_here = _Here()


def threads() -> int:
    """How many there are for frames: PyTorch's number, but no more than processors to run on, nor
    than `MOST`.

    >>> threads() >= 1
    True
    """
    if _here.frames is not None:
        return _here.frames
    if hasattr(os, "sched_getaffinity"):
        return max(1, min(torch.get_num_threads(), len(os.sched_getaffinity(0)), MOST))
    return min(torch.get_num_threads(), MOST)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let PyTorch use one thread for each operation, in this thread; `spread` uses the others.

    >>> before = torch.get_num_threads()
    >>> with one_thread():
    ...     torch.get_num_threads()
    1
    >>> torch.get_num_threads() == before
    True
    """
    earlier, count, before = _here.frames, threads(), torch.get_num_threads()
    _here.frames = count
    _only_one()
    try:
        yield
    finally:
        _here.frames = earlier
        torch.set_num_threads(before)


def spread(
    function: Callable[[Item], Result], items: Iterable[Item], most: int | None = None
) -> Iterator[Result]:
    """`map(function, items)`, in order, with a thread for each item.

    Args:
        function: must not depend on the order it is called in, nor wait for other work, whose
            threads it holds. Where there is one thread, or from within another `spread`, it is
            called in turn.
        items: taken in the calling thread, where they may be waited for, no more of them ahead
            than `most`.
        most: items under way at once; default, and at most, one a thread.

    >>> list(spread(len, ["a", "bcd"]))
    [1, 3]
    """
    count = threads()
    most = min(count, most or count)
    if most == 1:
        yield from map(function, items)
        return
    pool, waiting = _pool(count), deque[Future[Result]]()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for one in waiting:
            one.cancel()


@functools.lru_cache(maxsize=1)
def _pool(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, thread_name_prefix="frames", initializer=_begin)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # whose threads did not come along


def _begin() -> None:
    _here.frames = 1
    _only_one()


def _only_one() -> None:
    """One thread for this thread alone: new ones take over what was set last, by any."""
    before = torch.get_num_threads()  # settled when it is first asked for, for each thread
    torch.set_num_threads(1)
    other = threading.Thread(target=torch.set_num_threads, args=(before,))
    other.start()
    other.join()
