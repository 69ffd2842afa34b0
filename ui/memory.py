"""What is kept in memory between runs, and how it is given back."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import Any


class LastModel:
    """Loads models, remembers the last one, and frees it before another one is loaded."""

    def __init__(self) -> None:
        self._loaded: tuple[Any, Any] | None = None

    def keep(self, load: Callable[..., Any]) -> Callable[..., Any]:
        """`load` that remembers."""

        def kept(*wanted: Any, **named: Any) -> Any:
            key = (load, wanted, named)
            if self._loaded is None or self._loaded[0] != key:
                self._loaded = None
                free_memory()
                self._loaded = (key, load(*wanted, **named))
            return self._loaded[1]

        return kept


def free_memory() -> None:
    """Give back what a finished or stopped run has left behind, on the GPU too."""
    gc.collect()
    torch = sys.modules.get("torch")  # not loaded only to free nothing
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
