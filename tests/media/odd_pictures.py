"""Pictures of kinds that are seldom met: of other depths, inks and turns, transparent, animated."""

import cv2
import numpy as np
from PIL import Image

SHAPE = np.zeros((12, 18), np.uint8)
SHAPE[2:8, 3:9] = 255
COLOURS = np.dstack([SHAPE, 255 - SHAPE, SHAPE // 2])


def _palette(path):
    image = Image.fromarray(SHAPE // 255).convert("P")
    image.putpalette([0, 0, 0, 255, 255, 255] + [0] * 750)
    image.save(path, transparency=0)


def _turned(path):
    exif = Image.Exif()
    exif[0x112] = 6  # turned by a quarter when it is shown
    Image.fromarray(np.rot90(COLOURS).copy()).save(path, exif=exif, quality=100, subsampling=0)


ODD = {
    "one bit.png": (lambda p: Image.fromarray(SHAPE).convert("1").save(p), SHAPE),
    "palette.png": (_palette, SHAPE),
    "all its shape is transparency.png": (
        lambda p: Image.fromarray(np.dstack([SHAPE * 0 + 255] * 3 + [SHAPE])).save(p),
        SHAPE,
    ),
    "grey with transparency.png": (
        lambda p: Image.fromarray(np.dstack([SHAPE * 0 + 255, SHAPE])).save(p),
        SHAPE,
    ),
    "turned.jpg": (_turned, COLOURS),
    "ink.tif": (lambda p: Image.fromarray(COLOURS).convert("CMYK").save(p), COLOURS),
    "sixteen bits.png": (
        lambda p: cv2.imwrite(str(p), COLOURS[..., ::-1].astype(np.uint16) * 257),
        COLOURS,
    ),
    "float.tif": (
        lambda p: cv2.imwrite(str(p), COLOURS[..., ::-1].astype(np.float32) / 255),
        COLOURS,
    ),
    "pages.tif": (
        lambda p: Image.fromarray(COLOURS).save(
            p, save_all=True, append_images=[Image.fromarray(COLOURS * 0)]
        ),
        COLOURS,
    ),
}


def moves(path):
    """An animation of three frames, half a second each, in which the picture moves to the right."""
    frames = [Image.fromarray(np.roll(COLOURS, 6 * i, 1)) for i in range(3)]
    kept = {"lossless": True} if path.suffix == ".webp" else {}
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=500, loop=0, **kept)
    return path
