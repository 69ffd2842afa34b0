"""The contract of what is computed for a job, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np

from relight.engine.chunks import Chunk
from relight.media import Frame


class Step(Protocol):
    """What is computed, chunk by chunk, for those that come after it.

    One without a model, which may be computed in any thread, has `beside`: how many of its chunks
    are computed at once, beside other steps, at most; and `needs`: the names of the stages that it
    needs, all those before it unless it says so (see `relight.engine.lanes`).
    """

    @property
    def chunks(self) -> tuple[Chunk, ...]: ...

    def compute(
        self,
        chunk: Chunk,
        on_step: Callable[[], None] | None = None,
        show: Callable[[Callable[[], np.ndarray]], None] | None = None,
    ) -> dict[str, np.ndarray]:
        """Compute what is stored of a chunk.

        Args:
            on_step: called after each step. show: given what there is to see meanwhile.
        """
        ...


class Workflow(Step, Protocol):
    """The last step: what it has computed is the result."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the result."""
        ...

    def frames(
        self, load: Callable[[str], dict[str, np.ndarray]], first: int = 0
    ) -> Iterator[Frame]:
        """The result from frame `first` on; `load` gives what was stored of a chunk."""
        ...


Workflows = tuple[*tuple[Step, ...], Workflow]
"""The steps of a job, each of which needs the chunks of those before it, or of some of them (see
`Step`); the last one is the result."""
