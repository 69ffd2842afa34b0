"""Which clips of a batch are so long that all workers do them together, chunk by chunk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from relight import media
from relight.engine.batch.rows import Row
from relight.engine.prepare import frame_count
from relight.errors import RelightError

SHORTEST = 100
"""Frames of a clip that is worth spreading: fewer are a chunk or two."""


def split(rows: Sequence[Row], folder: Path, workers: int) -> tuple[list[Row], list[Row]]:
    """(rows to be spread, the others): a clip that is longer than a worker's even share of all.

    Args:
        folder: of the outputs.
    """
    if workers < 2:
        return [], list(rows)
    frames = [_frames(row, folder) for row in rows]
    share = sum(frames) / workers
    long = [count >= SHORTEST and count > share for count in frames]
    together = [row for row, alone in zip(rows, long, strict=True) if alone]
    return together, [row for row, alone in zip(rows, long, strict=True) if not alone]


def _frames(row: Row, folder: Path) -> int:
    try:
        job = row.job(folder)
        return frame_count(job, media.probe(job.input, job.reading))
    except RelightError:
        return 0  # it will fail, and say why, wherever it is run
