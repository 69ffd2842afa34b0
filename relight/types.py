"""Small types that several packages share. Imports nothing heavy: jobs and lights use it too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from torch import Tensor


NO_ARRAY: Any = None
"""Where OpenCV takes None for an array; its types don't say that it does."""


class Size(NamedTuple):
    """Height and width of a picture, in pixels unless a docstring says otherwise.

    Wherever a `Size` is taken, a plain (height, width) is taken too.

    >>> size = Size(480, 832)
    >>> size.width, size == (480, 832)
    (832, True)
    """

    height: int
    width: int


class Tile(NamedTuple):
    """A rectangle of a picture: rows `top` to `bottom`, columns `left` to `right`, ends excluded.

    >>> Tile(0, 8, 16, 40).size
    Size(height=16, width=32)
    """

    top: int
    left: int
    bottom: int
    right: int

    @property
    def rows(self) -> slice:
        return slice(self.top, self.bottom)

    @property
    def columns(self) -> slice:
        return slice(self.left, self.right)

    @property
    def size(self) -> Size:
        return Size(self.bottom - self.top, self.right - self.left)


class Band(NamedTuple):
    """Rows of a large picture that are made from rows of a small one; see `bands`.

    Attributes:
        near: rows of the small picture that are looked at. made: of what is made of those, the rows
            that are kept. rows: of the whole result, the same.
    """

    near: slice
    made: slice
    rows: slice


BAND_PIXELS = 512 * 1024
"""Of the small picture that a band looks at, where that leaves it three margins of its own."""


def bands(
    height: int, width: int, times: int, margin: int, length: int | None = None
) -> Iterator[Band]:
    """The bands in which a picture is made `times` as large, from top to bottom.

    What a large row depends on is near it, so memory is that of a band, and the result the same.

    Args:
        height, width: of the small picture.
        margin: rows of it that a large row depends on, on each side.
        length: rows of it that a band makes large; None: fewer for wide pictures.

    >>> [tuple(band) for band in bands(5, 8, 2, 1, length=3)]
    [(slice(0, 4, None), slice(0, 6, None), slice(0, 6, None)), \
(slice(2, 5, None), slice(2, 6, None), slice(6, 10, None))]
    """
    length = length or max(3 * margin, BAND_PIXELS // width - 2 * margin, 1)
    length = -(-height // -(-height // length))  # of about equal length
    for top in range(0, height, length):
        bottom = min(top + length, height)
        first = max(top - margin, 0)
        yield Band(
            near=slice(first, min(bottom + margin, height)),
            made=slice((top - first) * times, (bottom - first) * times),
            rows=slice(top * times, bottom * times),
        )


def whole_times(small: tuple[int, ...], large: tuple[int, ...]) -> int | None:
    """How many times larger a (height, width, ...) is, if that is a whole number for both sides.

    >>> whole_times((4, 6), (8, 12)), whole_times((4, 6), (6, 9)), whole_times((4, 6), (8, 18))
    (2, None, None)
    """
    times = large[0] // small[0]
    return times if (small[0] * times, small[1] * times) == tuple(large[:2]) else None


class Enlarge(Protocol):
    """A way to enlarge: (n, 3, h, w) in [0, 1] -> (n, 3, *size), about [0, 1], not clamped."""

    def __call__(self, image: Tensor, size: Size, /) -> Tensor: ...


class Edit(Protocol):
    """What is done to the predicted clean sample at a step of a sampler.

    It is called with (x0, step, timestep): x0 float32 in the latents' shape; the number of the
    step, from 0, in the current pass over the schedule; the scheduler's timestep. It returns the
    new x0, or None to leave the step exactly as it is. Step 0 begins a new pass (as each iteration
    of FreeInit does), so an edit that keeps something of a pass starts afresh there.
    """

    def __call__(self, x0: Tensor, step: int, timestep: Tensor, /) -> Tensor | None: ...
