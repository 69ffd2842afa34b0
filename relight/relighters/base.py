"""The contract of what relights frames: anything that meets it can take IC-Light's place.

    session = relighter.prepare("a bear, red neon light", light="left", size=(512, 512))
    relit = session(frames, noise=generator)

What only one relighter can do (IC-Light's attention shared by all frames) is a setting of that
relighter, not an argument that all of them carry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from relight.diffusion.light_maps import AnyLight
from relight.errors import InputError

OnStep = Callable[[int, int], None]
"""on_step(step, steps): called after each pass of the model; may raise to stop."""


def check_mask(mask: Tensor, frames: Tensor) -> None:
    """Refuse a mask that isn't (1 or frames, 1, h, w) for frames (frames, 3, h, w), with
    InputError."""
    wanted = (1, *frames.shape[-2:])
    if mask.ndim != 4 or mask.shape[1:] != wanted or len(mask) not in (1, len(frames)):
        raise InputError(
            f"a mask of shape {tuple(mask.shape)} doesn't fit frames {tuple(frames.shape)}"
        )


class Session(Protocol):
    """Relights frames of one size under one light; everything but the frames is decided."""

    def __call__(
        self,
        frames: Tensor,
        *,
        noise: torch.Generator | None = None,
        on_step: OnStep | None = None,
    ) -> Tensor:
        """(frames, 3, h, w) pixels about [-1, 1] -> the same under the new light, not clamped.

        Args:
            frames: of the size the session was prepared for; float32.
            noise: seeds all noise, and is moved on by what is drawn.
            on_step: called after each of the relighter's `passes`.
        """
        ...


@runtime_checkable
class Relighter(Protocol):
    """Makes sessions."""

    @property
    def multiple(self) -> int:
        """Height and width must be multiples of this, in pixels."""
        ...

    def passes(self, steps: int) -> int:
        """How often a session of `steps` calls `on_step`: what a plan counts."""
        ...

    def prepare(
        self,
        prompt: str,
        *,
        size: tuple[int, int],
        negative: str | None = None,
        light: AnyLight = "none",
        seconds: Sequence[float] | None = None,
        steps: int = 15,
        mask: Tensor | None = None,
        background: Tensor | None = None,
    ) -> Session:
        """Decide everything but the frames.

        Args:
            prompt: subject and light.
            size: (height, width) of the frames, in pixels.
            negative: what to move away from; None: the relighter's own default.
            light: see `relight.diffusion.light_maps`.
            seconds: when each frame is shown, for a moving light.
            steps: denoising steps of each call.
            mask: what is lit, (1 or frames, 1, h, w) in [0, 1]; None: everything.
            background: (1 or frames, 3, h, w) in [-1, 1], for relighters that are shown one.

        Raises:
            InputError: a value out of its range, or one this relighter can't take.
        """
        ...
