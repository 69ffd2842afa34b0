"""Source frames by their index: read in order where possible, else from the nearest key frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from relight import media
from relight.errors import MediaError
from relight.media import Frame, Reading


class FrameSource(Protocol):
    """Frames of a clip by index."""

    def read(self, first: int, last: int) -> list[Frame]:
        """Frames `first` to `last` (not included)."""
        ...


class Source:
    """The frames of a file.

    Args:
        path: the file. times: of its frames, as a survey found them. how: it is read.
    """

    def __init__(self, path: Path, times: Sequence[Fraction], how: Reading = Reading()) -> None:  # noqa: B008 - frozen
        self.path, self.times, self.how = path, times, how

    def open(
        self, first: int = 0, last: int | None = None, *, planar: bool = False
    ) -> Iterator[Frame]:
        """Stream frames `first` to `last`; planar: see `media.read`."""
        last = len(self.times) if last is None else last
        if first >= last:
            return iter(())
        # A decoder that starts in the middle is asked for the exact time it was found at.
        start, count = float(self.times[first]), last - first
        # The survey has noted all there is to say.
        stream = media.read(
            self.path,
            start=start,
            frames=count,
            how=self.how,
            planar=planar,
            on_note=lambda note: None,
        )
        return self._all(stream, count)

    def _all(self, stream: Iterator[Frame], count: int) -> Iterator[Frame]:
        """As many frames as the survey has found; MediaError if the file has fewer now."""
        found = 0
        for frame in stream:
            found += 1
            yield frame
        if found < count:
            raise MediaError(
                f"{self.path} has lost frames during the run, {found} of {count} were there: run "
                "the same command again once it is complete"
            )


class Buffered:
    """`FrameSource` over streams: consecutive, overlapping requests decode each frame once.

    Args:
        open: (first) -> a stream of the frames from index `first` on.
    """

    def __init__(self, open: Callable[[int], Iterator[Frame]]) -> None:
        self._open = open
        self._stream: Iterator[Frame] | None = None
        self._held: list[Frame] = []
        self._begin = 0  # index of the first frame held

    def read(self, first: int, last: int) -> list[Frame]:
        """Frames `first` to `last` (not included); they are held until the next request."""
        end = self._begin + len(self._held)
        if self._stream is None or not self._begin <= first <= end:
            self._stream, self._held = self._open(first), []
            self._begin = end = first
        self._held = self._held[first - self._begin :]
        self._begin = first
        for _ in range(last - end):
            self._held.append(next(self._stream))
        return self._held[: last - first]
