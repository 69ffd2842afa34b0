"""Image-editing models as a `Relighter`: each frame by itself, the light as an instruction.

An editor of diffusers gets words that say what the light is and where it comes from; every frame
starts from the same noise, which is all that makes the frames agree. Where an editor takes a second
picture, that is a map of the light. Editors move pixels and repaint things, so `recipe fast` uses
them on keyframes only, registers what they drew and takes its light alone.

What one editor needs to know, and its quirks, are in its file in `relight.pipelines`.

    relighter = EditRelighter(KontextEditor(FluxKontextPipeline.from_pretrained(...)))
    session = relighter.prepare("red neon light", light="left", size=(1024, 1024))
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from diffusers import DiffusionPipeline
from torch import Tensor

from relight.diffusion.light_maps import AnyLight, light_map
from relight.errors import InputError
from relight.lights.colors import nearest_name
from relight.methods.surface_shading import direction_of
from relight.relighters.base import OnStep, check_mask

SIDES = ("right", "bottom right", "bottom", "bottom left", "left", "top left", "top", "top right")
"""By eighths of a turn from the right, clockwise."""
CLEAR = 0.3
"""How clearly a light must have a direction for that to be put into words."""
MAP_SIDE = 64
"""Side of the small map that a light is judged by, in pixels."""


class Editor(Protocol):
    """An image-editing pipeline with its quirks.

    Attributes:
        pipe: used as it is; its scheduler must not be that of a pipeline it works inside of.
    """

    @property
    def pipe(self) -> DiffusionPipeline: ...

    @property
    def multiple(self) -> int:
        """Height and width must be multiples of this, in pixels."""
        ...

    def instruction(self, light: str, has_map: bool) -> str:
        """The words that ask for a light such as "red neon light, coming from the left"."""
        ...

    @property
    def takes_map(self) -> bool:
        """Whether a second picture, the map of the light, can be given."""
        ...

    def edit(self, frame: Tensor, instruction: str, given: Given) -> Tensor:
        """The edited frame, (3, h, w) in [0, 1] -> the same."""
        ...


@dataclass(frozen=True, kw_only=True)
class Given:
    """What an edit is given beside frame and words.

    Attributes:
        steps: of the denoiser. negative: what to move away from; None: the editor's default.
        seed: of all noise. light_map: (3, h, w) in [0, 1], for editors that take one, else None.
        on_step: called after each step.
    """

    steps: int
    negative: str | None = None
    seed: int = 0
    light_map: Tensor | None = None
    on_step: Callable[[], None] | None = None

    @property
    def generator(self) -> torch.Generator:
        """Seeds one edit: the same for every frame."""
        return torch.Generator("cpu").manual_seed(self.seed)

    def callback(self, pipe: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict:
        """For a pipeline's `callback_on_step_end`."""
        if self.on_step is not None:
            self.on_step()
        return tensors


@dataclass(frozen=True)
class EditRelighter:
    """Relights with an image-editing pipeline.

    Attributes:
        editor: the pipeline and its quirks.
    """

    editor: Editor

    @property
    def multiple(self) -> int:
        """Height and width must be multiples of this, in pixels."""
        return self.editor.multiple

    def passes(self, steps: int) -> int:
        """Denoiser steps of one frame."""
        return steps

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
    ) -> EditSession:
        """See `relight.relighters.base.Relighter`; any light is put into words."""
        if background is not None:
            raise InputError("an image-editing model is shown no background")
        if any(side % self.multiple for side in size):
            raise InputError(f"size {size} must be (height, width) in multiples of {self.multiple}")
        if steps < 1:
            raise InputError(f"an edit needs at least 1 step, not {steps}")
        maps = levels(light, size, seconds) if self.editor.takes_map else None
        words = [f"{prompt}{one}" for one in lights_in_words(light, seconds)]
        return EditSession(
            editor=self.editor,
            instructions=tuple(self.editor.instruction(one, maps is not None) for one in words),
            maps=maps,
            negative=negative,
            steps=steps,
            mask=mask,
        )


@dataclass(frozen=True, kw_only=True)
class EditSession:
    """What `EditRelighter.prepare` makes.

    Attributes:
        instructions: one for all frames, or one a frame. maps: likewise, (1 or frames, 3, h, w) in
            [0, 1]; None for an editor that takes none, and for no direction.
    """

    editor: Editor
    instructions: tuple[str, ...]
    maps: Tensor | None
    negative: str | None
    steps: int
    mask: Tensor | None

    @torch.no_grad()
    def __call__(
        self,
        frames: Tensor,
        *,
        noise: torch.Generator | None = None,
        on_step: OnStep | None = None,
    ) -> Tensor:
        """See `relight.relighters.base.Session`; outside the mask the frames stay as they are."""
        if (count := len(self.instructions)) not in (1, len(frames)):
            raise InputError(f"a moving light of {count} times can't light {len(frames)} frames")
        if self.mask is not None:
            check_mask(self.mask, frames)
        # One number from the caller's generator seeds every frame alike.
        device = torch.device("cpu") if noise is None else noise.device
        seed = int(torch.randint(2**31, (1,), generator=noise, device=device))
        done = -1

        def step() -> None:
            nonlocal done
            done += 1
            if on_step is not None:
                on_step(done % self.steps, self.steps)

        edited = []
        for index, frame in enumerate(frames):
            given = Given(
                steps=self.steps,
                negative=self.negative,
                seed=seed,
                light_map=None if self.maps is None else self.maps[index % len(self.maps)],
                on_step=step,
            )
            instruction = self.instructions[index % len(self.instructions)]
            edited.append(self.editor.edit((frame / 2 + 0.5).clamp(0, 1), instruction, given))
        relit = torch.stack(edited).to(frames) * 2 - 1
        return relit if self.mask is None else torch.lerp(frames, relit, self.mask.to(frames))


def lights_in_words(light: AnyLight, seconds: Sequence[float] | None = None) -> list[str]:
    """A light as the end of an instruction: one text, or, of one that moves, one a time.

    >>> lights_in_words("left"), lights_in_words("none")
    ([', coming from the left'], [''])
    >>> lights_in_words("point:x=.8,y=-.1,color=#ff0000")
    [', coming from a red lamp at the top right']
    """
    maps = levels(light, (MAP_SIDE, MAP_SIDE), seconds)
    return [""] if maps is None else [_in_words(one) for one in maps]


def levels(
    light: AnyLight, size: tuple[int, int], seconds: Sequence[float] | None
) -> Tensor | None:
    """(1 or frames, 3, h, w) in [0, 1], bright where the light is; None for no direction."""
    maps = light_map(light, *size, seconds)
    return None if maps is None else (maps / 2 + 0.5).clamp(0, 1)


def _in_words(level: Tensor) -> str:
    """(3, h, w) in [0, 1] -> where it comes from, and its colour where it has one."""
    direction, clear = direction_of(level.permute(1, 2, 0))
    side = ""
    if clear >= CLEAR:
        turn = math.atan2(float(direction[1]), float(direction[0])) / (2 * math.pi)
        side = SIDES[round(8 * turn) % 8]
    colour = nearest_name(level.amax((1, 2)).tolist())
    if colour is None:
        return f", coming from the {side}" if side else ""
    return f", coming from a {colour} lamp" + (f" at the {side}" if side else "")
