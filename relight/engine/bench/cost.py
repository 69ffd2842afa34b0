"""What a run took: time, passes of the denoisers, memory."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from torch import Tensor, nn

from relight.diffusion.memory import peak_memory, reset_peak_memory
from relight.engine.resolve import Models
from relight.models.loader import Model, Upscaler


class Denoiser(NamedTuple):
    """A module whose calls are counted, and how many pixels a latent stands for, each way."""

    module: nn.Module
    scale: int


@dataclass
class Cost:
    """What a run took.

    Attributes:
        seconds: wall time. cpu_seconds: of all cores, child processes included.
        passes: calls of a denoiser (UNet or transformer).
        megapixels: of all frames in all passes; both halves of guidance count.
        peak_mb: most memory of the process, on the GPU where there is one.
    """

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    passes: int = 0
    megapixels: float = 0.0
    peak_mb: float = 0.0

    def without(self, seconds: float, cpu_seconds: float) -> Cost:
        """The same without a part that does not count, such as loading weights.

        >>> Cost(seconds=3.0, cpu_seconds=5.0).without(1.0, 2.0).cpu_seconds
        3.0
        """
        spent = self.seconds - seconds
        return replace(self, seconds=spent, cpu_seconds=self.cpu_seconds - cpu_seconds)


def denoisers(models: Models) -> list[Denoiser]:
    """The UNets and transformers that a run with these models calls, each once."""
    upscaling, relighting = models.upscaling, models.relighting
    pipes: list[Any] = [upscaling.pipe] if isinstance(upscaling, Upscaler) else []
    if isinstance(relighting, Model):
        relighter = relighting.relighter
        editor = getattr(relighter, "editor", None)
        pipes += [relighting.pipe, relighter if editor is None else editor.pipe]
    found = {}
    for pipe in filter(None, pipes):
        scale = getattr(pipe, "vae_scale_factor", None) or pipe.vae_scale_factor_spatial
        for name in ("unet", "transformer"):
            module = getattr(pipe, name, None)
            if isinstance(module, nn.Module):
                found[id(module)] = Denoiser(module, scale)
    return list(found.values())


@contextmanager
def measured(counted: Iterable[Denoiser] = (), device: str = "cpu") -> Iterator[Cost]:
    """Fills in what its block takes.

    >>> with measured() as cost:
    ...     pass
    >>> cost.passes, cost.peak_mb > 0
    (0, True)
    """
    cost = Cost()
    with ExitStack() as hooks:
        for one in counted:
            hook = one.module.register_forward_pre_hook(_counter(cost, one), with_kwargs=True)
            hooks.callback(hook.remove)
        reset_peak_memory(device)
        wall, cpu = time.perf_counter(), cpu_seconds()
        try:
            yield cost
        finally:
            cost.seconds, cost.cpu_seconds = time.perf_counter() - wall, cpu_seconds() - cpu
            cost.peak_mb = peak_memory(device) / 1e6


def cpu_seconds() -> float:
    """CPU time of this process and of those it has waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _counter(cost: Cost, one: Denoiser) -> Any:
    def count(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        given = [*args, kwargs.get("sample"), kwargs.get("hidden_states")]
        latents = next(value for value in given if isinstance(value, Tensor))
        # Channels are an axis of their own in all of them, but for their place.
        channels = latents.shape[1] if hasattr(module, "conv_in") else module.config.in_channels
        cost.passes += 1
        cost.megapixels += latents.numel() / channels * one.scale**2 / 1e6

    return count
