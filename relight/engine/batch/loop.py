"""The loop of a batch: rows to workers, failures again, everything reported."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from relight import signals
from relight.engine.batch.pools import Pool, Task
from relight.engine.batch.report import Event
from relight.engine.batch.rows import Row
from relight.engine.batch.work import Answer
from relight.errors import Cancelled

LOOK_S = 0.2
"""Seconds between two looks at the workers."""


@dataclass(kw_only=True)
class Batch:
    """A batch under way.

    Attributes:
        retries: attempts after the first that a row has. on_event: called with all that happens.
    """

    retries: int
    on_event: Callable[[Event], None]
    events: list[Event] = field(default_factory=list)

    def run(self, rows: Sequence[Row], pool: Pool, together: int = 0) -> None:
        """Do all rows; a failure doesn't stop the rest. An interruption is raised, once reported.

        Args:
            together: the first so many rows are each done by all workers.

        Raises:
            Cancelled: it was interrupted.
        """
        for row in rows[:together]:
            self._together(row, pool)
        waiting, running = deque(Task(row) for row in rows[together:]), dict[int, Task]()
        try:
            while waiting or running:
                signals.check()
                while waiting and pool.free:
                    task = waiting.popleft()
                    running[id(task)] = task
                    pool.start(task)
                for task, answer in pool.wait(LOOK_S):
                    running.pop(id(task), None)
                    again = self._ended(task, answer)
                    if again is not None:
                        waiting.append(again)  # after the others: what is wrong may pass
        except BaseException as error:
            for task in running.values():
                self.tell(task, "interrupted", Answer(status="interrupted"))
            if isinstance(error, KeyboardInterrupt):
                raise Cancelled("interrupted") from None
            raise

    def _together(self, row: Row, pool: Pool) -> None:
        task: Task | None = Task(row)
        while task is not None:
            task = self._ended(task, pool.spread(row))

    def _ended(self, task: Task, answer: Answer) -> Task | None:
        """Report how a task has ended; the next attempt, if there is to be one."""
        if answer.status == "interrupted":
            self.tell(task, "interrupted", answer)
            raise Cancelled("interrupted")
        if answer.status == "failed" and answer.again and task.attempt <= self.retries:
            self.tell(task, "retrying", answer)
            return Task(task.row, task.attempt + 1)
        self.tell(task, answer.status, answer)
        return None

    def tell(self, task: Task, status: str, answer: Answer) -> None:
        """Keep an event and pass it on."""
        event = Event(row=task.row, attempt=task.attempt, status=status, answer=answer)
        self.events.append(event)
        self.on_event(event)

    @property
    def failed(self) -> int:
        """How many rows have failed for good."""
        return sum(event.status == "failed" for event in self.events)
