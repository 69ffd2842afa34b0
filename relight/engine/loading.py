"""Models that many jobs share: the last of each kind is kept, and given up before another."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from relight.jobs import Compute, Job, RelightJob

if TYPE_CHECKING:
    from relight.engine.resolve import Loaders


class Kept:
    """A loader that keeps what it has loaded last, for the next job that asks for the same.

    Args:
        name: of a function of `relight.models.loader`.
        on_load: called with each model that is loaded.
    """

    def __init__(self, name: str, on_load: Callable[[Any], None] = lambda model: None) -> None:
        self._name, self._on_load = name, on_load
        self._asked: object = None
        self._model: Any = None

    def __call__(self, name: str, compute: Compute, **which: bool) -> Any:
        asked = name, compute, which
        if self._model is None or asked != self._asked or self._spoiled():
            self.forget()  # first: two large models don't fit beside each other
            load = getattr(import_module("relight.models.loader"), self._name)
            self._model, self._asked = load(name, compute, **which), asked
            self._on_load(self._model)
        return self._model

    def _spoiled(self) -> bool:
        """Whether its weights were narrowed to make a job fit into memory."""
        wanted = self._model.compute.dtype
        return any(str(pipe.dtype) != f"torch.{wanted}" for pipe in self._model.pipes)

    def forget(self) -> None:
        """Give the model up."""
        if self._model is not None:
            from relight.engine.guard import free

            self._model = self._asked = None
            free()  # now: hooks that fetch its weights refer to it in circles


class Runner:
    """Runs jobs of any kind, with their models loaded once."""

    def __init__(self, on_load: Callable[[Any], None] = lambda model: None) -> None:
        self._relighting = Kept("load_model", on_load)
        self._upscaling = Kept("load_upscaler", on_load)

    def __call__(self, job: Job, **given: Any) -> Any:
        """Run a job; arguments, result and errors as of `relight.engine.run.run`."""
        from relight.engine.run import run

        if isinstance(job, RelightJob) and job.upscale is None:
            self._upscaling.forget()
        return run(job, loaders=lambda: self.loaders, **given)

    @property
    def loaders(self) -> Loaders:
        """What loads the models, for who runs a part of a job only."""
        from relight.engine.resolve import Loaders

        return Loaders(relighting=self._relighting, upscaling=self._upscaling)

    def forget(self) -> None:
        """Give all models up."""
        self._relighting.forget()
        self._upscaling.forget()
