"""A first pass over a clip: when each frame is shown, and which small frames a model is to see.

A file's header is never trusted: how many frames there are, and when, is known only when they have
been decoded once. From then on each frame has an index, and chunks can be cut. Torch-free.
"""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol, TypeVar, overload

import cv2
import numpy as np

from relight.diffusion.memory import trim
from relight.engine.keyframes import LIKE, THUMB
from relight.engine.pairs import Pairs
from relight.engine.stored import decoded, encoded
from relight.engine.work import Work
from relight.media import Moment

BLOCK = 16
"""Small frames stored in one file."""
DECODED = 24 * 2**20
"""Bytes of small frames that are kept as they are looked at, by one step after the other."""
FILE = "survey"
BLACK, FLAT = 4, 3
"""Codes up to which a thumbnail counts as black, and by which one may differ within itself: what
video codecs make of an even area."""

Scale = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Survey:
    """What a clip holds.

    Attributes:
        times: of every frame of the job, in seconds from the file's first frame, rising.
        seen: indices of the frames that a model sees, rising; small copies of them are stored.
        thumbs: thumbnails of those, (seen, THUMB, THUMB, 3) uint8; none where no copies are stored.
    """

    times: tuple[Fraction, ...]
    seen: tuple[int, ...]
    thumbs: np.ndarray

    def save(self, work: Work) -> None:
        pairs = np.array([(t.numerator, t.denominator) for t in self.times], np.int64)
        seen = np.array(self.seen, np.int64)
        work.save(FILE, {"times": pairs, "seen": seen, "thumbs": self.thumbs})

    @classmethod
    def load(cls, work: Work) -> Survey | None:
        """The survey of an earlier run, None if there is none."""
        if not work.has(FILE):
            return None
        stored = work.load(FILE)
        times = tuple(Fraction(int(a), int(b)) for a, b in stored["times"])
        return cls(times, tuple(int(i) for i in stored["seen"]), stored["thumbs"])


class Timed(Protocol):
    """What is shown at a time: a frame, or a moment of which one can be made."""

    @property
    def time(self) -> Fraction: ...


Shown = TypeVar("Shown", bound=Timed)


class Unlike:
    """Tells which frames look unlike the last one that a model sees: a shot may be shorter than
    the time between two of those, and would be lit as its neighbours are."""

    def __init__(self) -> None:
        self._last: np.ndarray | None = None

    def __call__(self, moment: Moment, due: bool) -> bool:
        """Whether a frame is seen, which it is anyway if it is `due`."""
        now = moment.glance()
        if not due and now is not None and self._last is not None:
            due = float(np.abs(now - self._last).mean()) > LIKE
        if due:
            self._last = now
        return due


def sparse(
    frames: Iterable[Shown], fps: float | None, seen: Callable[[Shown, bool], bool] | None = None
) -> Iterator[tuple[int, Shown]]:
    """(index, frame) of those a model sees: `fps` a second (None: all), always the first and the
    last, and of those between what `seen` says."""
    step = Fraction(0) if fps is None else 1 / Fraction(fps)
    due, index, last, taken = Fraction(0), -1, None, True
    for index, last in enumerate(frames):
        taken = last.time >= due
        if taken:
            # On the grid where there is one, so that 8 of 30 a second don't drift into 7.5.
            due = max(due + step, last.time + step / 2)
        if seen is not None:
            taken = seen(last, taken)
        if taken:
            yield index, last
    if last is not None and not taken:
        yield index, last


def survey(
    moments: Iterable[Moment],
    work: Work,
    *,
    fps: float | None,
    scale: Scale | None,
    pairs: bool = False,
    on_frame: Callable[[], None] = lambda: None,
) -> Survey:
    """Look at every frame once; store small copies of those that a model sees.

    Args:
        moments: of the job, in order; frames are made of those that are looked at.
        fps: how many a second are seen, and what looks unlike them; None: all.
        scale: (h, w, 3) uint8 -> the small copy; None stores none.
        pairs: keep some neighbours at nearly their own size, too, see `Pairs`.
        on_frame: called after each frame; may raise to stop.
    """
    times: list[Fraction] = []

    def noted() -> Iterator[Moment]:
        for moment in moments:
            times.append(moment.time)
            yield moment
            on_frame()

    seen: list[int] = []
    thumbs: list[np.ndarray] = []
    block: list[np.ndarray] = []
    kept = Pairs() if pairs else None
    for index, moment in sparse(noted(), fps, None if fps is None else Unlike()):
        frame = functools.cache(moment.frame)  # both may want it, or neither
        if kept is not None:
            kept.add(len(seen), frame)
        seen.append(index)
        if scale is not None:
            block.append(scale(frame().image))
            size = (THUMB, THUMB)
            thumbs.append(cv2.resize(block[-1], size, interpolation=cv2.INTER_AREA))
            if len(block) == BLOCK:
                _save_block(work, len(seen) // BLOCK - 1, block)
                block = []
    if block:
        _save_block(work, (len(seen) - 1) // BLOCK, block)
    if kept is not None:
        kept.save(work)
    shape = (len(thumbs), THUMB, THUMB, 3)
    found = Survey(tuple(times), tuple(seen), np.array(thumbs, np.uint8).reshape(shape))
    found.save(work)
    return found


def plain(thumbs: np.ndarray) -> str | None:
    """ "black" or "flat" if thumbnails show nothing that light could fall on, else None.

    >>> plain(np.zeros((2, 4, 4, 3), np.uint8)), plain(np.full((2, 4, 4, 3), 255, np.uint8))
    ('black', 'flat')
    """
    if thumbs.size == 0:
        return None
    values = thumbs.astype(np.float32)
    if values.max() <= BLACK:
        return "black"
    across = values - values.mean((1, 2), keepdims=True)
    return "flat" if np.abs(across).max() <= FLAT else None


class SmallFrames(Sequence[np.ndarray]):
    """The small frames that a survey stored, by their number among those seen.

    Args:
        change: what is made of each once it is read.
    """

    def __init__(
        self,
        work: Work,
        count: int = 0,
        change: Callable[[np.ndarray], np.ndarray] = lambda frame: frame,
    ) -> None:
        self._work, self._count, self._change = work, count, change
        self._blocks: OrderedDict[int, dict[str, np.ndarray]] = OrderedDict()
        self._decoded: OrderedDict[int, np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, number: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, number: slice) -> list[np.ndarray]: ...
    def __getitem__(self, number: int | slice) -> np.ndarray | list[np.ndarray]:
        """(h, w, 3) uint8, or several of them; not to be changed, as others get the same."""
        if isinstance(number, slice):
            return [self[one] for one in range(*number.indices(len(self)))]
        with self._lock:
            if number in self._decoded:
                self._decoded.move_to_end(number)
                return self._decoded[number]
        frame = self._change(decoded(self._block(number // BLOCK)[f"{number % BLOCK:02d}"]))
        with self._lock:
            self._decoded[number] = frame
            while len(self._decoded) > max(DECODED // frame.nbytes, 1):
                self._decoded.popitem(last=False)
        return frame

    @functools.cached_property
    def size(self) -> tuple[int, int]:
        """(height, width) of each."""
        return self[0].shape[0], self[0].shape[1]

    def _block(self, index: int) -> dict[str, np.ndarray]:
        with self._lock:  # the model and the writer look at frames at the same time
            if index not in self._blocks:
                self._blocks[index] = self._work.load(f"small-{index:05d}")
                while len(self._blocks) > 3:
                    self._blocks.popitem(last=False)
            self._blocks.move_to_end(index)
            return self._blocks[index]

    def stack(self, first: int, last: int) -> np.ndarray:
        """(last - first, h, w, 3) uint8."""
        return np.stack([self[number] for number in range(first, last)])


def _save_block(work: Work, index: int, images: list[np.ndarray]) -> None:
    work.save(f"small-{index:05d}", {f"{i:02d}": encoded(x) for i, x in enumerate(images)})
    trim()
