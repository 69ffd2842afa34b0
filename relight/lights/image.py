"""A picture as the light: bright where the light is, its colours count too."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from relight.errors import InputError, RelightError
from relight.lights import fields
from relight.lights import text as grammar
from relight.lights.base import Light, is_word, register

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image


@register
@dataclass(frozen=True)
class ImageLight(Light):
    """A picture file of any size and shape, stretched to the frame.

    >>> str(ImageLight("sky.png")), str(ImageLight("a + b.png"))
    ('sky.png', '"a + b.png"')
    """

    words: ClassVar = ("image",)
    usage: ClassVar = "the path of a picture"
    suffixes: ClassVar = (
        *(".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"),
        *(".avif", ".heic", ".heif"),
    )

    path: Path = fields.file("a picture that is bright where the light is")
    tonemap: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `image:path`; the word is left out where the file's suffix tells."""
        return cls(file_path(text))

    def __str__(self) -> str:
        return file_text(self, self.path)

    def for_clip(self, fps: float, tonemap: bool = False) -> ImageLight:
        return dataclasses.replace(self, tonemap=tonemap)

    def check(self) -> None:
        """Raise InputError or MediaError where it can't be read as a picture."""
        _ = self._pixels

    def level_map(self, height: int, width: int, seconds: float = 0.0) -> np.ndarray:
        return stretched(self._pixels, height, width)

    def __getstate__(self) -> dict[str, Any]:
        # Not the picture, which other processes read themselves.
        return {"path": self.path, "tonemap": self.tonemap}

    @cached_property
    def _pixels(self) -> np.ndarray:
        from relight import media
        from relight.media.depth import to_float

        if not self.path.is_file():
            raise InputError(f"there is no light picture {self.path}: check the path")
        try:
            how = media.Reading(tonemap=self.tonemap)
            frames = media.read(self.path, how=how, on_note=lambda note: None)
            pixels = next(frames).flat()  # transparent is dark: no light comes from there
        except RelightError as error:
            if error.field == "tonemap":
                raise
            raise InputError(
                f"the light image {self.path} can't be read: give a PNG or JPEG"
            ) from None
        return pixels if pixels.dtype.name == "uint8" else to_float(pixels)


def as_array(image: Image.Image) -> np.ndarray:
    """A picture, upright -> (h, w, 3) uint8, or (h, w) float32 in [0, 1] if it has 16 bits."""
    import numpy as np
    from PIL import ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):  # Pillow's own conversion would clip them to 8
        return np.asarray(image, dtype=np.float32) / 65535
    return np.asarray(image if image.mode == "F" else image.convert("RGB"))


def stretched(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """(h, w) or (h, w, 3), uint8 or float in [0, 1] -> (height, width, 3) float32 in [0, 1]."""
    import numpy as np
    from PIL import Image

    grey = pixels[..., None] if pixels.ndim == 2 else pixels
    layers = [np.ascontiguousarray(layer, np.float32) for layer in np.moveaxis(grey, -1, 0)]
    if layers[0].shape != (height, width):
        size, how = (width, height), Image.Resampling.BILINEAR
        layers = [np.asarray(Image.fromarray(layer).resize(size, how)) for layer in layers]
    levels = np.stack(layers * (3 // len(layers)), axis=-1)
    return (levels / 255 if pixels.dtype == np.uint8 else levels).clip(0, 1)


def file_path(text: str) -> Path:
    """The path in `word:path`."""
    path = grammar.unquoted(text.partition(":")[2].strip())
    if not path or "\0" in path:
        raise InputError("give the path of a file")
    return Path(path)


def file_text(light: Light, path: Path) -> str:
    """A light that is a file, as it is written: its path, with the word where it is needed."""
    clear = path.suffix.lower() in light.suffixes and not is_word(str(path).partition(":")[0])
    return ("" if clear else f"{light.words[0]}:") + grammar.quoted(str(path))
