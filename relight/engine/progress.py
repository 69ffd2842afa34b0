"""How far a run is: work units done against those that its plan has, weighed by their cost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

SETTLED = 0.02
"""Part of the work after which the time left is worth telling."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a run stands: `fraction` of all the work in [0, 1], `seconds_left` once it is known.

    `preview` makes a picture of what there is so far, (h, w, 3) uint8; it costs little until it is
    called, which another thread may do.
    """

    stage: str
    fraction: float
    seconds_left: float | None
    preview: Callable[[], np.ndarray] | None = None


OnProgress = Callable[[Progress], None]
"""Called often, from the thread that runs the job; raise `relight.errors.Cancelled` to stop."""


@dataclass
class Units:
    """Work of one kind: how much there is and is done, and the seconds one unit is thought to
    take."""

    total: float
    cost: float
    done: float = 0.0


@dataclass
class Meter:
    """Counts the work of a run, from any thread; reports from the one that made it.

    The fraction never goes backwards, also when more work turns up than was planned.

    Attributes:
        units: kind of work -> its units. report: called with the progress.
        seconds: wall time by stage.
        preview: makes a picture of what there is so far. check: called before each report; raises
            to stop the run.
    """

    units: Mapping[str, Units]
    report: OnProgress | None
    seconds: dict[str, float]
    stage: str = "reading"
    preview: Callable[[], np.ndarray] | None = None
    check: Callable[[], None] = lambda: None
    begun: float = field(default_factory=time.perf_counter)
    _owner: int = field(default_factory=threading.get_ident)
    _fraction: float = 0.0
    _from: float | None = None
    _told: tuple[float, float] = (0.0, 0.0)

    def add(self, kind: str, count: float = 1) -> None:
        """`count` units more are done."""
        self.units[kind].done += count
        self.tell()

    def show(self, preview: Callable[[], np.ndarray]) -> None:
        """From now on, `preview` makes the picture of what there is so far."""
        self.preview = preview

    def tell(self) -> None:
        """Report, if this is the thread to do so."""
        if threading.get_ident() != self._owner:
            return
        self.check()
        whole = sum(units.total * units.cost for units in self.units.values())
        done = sum(min(units.done, units.total) * units.cost for units in self.units.values())
        now = min(done / whole, 1.0) if whole else 0.0
        if self._from is None:
            self._from = now
        self._fraction = max(self._fraction, now)
        if self.report is not None:
            self.report(
                Progress(
                    stage=self.stage,
                    fraction=self._fraction,
                    seconds_left=self._left(),
                    preview=self.preview,
                )
            )

    def _left(self) -> float | None:
        """As long as the work so far has taken, in proportion. While a long step tells nothing that
        runs down; once it is overdue, it may take as long again as it has."""
        fresh = self._fraction - (self._from or 0.0)
        if fresh < SETTLED:
            return None
        now = time.perf_counter()
        if self._fraction > self._told[0]:
            self._told = self._fraction, now
        since = now - self._told[1]
        left = (self._told[1] - self.begun) * (1 - self._fraction) / fresh
        return max(left - since, since) if left else 0.0


@contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Add the time of the block to a stage."""
    begun = time.perf_counter()
    yield
    seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - begun
