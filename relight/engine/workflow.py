"""The contract of what is computed for a job, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np

from relight.engine.chunks import Chunk
from relight.media import Frame


class Workflow(Protocol):
    """What is computed for a job, chunk by chunk."""

    @property
    def chunks(self) -> tuple[Chunk, ...]: ...

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the result."""
        ...

    def compute(
        self,
        chunk: Chunk,
        on_step: Callable[[], None] | None = None,
        show: Callable[[Callable[[], np.ndarray]], None] | None = None,
    ) -> dict[str, np.ndarray]:
        """What is stored of a chunk; told its steps, and what there is to see meanwhile."""
        ...

    def frames(
        self, load: Callable[[str], dict[str, np.ndarray]], first: int = 0
    ) -> Iterator[Frame]:
        """The result from frame `first` on; `load` gives what was stored of a chunk."""
        ...
