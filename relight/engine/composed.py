"""A lit clip over its source, by the mask: what is not to be lit stays as it was, bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from relight.engine.backdrop import Backdrop
from relight.engine.chunks import Chunk
from relight.engine.frames import Source
from relight.engine.lit_clip import Clip, Load, Show, direction_at
from relight.engine.region import Region
from relight.engine.relighting import Relighting
from relight.engine.subject_mask import require_subject
from relight.engine.workflow import Workflow
from relight.lights import Light
from relight.media import Frame
from relight.media.depth import like, to_float
from relight.methods.contact_shadow import contact_shadow, darkened
from relight.methods.cut_out import foreground, soft_ground

SEEN = (32, 48)
"""Size at which a light's map tells its side."""


@dataclass(kw_only=True)
class Composed:
    """The result of a workflow where the region is lit; elsewhere the source, or a new background.

    Attributes:
        light: what lights the subject, and casts its shadow on the ground.
        backdrop: the new background, if it is a file. drawn: who draws it, if it is given in words.
    """

    clip: Clip
    lit: Workflow
    region: Region
    light: Light
    backdrop: Backdrop | None = None
    drawn: Relighting | None = None
    chunks: tuple[Chunk, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the result."""
        return self.lit.size

    def compute(
        self, chunk: Chunk, on_step: Callable[[], None] | None = None, show: Show | None = None
    ) -> dict[str, np.ndarray]:
        """There are no chunks."""
        return {}

    def frames(self, load: Load, first: int = 0) -> Iterator[Frame]:
        """Frames from index `first` on; `load` gives what was stored of a chunk."""
        if not first:
            require_subject(self.region.mask, load)
        source = Source(self.clip.job.input, self.clip.survey.times, self.clip.job.reading)
        pairs = self.region.mask.full(source.open(first), load, first)
        lights = self.lit.frames(load, first)
        behind = self._behind(load, first)
        if behind is not None:
            # The embedded model draws blotches: out of focus they are a backdrop.
            soft = self.drawn is not None and self.drawn.model.entry.transfer
            for lit, (frame, matte), ground in zip(lights, pairs, behind, strict=True):
                ground = (
                    soft_ground(ground, matte) if soft else self._stood_on(frame, ground, matte)
                )
                made = put_before(ground, lit.image, matte)
                yield Frame(made, frame.time, None, frame.duration)
            return
        for lit, (frame, matte) in zip(lights, pairs, strict=True):
            weight = matte if self.region.lit == "subject" else 1 - matte
            yield frame.with_image(laid_over(frame.image, lit.image, weight))

    def _stood_on(self, frame: Frame, ground: np.ndarray, matte: np.ndarray) -> np.ndarray:
        """The ground with the subject's shadow; a background that a model drew has its own."""
        dark = self.clip.job.contact_shadow * min(self.clip.job.intensity, 1.0)
        if self.drawn is not None or not dark:
            return ground
        seconds = float(frame.time - self.clip.survey.times[0])
        direction, clear = direction_at(self.light, SEEN, seconds)
        return darkened(ground, dark * contact_shadow(matte, clear * float(direction[0])))

    def _behind(self, load: Load, first: int) -> Iterator[np.ndarray] | None:
        if self.drawn is not None:
            return self.drawn.drawn(load, first)
        backdrop, times = self.backdrop, self.clip.survey.times
        return None if backdrop is None else backdrop.frames(times, first)


def put_before(ground: np.ndarray, image: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """The subject of an image on another ground, (h, w, 3), of the image's type, with its edge.

    >>> ground, image = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 200, np.uint8)
    >>> put_before(ground, image, np.eye(4))[0, :2, 0].tolist()
    [200, 0]
    """
    own = like(foreground(to_float(image), matte), image)
    return laid_over(like(ground, image), own, matte)


def laid_over(below: np.ndarray, above: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """`above` over `below`, (h, w, 3) of any depth, by a weight (h, w) in [0, 1].

    Where the weight is 0 the pixels are those of `below`, where it is 1 those of `above`.

    >>> below, above = np.zeros((1, 3, 3), np.uint8), np.full((1, 3, 3), 200, np.uint8)
    >>> laid_over(below, above, np.array([[0, 0.5, 1]]))[0, :, 0].tolist()
    [0, 100, 200]
    """
    part = weight[..., None].astype(np.float32)
    own = to_float(below)
    mixed = like(own + part * (to_float(above) - own), below)
    mixed = np.where(part == 0, below, mixed)
    return np.where(part == 1, like(above, below), mixed)
