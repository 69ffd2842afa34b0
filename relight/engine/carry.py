"""Light carried along a clip's motion from its keyframes, to every small frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch

from relight.engine.chunks import Chunk
from relight.engine.keys import Keys
from relight.engine.lit_clip import Clip, Load, Show
from relight.engine.reference_lights import References
from relight.methods.carried_light import Leg, legs
from relight.methods.carried_step import Carried, blended, step
from relight.methods.gain_and_glow import (
    GainGlow,
)
from relight.methods.spread import one_thread, spread
from relight.methods.ways import Ways, ways_of
from relight.types import Size

LEG = 16
"""Frames in a chunk of a way along which light is carried."""


@dataclass(kw_only=True)
class Carry:
    """Light carried along the clip's motion from its keyframes, in both directions.

    Attributes:
        parts: of each chunk, the way it belongs to and its frames, in the way's own order.
    """

    clip: Clip
    keys: Keys | References
    chunks: tuple[Chunk, ...]
    parts: tuple[tuple[Leg, range], ...]
    beside: ClassVar[int] = 4
    needs: ClassVar[frozenset[str]] = frozenset({"key", "mask"})

    @classmethod
    def plan(cls, clip: Clip, keys: Keys | References) -> Carry:
        """Cut the ways from the keyframes into chunks."""
        parts = tuple(
            (leg, leg.frames[begin : begin + LEG])
            for leg in legs(len(clip.survey.seen), keys.numbers)
            for begin in range(0, len(leg.frames), LEG)
        )
        plain = (
            Chunk(stage="carry", index=i, first=min(p), last=max(p) + 1, passes=len(p))
            for i, (_, p) in enumerate(parts)
        )
        chunks: list[Chunk] = []
        for chunk, (leg, part) in zip(plain, parts, strict=True):
            goes_on = part[0] != leg.frames[0]
            chunks.append(replace(chunk, after=chunks[-1].name) if goes_on else chunk)
        return cls(clip=clip, keys=keys, chunks=tuple(chunks), parts=parts)

    def compute(
        self, chunk: Chunk, on_step: Callable[[], None] | None = None, show: Show | None = None
    ) -> dict[str, np.ndarray]:
        """What is stored of a part of a way: light and trust of each frame, up to a cut."""
        leg, part = self.parts[chunk.index]
        small, load = self.clip.small, self.clip.work.load
        planes = self.keys.light_of(leg.reference, load)
        anchor = Carried.of_reference(planes, small[leg.reference])
        state = anchor
        stored: dict[str, np.ndarray] = {}
        if chunk.after is not None:  # this part goes on with the one before
            last = self._record(load(chunk.after), part[0] - part.step)
            if last is None:
                return {"ended": np.array([1])}
            state = last
        size = Size(*planes.glow.shape[-2:])
        reference = small[leg.reference]

        def found(number: int) -> tuple[np.ndarray, Ways]:
            frame, at = small[number], number - part.step
            before = reference if at == leg.reference else small[at]
            near = self.clip.neighbours.way(number, at, size)
            return frame, ways_of(frame, before, reference, size, near)

        with one_thread(), torch.no_grad():
            for number, (frame, ways) in zip(part, spread(found, part), strict=True):
                carried = step(anchor, state, frame, ways)
                if carried is None:
                    break
                tensors = carried.to_tensors()
                stored |= {f"{number:07d}-{key}": value.numpy() for key, value in tensors.items()}
                # From what is stored, so that a run that is resumed ends in the same light.
                state = Carried.from_tensors(tensors)
                if on_step is not None:
                    on_step()
        return stored or {"ended": np.array([1])}

    def light_at(self, number: int, load: Load) -> GainGlow:
        """The light of a small frame; none in a scene that has no keyframe."""
        if number in self.keys.numbers:
            return self.keys.light_of(number, load)
        found = []
        for chunk, leg in self._covering(number):
            record = self._record(load(chunk.name), number)
            if record is not None:
                found.append((abs(number - leg.reference), record.on(self.clip.small[number])))
        if not found:
            size = self.keys.light_of(self.keys.numbers[0], load).glow.shape[-2:]
            return GainGlow.none(size[0], size[1])
        if len(found) == 1:
            return found[0][1].light
        (near, a), (far, b) = found
        return blended(a, b, near / (near + far))

    def wait_for(self, number: int, load: Load) -> None:
        """Load what the light of a small frame is stored in."""
        if number in self.keys.numbers:
            self.keys.light_of(number, load)
            return
        for chunk, _ in self._covering(number):
            load(chunk.name)

    def _covering(self, number: int) -> Iterator[tuple[Chunk, Leg]]:
        """The chunks that hold a small frame, and their ways."""
        for chunk, (leg, part) in zip(self.chunks, self.parts, strict=True):
            if number in part:
                yield chunk, leg

    @staticmethod
    def _record(stored: dict[str, np.ndarray], number: int) -> Carried | None:
        prefix = f"{number:07d}-"
        tensors = {
            key.removeprefix(prefix): torch.from_numpy(value)
            for key, value in stored.items()
            if key.startswith(prefix)
        }
        return Carried.from_tensors(tensors) if tensors else None
