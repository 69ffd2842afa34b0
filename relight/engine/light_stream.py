"""A clip's light: sparse frames -> windows -> model -> gain and glow -> every source frame.

Light changes slowly, so the model sees few frames, small. What it makes of them is turned into
light (`relight.methods.light_transfer`) which is carried to every frame of the source along the
source's own motion. Everything here is a generator: memory does not grow with the clip.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
import torch
from torch import Tensor

from relight.diffusion.framing import Framing
from relight.engine.windows import blended, windows
from relight.lights import Light
from relight.media import Frame
from relight.methods.gain_and_glow import GainGlow, apply_light_uint8
from relight.methods.light_transfer import fit_light, smooth_light
from relight.methods.optical_flow import between
from relight.models.loader import Model

OVERLAP = 4
"""Model frames two windows share: half a second at the default rate."""
DRAWN = 0.06
"""Window of the light's fit for frames that a model drew, of the shorter side: over its noise."""
GLIMPSE = 640
"""Longer side, in pixels, of the pictures shown while a clip is being lit."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What the model is asked for: a job's settings with every default filled in."""

    prompt: str
    scene: str
    negative_prompt: str
    light: Light
    recipe: str
    strength: float
    steps: int
    relight_steps: int
    guidance: float
    gamma: float | None
    seed: int

    @property
    def schedule_steps(self) -> int:
        """Length of the whole schedule of which the last `steps` are run."""
        return math.ceil(self.steps / self.strength - 1e-9)


@dataclass(frozen=True)
class Lit:
    """One frame the model saw. small: (3, h, w) in [0, 1]; light: its gain and glow, (6, h, w), or
    the relit frame, (3, h, w)."""

    time: Fraction
    small: Tensor
    light: Tensor


def sparse(frames: Iterable[Frame], fps: float | None) -> Iterator[Frame]:
    """The frames the model sees: `fps` a second (None: all), always the first and the last."""
    step = Fraction(0) if fps is None else 1 / Fraction(fps)
    due, last, taken = Fraction(0), None, True
    for frame in frames:
        last, taken = frame, frame.time >= due
        if taken:
            # On the grid where there is one, so that 8 of 30 a second don't drift into 7.5.
            due = max(due + step, frame.time + step / 2)
            yield frame
    if not taken:
        yield last


def lit_frames(
    frames: Iterable[Frame],
    framing: Framing,
    length: int,
    run: Callable[[np.ndarray], Tensor],
    finish: Callable[[Tensor, Tensor], Tensor],
) -> Iterator[Lit]:
    """Run the model over windows of `frames` and join what `finish` makes of each.

    Args:
        frames: those the model shall see, any size.
        length: frames of a window.
        run: (frames, h, w, 3) uint8, padded for the model -> relit (frames, 3, h, w) in [0, 1].
        finish: (source, relit), both (frames, 3, h, w) in [0, 1] -> (frames, 3, h, w), e.g. a gain.
    """
    seen: deque[tuple[Fraction, Tensor]] = deque()

    def small(frame: Frame) -> tuple[Fraction, np.ndarray]:
        return frame.time, framing.scale(frame.image)

    def parts() -> Iterator[tuple[int, Tensor]]:
        known = 0
        for start, window in windows(map(small, frames), length, min(OVERLAP, length - 1)):
            images = np.stack([image for _, image in window])
            source = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
            for (time, _), pixels in list(zip(window, source, strict=True))[known - start :]:
                seen.append((time, pixels))
            known = start + len(window)
            relit = framing.cut(run(framing.pad(images)))
            yield start, finish(source, relit.cpu().float())

    for light in blended(parts(), torch.lerp):
        yield Lit(*seen.popleft(), light)


def run_window(
    images: np.ndarray,
    model: Model,
    look: Look,
    on_step: Callable[[], None] | None = None,
    on_fused: Callable[[Tensor], None] | None = None,
) -> Tensor:
    """(frames, h, w, 3) uint8 of a size the model takes -> relit (frames, 3, h, w) in [0, 1].

    Every window starts from the same seed: the same noise lets it find the same light.
    """
    result = model.pipe(
        images,
        prompt=look.scene,
        negative_prompt=look.negative_prompt,
        relighter=model.relighter,
        relight_prompt=look.prompt,
        light=look.light,
        gamma=look.gamma,
        relight_steps=look.relight_steps,
        strength=look.strength,
        num_inference_steps=look.schedule_steps,
        guidance_scale=look.guidance,
        generator=torch.Generator("cpu").manual_seed(look.seed),
        recipe=look.recipe,
        output_type="pt",
        relight_chunk_size=model.chunk,
        on_relight_step=(lambda *_: on_step()) if on_step else None,
        on_fused=on_fused,
    )
    return result.frames[0]


def glimpse(frame: np.ndarray, small: np.ndarray, drawn: Tensor, transfer: bool) -> np.ndarray:
    """A quick look at one frame before its window is done.

    Args:
        frame: the source frame, (h, w, 3) uint8; small: the same at the model's size.
        drawn: what the model predicts for it now, (3, h', w') of the model's size in [0, 1].
        transfer: show the light on `frame`; else the model's own pixels.

    Returns:
        (h, w, 3) uint8: `frame`, its longer side brought down to `GLIMPSE`, or the model's size.
    """
    if not transfer:
        return (drawn.permute(1, 2, 0) * 255).round().byte().numpy()
    shrink = GLIMPSE / max(frame.shape[:2])
    if shrink < 1:
        frame = cv2.resize(frame, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    source = torch.from_numpy(small).permute(2, 0, 1).float() / 255
    light = fit_light(source[None], drawn[None], radius=DRAWN)
    return apply_light_uint8(frame, GainGlow.from_planes(light.planes[0]))


def gains(source: Tensor, relit: Tensor) -> Tensor:
    """The light of one window, (frames, 6, h, w), steadied along the source's motion."""
    return smooth_light(fit_light(source, relit, radius=DRAWN), source).planes


def transferred(frames: Iterable[Frame], lit: Iterator[Lit], framing: Framing) -> Iterator[Frame]:
    """Every source frame, at full size, under the light found for its neighbours in time."""
    a, b = next(lit), next(lit, None)
    for frame in frames:
        while b is not None and frame.time >= b.time:
            a, b = b, next(lit, None)
        if b is None or frame.time <= a.time:
            light = a.light
        else:
            small = torch.from_numpy(framing.scale(frame.image)).permute(2, 0, 1).float() / 255
            weight = float((frame.time - a.time) / (b.time - a.time))
            light = between(a.light, b.light, a.small, small, b.small, weight)
        image = apply_light_uint8(frame.image, GainGlow.from_planes(light))
        yield Frame(image=image, time=frame.time)


def generated(lit: Iterator[Lit], width: int, height: int) -> Iterator[Frame]:
    """The model's own frames, brought to (width, height) pixels."""
    for one in lit:
        image = (one.light.permute(1, 2, 0) * 255).round().clamp(0, 255).byte().numpy()
        larger = cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC)
        yield Frame(image=larger, time=one.time)
