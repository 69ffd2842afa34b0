"""What a batch would do, take and need: `relight batch --dry-run`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from relight.engine.batch.records import Records, key_of
from relight.engine.batch.rows import OWN, Row
from relight.engine.failures import explain
from relight.engine.space import free_space


def describe_all(rows: Sequence[Row], folder: Path) -> Iterator[str]:
    """The plan of each row in lines for people, then that of all together."""
    from relight.engine import estimates
    from relight.engine.plan import plan
    from relight.engine.plan_text import duration, lines_of, size

    records, known = Records(folder / OWN), estimates.known()
    counts = {"to do": 0, "done": 0, "failing": 0}
    seconds, disk, memory, unknown = 0.0, 0, 0, False
    started: set[object] = set()
    for row in rows:
        try:
            job = row.job(folder)
            if records.done(key_of(job, row.kind), row.target, job.output):
                counts["done"] += 1
                yield f"{row.source}: done already"
                continue
            owned = job.overwrite or records.owns(row.target, job.output)
            found = plan(job.model_copy(update={"overwrite": owned}), new_folder=True)
        except Exception as error:
            counts["failing"] += 1
            yield f"{row.source}: would fail: {explain(error)}"
            continue
        counts["to do"] += 1
        yield from lines_of(found, known)
        takes = found.seconds(known, started=found.named in started)
        started.add(found.named)  # a worker keeps its model
        unknown |= takes is None
        seconds += takes or 0.0
        disk = max(disk, found.disk_bytes)
        memory = max(memory, found.memory_bytes(known))
    yield ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    if counts["to do"]:
        more = " and what no run has been timed of" if unknown else ""
        yield f"  time: about {duration(seconds)} on one worker{more}"
        free = size(free_space(folder))
        yield f"  disk: up to {size(disk)} at a time for each worker, {free} free"
        yield f"  memory: about {size(memory)} for each worker"
