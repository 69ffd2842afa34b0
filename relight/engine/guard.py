"""Chunks are computed again, in another way, where the first didn't fit or gave no numbers.

Memory: fewer frames at a time, then tiles and slices, then half precision. Values that overflow:
float32. What has helped is kept for the chunks that follow, said in the notes, and undone at the
end, so that the next job of the same process finds the models as they were.
"""

from __future__ import annotations

import contextlib
import gc
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from relight.diffusion.memory import trim
from relight.engine.failures import is_out_of_memory
from relight.errors import ModelError, NotFinite, OutOfMemory

if TYPE_CHECKING:
    from relight.engine.chunks import Chunk
    from relight.engine.resolve import Models
    from relight.engine.workflow import Step

log = logging.getLogger(__name__)

TIGHTEST = 3
"""Ways to need less memory."""
UNTILED, SMALLEST_TILE = 512, 64
"""Pixels a tile has at first where there were none, and at least."""


class Guard:
    """Computes the chunks of a run.

    Args:
        flows: of the run. models: that they compute with.
        on_note: called with a line for people, each time something is changed.
        tight: how tight an earlier run of the same job had to become, 0 to `TIGHTEST`.
    """

    def __init__(
        self,
        flows: Sequence[Step],
        models: Models,
        on_note: Callable[[str], None] = lambda note: None,
        tight: int = 0,
    ) -> None:
        self._flows: list[Any] = list(flows)
        self._models, self._on_note = models, on_note
        self.tight = 0
        self._undo = contextlib.ExitStack()
        self._wide = False
        self._begin = tight

    @property
    def device(self) -> str:
        """Where its models compute."""
        models = self._models.relighting, self._models.upscaling
        return next((model.compute.device for model in models if model is not None), "cpu")

    def __enter__(self) -> Guard:
        while self.tight < self._begin:
            self._tighten(longest=0)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._undo.close()
        if self.tight:
            free()

    def compute(
        self,
        stage: int,
        chunk: Chunk,
        on_step: Callable[[], None] | None = None,
        show: Callable[[Callable[[], np.ndarray]], None] | None = None,
    ) -> dict[str, np.ndarray]:
        """What is stored of a chunk of the workflow at place `stage`.

        Raises:
            OutOfMemory: it doesn't fit in any way. ModelError: it holds no numbers in float32.
        """
        from relight.diffusion.finite import finite_only

        while True:
            try:
                with finite_only(self._pipes()):
                    return self._flows[stage].compute(chunk, on_step, show)
            except Exception as error:
                memory = is_out_of_memory(error)
                if not memory and not isinstance(error, NotFinite):
                    raise
                reason = str(error)
            # Here, and not in the handler: what it has caught holds the tensors.
            if memory:
                free()
                said = self._tighten(len(chunk))
            else:
                said = self._widen(reason)
            self._note(f"{chunk.name} {said}")

    def compute_beside(
        self, stage: int, chunk: Chunk, on_step: Callable[[], None] | None = None
    ) -> dict[str, np.ndarray]:
        """What is stored of a chunk of a step that has no model, in any thread; tried once."""
        return self._flows[stage].compute(chunk, on_step)

    def _tighten(self, longest: int) -> str:
        """Need less memory from now on; says how."""
        if self.tight == TIGHTEST or not self._pipes():
            raise OutOfMemory(
                "out of memory, however tightly it is computed (half precision, tiles, one frame "
                "at a time): use --memory low, a smaller --side, --tile or --scale, or fewer "
                "programs beside it"
            )
        self.tight += 1
        if self.tight == 3:
            return self._halve_precision()
        said = [self._fewer_frames(longest), self._smaller_tiles()]
        if self.tight == 2:
            said.append(self._tile_vaes())
        return "did not fit into memory: " + ", ".join(one for one in said if one)

    def _fewer_frames(self, longest: int) -> str:
        from relight.models.loader import Model

        model = self._models.relighting
        if not isinstance(model, Model):
            return ""
        frames = max((model.chunk or longest or 8) // 2, 1) if self.tight == 1 else 1
        model = replace(model, frames_a_pass=frames)
        self._models = replace(self._models, relighting=model)
        self._flows = [
            replace(flow, model=model) if getattr(flow, "model", None) is not None else flow
            for flow in self._flows
        ]
        return f"{frames} frame{'s' * (frames > 1)} at a time from here on"

    def _smaller_tiles(self) -> str:
        made, said = [], ""
        for flow in self._flows:
            if getattr(flow, "upscaler", None) is not None:
                job = flow.job
                tile = max((job.tile or 2 * UNTILED) // 2 // 64 * 64, SMALLEST_TILE)
                flow = replace(flow, job=job.model_copy(update={"tile": tile}))
                said = f"tiles of {tile} from here on"
            made.append(flow)
        self._flows = made
        return said

    def _tile_vaes(self) -> str:
        for vae in self._parts("vae"):
            for what in ("slicing", "tiling"):
                if not getattr(vae, f"use_{what}", True):
                    getattr(vae, f"enable_{what}")()
                    self._undo.callback(getattr(vae, f"disable_{what}"))
        return "the VAE in slices and tiles"

    def _halve_precision(self) -> str:
        import torch

        half = torch.bfloat16
        if any(pipe.dtype == torch.float32 for pipe in self._pipes()) and not self._wide:
            self._to(half)  # what was lost can't be put back: the loader loads it anew
            free()
            return "did not fit into memory: half precision from here on"
        return "did not fit into memory: tried once more"

    def _widen(self, reason: str) -> str:
        """Compute in float32 from now on; says so."""
        import torch

        if not self._pipes():
            raise ModelError(f"{reason}; nothing was written: its weights may be damaged")
        narrow = {pipe.dtype for pipe in self._pipes()} - {torch.float32}
        if self._wide or not narrow:
            raise ModelError(
                f"{reason}, in float32 too; nothing was written: the weights may be damaged "
                "(relight models download NAME), or give another seed"
            )
        before = [(pipe, pipe.dtype) for pipe in self._pipes()]
        self._to(torch.float32)
        self._wide = True
        for pipe, dtype in before:  # exact: the values came from there
            self._undo.callback(pipe.to, dtype)
        return f"is computed in float32 from here on: {reason}"

    def _to(self, dtype: Any) -> None:
        try:
            for pipe in self._pipes():
                pipe.to(dtype)
        except (ValueError, RuntimeError) as error:
            raise ModelError(
                f"the number format can't be changed under --memory low or lowest ({error}): "
                "give --dtype float32"
            ) from None

    def _note(self, text: str) -> None:
        log.info(text)
        self._on_note(text)

    def _pipes(self) -> list[Any]:
        models = self._models.relighting, self._models.upscaling
        return [pipe for model in models for pipe in getattr(model, "pipes", ())]

    def _parts(self, name: str) -> list[Any]:
        found = [pipe.components.get(name) for pipe in self._pipes()]
        return list({id(one): one for one in found if one is not None}.values())


def free() -> None:
    """Give memory that nothing needs back to the device, and to the system."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    trim()
