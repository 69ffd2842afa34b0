"""What a light will do to one frame, at once and without a model: for an app's light preview.

The map of the light as a gain on the frame, in its colour or in that of the prompt; the form of the
frame's subject under the light's direction; and one exposure, so that nothing burns out.
"""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np
import torch

from relight.lights import Light, NoLight
from relight.lights.colors import TINTS
from relight.lights.words import understand
from relight.masks import Click, subject_surface
from relight.masks.fine import fine_subject
from relight.methods.exposure import BRIGHTNESS
from relight.methods.full_size_light import KNEE
from relight.methods.surface_shading import directions_of, shading_gain
from relight.methods.surfaces import Surface

SIDE = 128
"""Shorter side, in pixels, at which the form is found."""
SHADE, LAMP = 0.22, 1.15
"""Gain on encoded values where no light falls, and what full light adds to it."""
GREY = 0.55
"""Gain of a light without a direction."""
ENCODED = 2.2
TINTED = 0.75
"""Share of a prompt's colour that is shown."""


class Look:
    """One frame that can be seen under any light.

    Args:
        image: (h, w, 3) uint8, sRGB; some hundred pixels wide, as it is shown.

    >>> look = Look(np.full((48, 64, 3), 120, np.uint8))
    >>> from relight.lights import parse_light
    >>> lit = look.lit(parse_light("left"))
    >>> lit.shape, bool(lit[:, :8].mean() > lit[:, -8:].mean() + 40)
    ((48, 64, 3), True)
    """

    def __init__(self, image: np.ndarray) -> None:
        self.image = image
        self._mattes: dict[tuple[float, float] | None, np.ndarray] = {}

    @cached_property
    def _small(self) -> torch.Tensor:
        height, width = self.image.shape[:2]
        shrink = min(SIDE / min(height, width), 1.0)
        size = max(round(width * shrink), 16), max(round(height * shrink), 16)
        small = cv2.resize(self.image, size, interpolation=cv2.INTER_AREA)
        return torch.from_numpy(small).permute(2, 0, 1)[None].float() / 255

    @cached_property
    def surface(self) -> Surface:
        """The form of the frame's subject, small."""
        return subject_surface(self._small)

    def matte(self, point: tuple[float, float] | None = None) -> np.ndarray:
        """The frame's subject, or what is at a point: (h, w) in [0, 1], 0 where nothing is clear.

        Args:
            point: x and y as fractions of the frame; None: found by itself, which in a clip looks
                at the motion too.
        """
        if point not in self._mattes:
            seed = None if point is None else Click(*point)
            image = torch.from_numpy(self.image).permute(2, 0, 1)[None].float() / 255
            self._mattes[point] = fine_subject(image, seed).matte[0, 0].numpy()
        return self._mattes[point]

    def lit(
        self,
        light: Light,
        *,
        seconds: float = 0.0,
        prompt: str = "",
        shape: float = 0.8,
        intensity: float = 1.0,
        matte: np.ndarray | None = None,
    ) -> np.ndarray:
        """The frame under a light.

        Args:
            light: any kind. seconds: since the first frame that is lit.
            prompt: colours that it names are those of a white light.
            shape: how far the form takes part, 0 to 1. intensity: in stops, 0 to 2.
            matte: (h, w) in [0, 1], what is lit; None: all.

        Returns:
            (h, w, 3) uint8.
        """
        height, width = self.image.shape[:2]
        level = self._level(light, height, width, seconds, prompt)
        gain = (SHADE + LAMP * level) * self._form(level, shape)[..., None]
        gain = np.exp(intensity * np.log(np.maximum(gain, 1e-3)))
        source = self.image.astype(np.float32) / 255
        lit = source * gain
        bound = 1 - (1 - BRIGHTNESS) * min(intensity, 1.0)
        lit *= min(1.0, bound * source.mean() / max(float(lit.mean()), 1e-6))
        if matte is not None:
            lit = source + matte[..., None] * (lit - source)
        return (255 * _rolled(lit)).round().astype(np.uint8)

    def _level(
        self, light: Light, height: int, width: int, seconds: float, prompt: str
    ) -> np.ndarray:
        """The light's map (h, w, 3), in the prompt's colours where it has none of its own."""
        if isinstance(light, NoLight):
            level = np.full((height, width, 3), GREY, np.float32)
        else:
            level = light.level_map(height, width, seconds)
        colours = [np.array(TINTS[name]) ** (1 / ENCODED) for name in understand(prompt).colours]
        grey = level.max(2, keepdims=True)
        if not colours or float((grey - level).max()) > 0.02:
            return level
        near, far = colours[0], colours[min(1, len(colours) - 1)]
        tint = far + (near - far) * (grey / max(float(grey.max()), 1e-6))
        if len(colours) > 1:
            level = np.maximum(level, GREY)  # the second colour lights the other side
        return level * (1 + TINTED * (tint - 1))

    def _form(self, level: np.ndarray, shape: float) -> np.ndarray:
        """Gain of the form on encoded values, (h, w)."""
        surface = self.surface
        size = surface.normals.shape[-1], surface.normals.shape[-2]
        if not shape or float(surface.confidence.max()) == 0:
            return np.ones(level.shape[:2], np.float32)
        small = cv2.resize(level.mean(2).astype(np.float32), size, interpolation=cv2.INTER_AREA)
        direction, clear = directions_of(small)
        log_gain = shading_gain(surface, direction, shape=shape * clear)[0, 0].numpy()
        gain = np.exp(log_gain / ENCODED).astype(np.float32)
        return cv2.resize(gain, level.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def _rolled(values: np.ndarray) -> np.ndarray:
    """Encoded values with their highlights rolled off towards 1, from the knee on."""
    over = np.maximum(values - KNEE, 0) / (1 - KNEE)
    return np.minimum(values, KNEE) + (1 - KNEE) * (1 - np.exp(-over))
