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
    """Work of one kind.

    Attributes:
        total, done: how much there is, and is done. cost: seconds that one is thought to take.
        first: what the first of this run took; what a model does at first takes it longer.
        seconds, timed: what some of those after it took, and how many these are.
    """

    total: float
    cost: float
    done: float = 0.0
    first: float | None = None
    seconds: float = 0.0
    timed: float = 0.0

    def took(self, seconds: float, count: float) -> None:
        """`count` of them took so long, and, but for the first, so will those to come."""
        if self.first is None:
            self.first = seconds
            return
        self.seconds += seconds
        self.timed += count
        if self.timed:
            self.cost = self.seconds / self.timed

    @property
    def lost(self) -> float:
        """Seconds that the first took longer than the others."""
        return max((self.first or 0.0) - self.cost, 0.0) if self.timed else 0.0


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
    _before: Mapping[str, float] | None = None
    _told: tuple[float, float] = (-1.0, 0.0)

    def add(self, kind: str, count: float = 1, seconds: float | None = None) -> None:
        """`count` units more are done.

        Args:
            seconds: that they took, for those to come to be thought to take as long.
        """
        units = self.units[kind]
        units.done += count
        if seconds is not None:
            units.took(seconds, count)
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
        left = whole - self._done()
        now = 1 - left / whole if whole else 0.0
        if self._before is None:
            self._before = {kind: units.done for kind, units in self.units.items()}
        self._fraction = max(self._fraction, now)
        if self.report is not None:
            self.report(
                Progress(
                    stage=self.stage,
                    fraction=self._fraction,
                    seconds_left=self._left(whole, left),
                    preview=self.preview,
                )
            )

    def _done(self, before: Mapping[str, float] | None = None) -> float:
        """Seconds that what is done was thought to take, or what was done at an earlier time."""
        found = 0.0
        for kind, units in self.units.items():
            done = units.done if before is None else before.get(kind, 0.0)
            found += min(done, units.total) * units.cost
        return found

    def _left(self, whole: float, left: float) -> float | None:
        """As long as the work so far has taken, in proportion, but for what is lost at first. While
        a long step tells nothing that runs down; once it is overdue, it may take as long again as
        it has."""
        fresh = whole - left - self._done(self._before)
        if fresh < SETTLED * whole or not fresh:
            return None
        now = time.perf_counter()
        if left != self._told[0]:
            self._told = left, now
        since = now - self._told[1]
        lost = sum(units.lost for units in self.units.values())
        found = (self._told[1] - self.begun - lost) * left / fresh
        return max(found - since, since) if left else 0.0


@contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Add the time of the block to a stage."""
    begun = time.perf_counter()
    yield
    seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - begun
