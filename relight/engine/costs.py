"""What one run costs, stage by stage, noted for the estimates of later runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relight.diffusion.memory import peak_memory
from relight.engine import estimates
from relight.engine.expected import Amounts, beside, held_bytes
from relight.engine.output import Result

if TYPE_CHECKING:
    from relight.engine.chunks import Chunk
    from relight.engine.resolve import Models

LIGHTING = ("key", "light")
"""Stages of the model that relights; the others that denoise are the upscaler's."""
TELLING_S = 2.0
"""Seconds of one core, beside its model, from which a run is long enough to tell the pace."""


@dataclass
class Costs:
    """The costs of one run.

    Attributes:
        stages: seconds and megapixels, by stage. noted_s: seconds that these account for.
    """

    stages: dict[str, tuple[float, float]] = field(default_factory=dict)
    noted_s: float = 0.0

    def note(self, chunk: Chunk, seconds: float) -> None:
        """Remember what a chunk took."""
        if chunk.cost:
            took, cost = self.stages.get(chunk.stage, (0.0, 0.0))
            self.stages[chunk.stage] = took + seconds, cost + chunk.cost
            self.noted_s += seconds

    def keep(
        self, result: Result, models: Models, amounts: Amounts, device: str, *, whole: bool
    ) -> None:
        """Add them to the stored estimates, with the start, the memory and the pace.

        Args:
            amounts: what there was to do. whole: whether all of it was, so that it tells the pace.
        """
        start = result.seconds["load"]
        memory = peak_memory(device) - held_bytes(amounts, device)
        shared = {"start": start, "memory": max(float(memory), 0.0)}
        thought = sum(beside(amounts).values())
        if whole and thought >= TELLING_S:
            spent = result.seconds["total"] - start - self.noted_s
            shared["pace"] = max(spent, 0.0) / thought
        for name, where in dict.fromkeys(models.named):
            own = {estimates.of_job(result.kind, kind): value for kind, value in shared.items()}
            estimates.record(name, where, own)
        for stage, (seconds, megapixels) in self.stages.items():
            model = models.relighting if stage in LIGHTING else models.upscaling
            if model is not None:
                rate, weight = {stage: seconds / megapixels}, {stage: megapixels}
                estimates.record(model.name, model.compute.device, rate, weight)
