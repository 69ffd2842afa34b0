"""What one run costs, stage by stage, noted for the estimates of later runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relight.diffusion.memory import peak_memory
from relight.engine import estimates
from relight.engine.output import Result

if TYPE_CHECKING:
    from relight.engine.chunks import Chunk
    from relight.engine.resolve import Models


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
        self, result: Result, models: Models, *, load_s: float, size: tuple[int, int], device: str
    ) -> None:
        """Add them to the stored estimates, with loading, memory and the rest of the run.

        Args:
            size: (width, height) of the result. load_s: seconds that loading took.
        """
        width, height = size
        by_stage = {
            "key": models.relighting,
            "light": models.relighting,
            "upscale": models.upscaling,
            "guide": models.upscaling,
        }
        spent = result.seconds["total"] - load_s - self.noted_s
        shared = {
            "load": load_s,
            "rest": max(spent, 0.0) / (result.frames * width * height / 1e6),
            "memory": float(peak_memory(device)),
        }
        for stage, model in by_stage.items():
            if model is not None and stage in self.stages:
                seconds, megapixels = self.stages[stage]
                own = {stage: seconds / megapixels}
                estimates.record(model.name, model.compute.device, shared | own)
