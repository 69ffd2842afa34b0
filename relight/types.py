"""Small types that several packages share. Imports nothing heavy: jobs and lights use it too."""

from __future__ import annotations

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
