"""Carried light: one relit frame lights the whole clip, along the clip's own motion.

The light of a reference (gain and glow) goes to every frame straight from the reference where that
flow can be trusted, so that nothing drifts; through the neighbouring frame where it cannot; and
what has just come into view takes the light of like-coloured surroundings. A cut ends it. Between
two references both are carried and blended by time and trust.

Only small frames are looked at (`SIDE`), one step needs the reference, the frame before and its
state, and each state is one small record in a store, so clips of any length and size take the same
memory, a run can be resumed, and the full-size frames can be lit in any order or in parallel.

    frames = [...]                         # small frames, uint8 (h, w, 3), or a memory map of them
    found = register(picture, frames)      # relight.methods.registration
    still, covered = found.warp(picture, *frames[0].shape[:2])
    lights = {found.index: reference_light(frames[found.index], still, covered)}
    for index, light in carried_lights(frames, lights, store={}):
        ...                                # None: a scene without a reference
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import torch
from torch import Tensor

from relight.errors import InputError
from relight.methods.carried_step import Carried, blended, step
from relight.methods.gain_and_glow import GainGlow, box_mean, resized
from relight.methods.light_around import light_around
from relight.methods.light_transfer import fit_light
from relight.methods.optical_flow import as_tensor
from relight.methods.ways import ways_of
from relight.types import Size

SIDE = 256  # shorter side of the small frames that this works on, in pixels
Store = MutableMapping[str, Mapping[str, Tensor]]


@dataclass(frozen=True)
class Leg:
    """The frames that one reference lights in one direction, those next to it first."""

    reference: int
    frames: range

    def key(self, index: int) -> str:
        """The name of a frame's record in the store."""
        return f"{index:07d}-{'after' if self.frames.step > 0 else 'before'}-{self.reference:07d}"


def reference_light(
    frame: np.ndarray | Tensor,
    still: Tensor,
    covered: Tensor | None = None,
    *,
    radius: float = 0.03,
) -> GainGlow:
    """The light of one relit still.

    Args:
        frame: the source at that moment, (h, w, 3) uint8 or (3, h, w) in [0, 1].
        still: registered to it (`relight.methods.registration`), (3, h, w) in [0, 1].
        covered: (1, h, w), 1 where the still shows the frame; what it does not show takes the
            light of its surroundings. None: it shows all.
        radius: of the fit's windows, of the shorter side.

    >>> grey = torch.full((3, 64, 64), 0.4)
    >>> round(float(reference_light(grey, grey / 2).log_gain.mean().exp()), 1)
    0.5
    """
    source = as_tensor(frame)
    if covered is not None:
        still = torch.lerp(source, still, covered)
    light = fit_light(source[None], still[None], radius=radius)
    planes = light.planes
    if covered is not None and float(covered.min()) < 1:
        size = planes.shape[-2:]
        reach = 2 * max(1, round(radius * min(source.shape[-2:]))) + 1
        inside = (box_mean(covered[None], reach) > 0.999).float()  # no window reached over the edge
        weight = resized(inside, size).clamp(0, 1)
        own = resized(source[None], size)[0]
        planes = torch.lerp(light_around(planes[0], weight[0], own, own), planes, weight)
    return GainGlow.from_planes(planes[0])


def small_frame(image: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 at the size that carrying works on: the shorter side `SIDE` at most.

    >>> small_frame(np.zeros((1080, 1920, 3), np.uint8)).shape
    (256, 455, 3)
    """
    shrink = SIDE / min(image.shape[:2])
    if shrink >= 1:
        return image
    size = (round(image.shape[1] * shrink), round(image.shape[0] * shrink))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def legs(count: int, references: Sequence[int]) -> list[Leg]:
    """Who lights whom in a clip of `count` frames: each reference as far as the next one.

    Raises:
        InputError: no reference, two for one frame, or one outside the clip.

    >>> [leg.frames for leg in legs(10, [3, 7])]
    [range(4, 7), range(2, -1, -1), range(8, 10), range(6, 3, -1)]
    """
    if not references:
        raise InputError("no reference: give at least one relit frame of the clip")
    order = sorted(references)
    for a, b in pairwise(order):
        if a == b:
            raise InputError(f"two references for frame {a}: give one picture for a moment")
    if order[0] < 0 or order[-1] >= count:
        wrong = order[0] if order[0] < 0 else order[-1]
        raise InputError(f"a reference for frame {wrong}: the clip has frames 0 to {count - 1}")
    found = []
    for i, at in enumerate(order):
        end = order[i + 1] if i + 1 < len(order) else count
        start = order[i - 1] if i else -1
        found += [Leg(at, range(at + 1, end)), Leg(at, range(at - 1, start, -1))]
    return found


def carried_lights(
    frames: Sequence[np.ndarray], references: Mapping[int, GainGlow], store: Store | None = None
) -> Iterator[tuple[int, GainGlow | None]]:
    """The light of every frame, in order.

    Args:
        frames: all of the clip's small frames, uint8 (h, w, 3); random access, e.g. a memory map.
        references: light by frame index.
        store: holds one record per frame and reference beside it; what is there already is not
            computed again. None: kept in memory.

    Yields:
        (index, light), light None in a scene that no reference is in.

    Raises:
        InputError: as `legs`.

    >>> frames = [np.full((32, 48, 3), 90, np.uint8)] * 3
    >>> warm = GainGlow(torch.full((3, 32, 48), 0.2), torch.zeros(3, 32, 48))
    >>> [round(float(light.log_gain.mean()), 2) for _, light in carried_lights(frames, {1: warm})]
    [0.2, 0.2, 0.2]
    """
    store = {} if store is None else store
    ways = legs(len(frames), list(references))
    for leg in ways:
        for index, carried in carry_leg(frames, leg, references[leg.reference], store):
            if leg.key(index) not in store:
                store[leg.key(index)] = carried.to_tensors()
    for index in range(len(frames)):
        yield index, light_at(index, frames[index], ways, references, store)


def carry_leg(
    frames: Sequence[np.ndarray], leg: Leg, light: GainGlow, store: Store
) -> Iterator[tuple[int, Carried]]:
    """One reference's light in one direction, frame by frame, until a cut ends it.

    The step to a frame starts from the half-precision record that the store would give, so a run
    that was resumed ends in the same light bit for bit.
    """
    state = Carried.of_reference(light, frames[leg.reference])
    anchor, before = state, leg.reference
    for index in leg.frames:
        if leg.key(index) in store:
            state = Carried.from_tensors(store[leg.key(index)])
        else:
            size = Size(*light.glow.shape[-2:])
            ways = ways_of(frames[index], frames[before], frames[leg.reference], size)
            found = step(anchor, state, frames[index], ways)
            if found is None:
                return
            state = Carried.from_tensors(found.to_tensors())
        yield index, state
        before = index


def light_at(
    index: int,
    frame: np.ndarray,
    ways: Sequence[Leg],
    references: Mapping[int, GainGlow],
    store: Store,
) -> GainGlow | None:
    """The light of one frame from the records of `carry_leg`; needs no other frame."""
    if index in references:
        return references[index]
    found = [
        (abs(index - leg.reference), Carried.from_tensors(store[leg.key(index)]).on(frame))
        for leg in ways
        if leg.key(index) in store
    ]
    if not found:
        return None
    if len(found) == 1:
        return found[0][1].light
    (near, a), (far, b) = found
    return blended(a, b, near / (near + far))
