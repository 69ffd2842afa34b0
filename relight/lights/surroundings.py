"""The light that a picture or a video shows: its colour, and the side that it comes from.

For a subject that is put before it. The colour is the mean of the bright parts in linear light; the
side is where their centre lies, by the first moments of the luminance; the farther it is from the
middle, the more the light falls off to the other side.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from relight.errors import InputError
from relight.lights import fields
from relight.lights.base import Light, register
from relight.lights.image import file_path, stretched
from relight.lights.text import quoted
from relight.lights.video import Reader, VideoLight

if TYPE_CHECKING:
    import numpy as np

    from relight.media import VideoInfo

SIDE = 32
"""Side in pixels of the small copy that is judged: light is its low band."""
ASIDE = 0.25
"""Distance of the bright parts' centre from the middle, in half frames, at which all of the light
comes from that side."""


@register
@dataclass(frozen=True)
class BackdropLight(Light):
    """The light of a picture or a video: its colour, from where it is brightest.

    >>> str(BackdropLight("beach.jpg"))
    'backdrop:beach.jpg'
    """

    words: ClassVar = ("backdrop",)
    usage: ClassVar = "backdrop:beach.jpg (the light that a picture or a video shows)"
    sided: ClassVar = True

    path: Path = fields.file("a picture or a video whose light is taken")
    fps: float = 0.0  # of the clip that is lit, where the path is a folder of pictures
    tonemap: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `backdrop:path`."""
        return cls(file_path(text))

    def __str__(self) -> str:
        return f"{self.words[0]}:{quoted(str(self.path))}"

    @property
    def moving(self) -> bool:
        if not self.path.exists():
            return self.path.suffix.lower() in VideoLight.suffixes
        return self._info.kind != "picture"

    def for_clip(self, fps: float, tonemap: bool = False) -> BackdropLight:
        return dataclasses.replace(self, fps=fps, tonemap=tonemap)

    def check(self) -> None:
        """Raise InputError or MediaError where it can't be read."""
        self._seen(0.0)

    def level_map(self, height: int, width: int, seconds: float = 0.0) -> np.ndarray:
        """A ramp in the light's colour, from the bright side of the picture to the other."""
        import numpy as np

        colour, (right, down), part = seen_light(self._seen(seconds))
        x, y = (((np.arange(n) + 0.5) / n * 2 - 1) for n in (width, height))
        along = right * x + down * y[:, None]
        level = 1 - part * (0.5 - 0.5 * along / max(abs(right) + abs(down), 1e-6))
        return (level[..., None] * colour).clip(0, 1).astype(np.float32)

    def _seen(self, seconds: float) -> np.ndarray:
        """What it shows at a time, small: (SIDE, SIDE, 3) in [0, 1]. A video begins again."""
        length = self._info.duration
        if self._info.kind == "picture":
            seconds = 0.0
        elif length:
            seconds %= length
        return stretched(self._reader.image(seconds), SIDE, SIDE)

    @cached_property
    def _info(self) -> VideoInfo:
        from relight import media
        from relight.media.sequences import beside

        try:
            how = beside(self.path, Fraction(self.fps), tonemap=self.tonemap)
            return media.probe(self.path, how)
        except InputError as error:
            raise InputError(f"the picture or video {error}") from None

    @cached_property
    def _reader(self) -> Reader:
        return Reader(self.path, self._info.reading)

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "fps": self.fps, "tonemap": self.tonemap}


def seen_light(levels: np.ndarray) -> tuple[np.ndarray, tuple[float, float], float]:
    """The light that a picture shows.

    Args:
        levels: (h, w, 3) sRGB in [0, 1].

    Returns:
        its colour, (3,) sRGB with the brightest channel at 1; the unit direction to its side, right
        and down; how far it comes from that side, in [0, 1].

    >>> import numpy as np
    >>> picture = np.zeros((8, 8, 3))
    >>> picture[:, :4] = (1.0, 0.5, 0.2)
    >>> colour, (right, down), part = seen_light(picture)
    >>> colour.round(1).tolist(), round(right), round(down), part
    ([1.0, 0.5, 0.2], -1, 0, 1.0)
    """
    import numpy as np

    linear = levels.astype(np.float64) ** 2.2
    luma = linear @ (0.2126, 0.7152, 0.0722)
    weight = luma**2 + 1e-9  # the bright parts are the light
    h, w = luma.shape
    x, y = ((np.arange(n) + 0.5) * 2 / n - 1 for n in (w, h))
    total = weight.sum()
    right, down = float((weight * x).sum() / total), float((weight * y[:, None]).sum() / total)
    aside = float(np.hypot(right, down))
    mean = (linear * weight[..., None]).sum((0, 1)) / total
    colour = (mean / max(float(mean.max()), 1e-9)).clip(0, 1) ** (1 / 2.2)
    unit = (right / aside, down / aside) if aside > 1e-6 else (0.0, 0.0)
    return colour, unit, min(aside / ASIDE, 1.0)
