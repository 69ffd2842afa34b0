"""Chunks: the parts of a run that are computed by themselves, on any device, and in any order
that puts each behind the one it comes after.

A long clip is cut into overlapping windows (the idea of temporal co-denoising, MultiDiffusion
arXiv:2302.08113 along time, applied to results): a value in an overlap moves linearly from the
older window's to the newer one's. Torch-free.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

Stored = TypeVar("Stored")
HELD = 3
"""Chunks kept in memory while they are joined: of a last window that was moved back, three meet."""


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Frames `first` to `last` (not included) of a stage.

    Attributes:
        stage: name of the stage. index: its place in it.
        head, tail: frames it shares with the chunk before and after.
        passes: denoiser passes it takes, or other units of work.
        megapixels: that one denoiser pass works on, of all its frames; 0 for other work.
        after: name of a chunk of the same stage that must be stored before this one is computed.
    """

    stage: str
    index: int
    first: int
    last: int
    head: int = 0
    tail: int = 0
    passes: int = 0
    megapixels: float = 0.0
    after: str | None = None

    @property
    def cost(self) -> float:
        """Megapixels that are denoised in all its passes: its time is proportional to it."""
        return self.passes * self.megapixels

    @property
    def name(self) -> str:
        return f"{self.stage}-{self.index:05d}"

    def __len__(self) -> int:
        return self.last - self.first


def ready(waiting: Sequence[Chunk], running: Iterable[Chunk]) -> list[Chunk]:
    """Those of the waiting chunks that can be computed now: all but the ones that come after
    another that is waiting or running.

    >>> first = Chunk(stage="carry", index=0, first=0, last=2)
    >>> second = Chunk(stage="carry", index=1, first=2, last=4, after=first.name)
    >>> [c.name for c in ready([second, first], [])], [c.name for c in ready([second], [])]
    (['carry-00000'], ['carry-00001'])
    """
    missing = {chunk.name for chunk in (*waiting, *running)}
    return [chunk for chunk in waiting if chunk.after not in missing]


def passes_of(chunks: Iterable[Chunk]) -> dict[str, int]:
    """How many passes each stage has in some chunks.

    >>> passes_of([Chunk(stage="key", index=i, first=0, last=2, passes=3) for i in (0, 1)])
    {'key': 6}
    """
    found: dict[str, int] = {}
    for chunk in chunks:
        found[chunk.stage] = found.get(chunk.stage, 0) + chunk.passes
    return found


def windows(
    count: int, length: int, overlap: int, *, stage: str = "window", passes: int = 0
) -> tuple[Chunk, ...]:
    """Cut `count` frames into windows of `length` of which `overlap` are shared.

    The last window is moved back rather than cut short (a model is at its best at its own length),
    so its overlap may be larger. Fewer frames than `length` are one short window.

    >>> [(c.first, c.last, c.head, c.tail) for c in windows(10, 4, 1)]
    [(0, 4, 0, 1), (3, 7, 1, 1), (6, 10, 1, 0)]
    >>> [(c.first, c.last) for c in windows(9, 4, 1)]
    [(0, 4), (3, 7), (5, 9)]
    """
    if not 0 <= overlap < length:
        raise ValueError(f"overlap is from 0 to {length - 1}, not {overlap}")
    if count <= length:
        spans = [(0, count)] if count else []
    else:
        starts = [*range(0, count - length, length - overlap), count - length]
        spans = [(start, start + length) for start in starts]
    return _chunks(spans, stage, passes)


def pieces(count: int, length: int, *, stage: str, passes: int = 0) -> tuple[Chunk, ...]:
    """Cut `count` frames into pieces of `length` that share nothing, the last as long as it comes.

    Args:
        passes: of a piece; 0: as many as it has frames.

    >>> [(c.first, c.last, c.passes) for c in pieces(5, 2, stage="form")]
    [(0, 2, 2), (2, 4, 2), (4, 5, 1)]
    """
    ends = [min(first + length, count) for first in range(0, count, length)]
    return tuple(
        Chunk(
            stage=stage,
            index=index,
            first=index * length,
            last=last,
            passes=passes or last - index * length,
        )
        for index, last in enumerate(ends)
    )


def _chunks(spans: Sequence[tuple[int, int]], stage: str, passes: int) -> tuple[Chunk, ...]:
    ends = [0, *(last for _, last in spans)]
    begins = [*(first for first, _ in spans[1:]), ends[-1]]
    return tuple(
        Chunk(
            stage=stage,
            index=index,
            first=first,
            last=last,
            head=max(ends[index] - first, 0),
            tail=max(last - begins[index], 0),
            passes=passes,
        )
        for index, (first, last) in enumerate(spans)
    )


def joined(
    chunks: Sequence[Chunk],
    load: Callable[[Chunk], Stored],
    value: Callable[[Stored, int], np.ndarray],
    begin: int = 0,
) -> Iterator[np.ndarray]:
    """Join what overlapping windows made into one stream, in constant memory.

    Args:
        chunks: of one stage, in order. load: what was stored of one, called in order.
        value: (stored, frame of the chunk) -> its float values.
        begin: index of the first frame wanted.

    Yields:
        one frame's values after the other, each exactly once.

    >>> parts = {0: np.zeros((6, 1)), 1: np.ones((6, 1))}
    >>> stream = joined(windows(9, 6, 3), lambda c: parts[c.index], lambda x, i: x[i])
    >>> [float(x[0]) for x in stream]
    [0.0, 0.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    """
    held: OrderedDict[int, Stored] = OrderedDict()

    def stored(index: int) -> Stored:
        if index not in held:
            held[index] = load(chunks[index])
            while len(held) > HELD:
                held.popitem(last=False)
        return held[index]

    def at(index: int, frame: int) -> np.ndarray:
        local, chunk = frame - chunks[index].first, chunks[index]
        if local >= chunk.head:
            return value(stored(index), local)
        old = at(index - 1, frame)
        return lerp(old, value(stored(index), local), (local + 1) / (chunk.head + 1))

    for index, chunk in enumerate(chunks):
        for frame in range(max(chunk.first, begin), chunk.last - chunk.tail):
            yield at(index, frame)


def lerp(a: np.ndarray, b: np.ndarray, weight: float) -> np.ndarray:
    """a at weight 0, b at 1, each exactly; `torch.lerp`'s formula.

    >>> lerp(np.array([2.0]), np.array([4.0]), 0.25)
    array([2.5])
    """
    step = b - a
    return a + np.float32(weight) * step if weight < 0.5 else b - step * np.float32(1 - weight)
