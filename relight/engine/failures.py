"""The one place that turns an exception of a run into a message and an exit code."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from relight import signals
from relight.errors import Cancelled, InputError, MediaError, OutOfMemory, RelightError

if TYPE_CHECKING:
    from relight.engine.output import Result

log = logging.getLogger(__name__)

FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130
NO_MEMORY = (
    "can't allocate memory",
    "cannot allocate memory",
    "not enough memory",
    "insufficient memory",
    "out of memory",
    "bad_alloc",
    "can't start new thread",
    "failed to map segment",
)
"""How libraries say that memory is used up; a limit on it also keeps threads from being started,
and libraries from being loaded."""
LONGEST = 400
"""Characters of a message at most."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run ended.

    Attributes:
        result: what it made, None if it failed. error: why it failed, fit to be shown.
    """

    result: Result | None = None
    error: RelightError | None = None

    @property
    def exit_code(self) -> int:
        """0 done, 1 failed, 2 wrong usage, 130 interrupted."""
        if self.error is None:
            return 0
        if isinstance(self.error, Cancelled):
            return INTERRUPTED
        return WRONG_USAGE if isinstance(self.error, InputError) else FAILED

    @property
    def message(self) -> str:
        """One line; empty if nothing failed."""
        return "" if self.error is None else _line(str(self.error))


def run_safely(work: Callable[[], Result | None]) -> Outcome:
    """Run a job, whatever happens.

    >>> def fail():
    ...     raise ValueError("3 is no size")
    >>> run_safely(fail).message
    'unexpected ValueError: 3 is no size; --verbose shows where'
    """
    try:
        return Outcome(result=work())
    except BaseException as error:
        if isinstance(error, GeneratorExit | SystemExit):
            raise
        log.info("the run failed", exc_info=True)
        return Outcome(error=explain(_interruption() or error))


def _interruption() -> KeyboardInterrupt | None:
    """That of a signal that came: what it met in a library may have become an error of its own."""
    try:
        signals.check()
    except KeyboardInterrupt as interruption:
        return interruption
    return None


def explain(error: BaseException) -> RelightError:
    """An exception as an error that is fit to be shown.

    >>> type(explain(KeyboardInterrupt())).__name__
    'Cancelled'
    """
    if isinstance(error, RelightError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return Cancelled("interrupted: the output was not written")
    if is_out_of_memory(error):
        return OutOfMemory(
            "out of memory: use a smaller --side, --tile or --scale, --memory low, or fewer "
            "frames; a container or ulimit -v may allow less than the machine has"
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return MediaError("the disk is full: free some space, then run the same command again")
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        return InputError(f"a name is too long for this disk: shorten it ({error.filename})")
    return RelightError(
        f"unexpected {type(error).__name__}: {_line(str(error))}; --verbose shows where"
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory is used up: Python's, PyTorch's, OpenCV's, or the
    system's.

    >>> is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory"))
    True
    """
    # By name: the kinds of several versions of PyTorch, without importing it.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    known = isinstance(error, RuntimeError | SystemError | ImportError)
    said = str(error).lower()
    from_library = known or type(error).__module__ == "cv2"
    return from_library and any(words in said for words in NO_MEMORY)


def _line(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
