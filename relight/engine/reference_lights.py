"""The light of stills that were relit elsewhere: registered to their frames, fitted, and stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from relight.engine.lit_clip import Clip, Load
from relight.engine.references import Still
from relight.errors import InputError
from relight.methods.carried_light import reference_light
from relight.methods.gain_and_glow import GainGlow
from relight.methods.registration import register


@dataclass(kw_only=True)
class References:
    """The light of stills that were relit elsewhere, by the number of the frame each shows."""

    lights: dict[int, GainGlow]
    keeps_colours, coloured, all_around = 0.0, False, False

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(sorted(self.lights))

    @property
    def light_moves(self) -> bool:
        """Stills are what they are."""
        return False

    def strength_at(self, seconds: float) -> float:
        """A still is as bright as it is."""
        return 1.0

    def light_of(self, number: int, load: Load) -> GainGlow:
        """The light of a still, by the number of its frame among the small frames."""
        return self.lights[number]


def read_references(clip: Clip, stills: Sequence[Still]) -> References:
    """Register stills to their frames and fit their light; done once, and stored.

    Raises:
        InputError: a still of another scene, too small, or a second one for one frame.
    """
    lights: dict[int, GainGlow] = {}
    times, seen = clip.survey.times, clip.survey.seen
    for index, still in enumerate(stills):
        name = f"reference-{index:03d}"
        if not clip.work.has(name):
            clip.work.save(name, _registered(clip, still, still.number(times, seen)))
        stored = clip.work.load(name)
        number = int(stored["number"][0])
        if number in lights:
            moment = clip.seconds([number])[0]
            raise InputError(
                f"{still.name} is a second reference for the moment {moment:.2f} s: give one"
            )
        lights[number] = GainGlow.from_planes(torch.from_numpy(stored["light"]))
    return References(lights=lights)


def _registered(clip: Clip, still: Still, number: int | None) -> dict[str, np.ndarray]:
    found = register(still.image, clip.small, number)
    frame = clip.small[found.index]
    laid, covered = found.warp(still.image, frame.shape[0], frame.shape[1])
    light = reference_light(frame, laid, covered)
    return {"light": light.planes.numpy(), "number": np.array([found.index])}
