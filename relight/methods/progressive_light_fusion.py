"""Progressive Light Fusion: from the source's light to the relit one (arXiv:2502.08590, eq. 6-8).

While the video model denoises, its predicted clean frames v are relit, r = relight(v), and the
prediction is moved towards the relit frames by a weight that falls with the steps:

    v <- v + w_d(i) d,        d = source - v at the first step (what the model has not drawn yet)
    x0' = E(v + w(i) (r - v))

so the first steps take the new light and the last ones belong to the video model, which makes the
frames agree with each other. Below `threshold` nothing is relit.

From one step to the next the light hardly changes, so a recipe may relight every few steps only; in
between, the light of the last relight (`relight.methods.light_transfer`) is put on v.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from relight.methods.full_size_light import apply_light
from relight.methods.gain_and_glow import GainGlow
from relight.methods.light_transfer import fit_light


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a clip is relit. The defaults are those published for AnimateDiff.

    Attributes:
        power: fusion weight w(i) = 1 - (i / (n - 1)) ** power (1 linear, 2 quadratic).
        detail_power: the same for the weight of the source's detail.
        threshold: no relighting at or below this weight.
        gamma: share of Consistent Light Attention, 0 to 1.
        share_noise: one noise for all frames in every relight, at the start and inside its
            stochastic steps (the published code shares the start only).
        difference: re-encode the change alone, x0' = x0 + E(edited) - E(D(x0)), so that
            untouched pixels lose nothing in the VAE.
        every: steps from one relight to the next; the published code relights in each.
    """

    power: float = 1.0
    detail_power: float = 1.0
    threshold: float = 0.15
    gamma: float = 0.5
    share_noise: bool = False
    difference: bool = False
    every: int = 1

    def with_best(self) -> dict[str, Recipe]:
        """A model's recipes by name: this one, as published, and what jobs use.

        "best" shares one noise among all frames of a relight, which steadies them most, re-encodes
        only the change, and relights in every third step.
        """
        best = replace(self, share_noise=True, difference=True, every=3)
        return {"paper": self, "best": best}

    def weight(self, step: int, steps: int) -> float:
        """Fusion weight w(i) at step i of n, 1 at the first and 0 at the last.

        >>> [Recipe(power=2).weight(i, 3) for i in range(3)]
        [1.0, 0.75, 0.0]
        """
        return 1 - (step / max(steps - 1, 1)) ** self.power

    def detail_weight(self, step: int, steps: int) -> float:
        """Weight of the source's detail at step i of n, 1 at the first and 0 at the last.

        >>> [Recipe(power=2).detail_weight(i, 3) for i in range(3)]
        [1.0, 0.5, 0.0]
        """
        return 1 - (step / max(steps - 1, 1)) ** self.detail_power

    def relit_steps(self, steps: int) -> int:
        """How many of n steps relight the frames: what a run costs is nearly all here.

        >>> Recipe(threshold=0.15).relit_steps(25), Recipe(every=3).relit_steps(25)
        (21, 7)
        """
        return sum(self.weight(i, steps) > self.threshold for i in range(0, steps, self.every))


class ProgressiveLightFusion:
    """The edit of x0 described above, a `relight.types.Edit`.

    Args:
        source: (frames, 3, h, w) in [-1, 1], float32; or a function from (h, w) to it, for when
            the size is known only once the first prediction is decoded.
        relight: (frames, 3, h, w) unclamped pixels -> the same frames under the new light.
        decode, encode: latents <-> pixels (frames, 3, h, w) in [-1, 1]; encode by the VAE's mode.
        steps: number of steps in a pass over the schedule; a function is called with the timestep
            of each pass's first step.
        recipe: weights and threshold.
        on_fused: called with what each relit step predicts, (frames, 3, h, w), about [-1, 1].

    Attributes:
        steps: of the current pass; None before the first.
        detail: d of the current pass, (frames, 3, h, w); None before the first.
        within: where frames are relit, (1 or frames, 1, h, w) in [0, 1]; None: everywhere.
        detail_within: where the source's detail counts, likewise.

    >>> same = lambda x: x
    >>> source, black = torch.full((1, 3, 2, 2), 0.5), torch.zeros(1, 3, 2, 2)
    >>> edit = ProgressiveLightFusion(source, lambda v: v + 1, same, same, 3, Recipe())
    >>> edit(black, 0, torch.tensor(900)).mean().item()  # the source, relit
    1.5
    >>> edit(black, 1, torch.tensor(600)).mean().item()  # half of its detail, half relit
    0.75
    >>> edit(black, 2, torch.tensor(300)) is None
    True
    """

    def __init__(
        self,
        source: Tensor | Callable[[int, int], Tensor],
        relight: Callable[[Tensor], Tensor],
        decode: Callable[[Tensor], Tensor],
        encode: Callable[[Tensor], Tensor],
        steps: int | Callable[[Tensor], int],
        recipe: Recipe,
        on_fused: Callable[[Tensor], None] | None = None,
    ) -> None:
        self.source, self.relight, self.recipe = source, relight, recipe
        self.decode, self.encode, self.on_fused = decode, encode, on_fused
        self._steps_from = steps
        self.steps: int | None = None
        self.detail: Tensor | None = None
        self.within: Tensor | None = None
        self.detail_within: Tensor | None = None
        self._light: GainGlow | None = None  # of the last relight

    def __call__(self, x0: Tensor, step: int, timestep: Tensor) -> Tensor | None:
        """x0 in the latents' shape -> the edited x0, or None once the weight is spent."""
        if step == 0 or self.steps is None:
            self.steps, self.detail, self._light = self._length(timestep), None, None
        weight = self.recipe.weight(step, self.steps)
        if weight <= self.recipe.threshold:
            return None
        drawn = self.decode(x0)  # (frames, 3, h, w)
        if self.detail is None:
            source = self.source(*drawn.shape[-2:]) if callable(self.source) else self.source
            self.detail = source.to(drawn) - drawn
        detail = self.recipe.detail_weight(step, self.steps) * self.detail
        v = drawn + (
            detail if self.detail_within is None else self.detail_within.to(detail) * detail
        )
        share = weight if self.within is None else weight * self.within.to(v)
        fused = torch.lerp(v, self._relit(v, step), share)
        if self.on_fused:
            self.on_fused(fused)
        if self.recipe.difference:
            return x0 + (self.encode(fused) - self.encode(drawn)).to(x0)
        return self.encode(fused).to(x0)

    def _relit(self, v: Tensor, step: int) -> Tensor:
        if self.recipe.every == 1:
            return self.relight(v)
        seen = (v.float() / 2 + 0.5).clamp(0, 1)
        if step % self.recipe.every == 0 or self._light is None:
            relit = self.relight(v)
            self._light = fit_light(seen, (relit.float() / 2 + 0.5).clamp(0, 1))
            return relit
        return v + 2 * (apply_light(seen, self._light) - seen).to(v)

    def _length(self, timestep: Tensor) -> int:
        return self._steps_from(timestep) if callable(self._steps_from) else self._steps_from
