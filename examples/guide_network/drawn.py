"""Text and line art, drawn large and made smaller by area: what photos hold too little of."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

OVERSAMPLING = 4
FONTS = Path("/usr/share/fonts/truetype/dejavu")  # free; else matplotlib's copy, else Pillow's
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,;:!?()%&+-=/#@"


@cache
def fonts() -> tuple[str, ...]:
    """Font files to draw with; empty where there are none."""
    folder = FONTS
    if not folder.is_dir() and importlib.util.find_spec("matplotlib"):
        import matplotlib

        folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return tuple(str(path) for path in sorted(folder.glob("DejaVu*[!y].ttf")))


def drawing(side: int, rng: np.random.Generator) -> np.ndarray:
    """(side, side, 3) uint8: lines of text, or line art."""
    large = side * OVERSAMPLING
    paper, ink = colours(rng)
    canvas = Image.new("RGB", (large, large), paper)
    draw = ImageDraw.Draw(canvas)
    if rng.random() < 0.5:
        write(draw, large, ink, rng)
    else:
        line_art(draw, large, ink, rng)
    return np.asarray(canvas.resize((side, side), Image.Resampling.BOX))


def colours(rng: np.random.Generator) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """A background and an ink; half of the time grey ones."""
    if rng.random() < 0.5:
        pair = [(int(v),) * 3 for v in rng.choice((0, 20, 60, 130, 200, 240, 255), 2, False)]
    else:
        pair = [tuple(int(v) for v in rng.integers(0, 256, 3)) for _ in range(2)]
    return pair[0], pair[1]


def write(
    draw: ImageDraw.ImageDraw, large: int, ink: tuple[int, ...], rng: np.random.Generator
) -> None:
    """Lines of random letters, 7 to 40 pixels high in the sharp crop."""
    size = OVERSAMPLING * float(np.exp(rng.uniform(np.log(7), np.log(40))))
    found = fonts()
    font = (
        ImageFont.truetype(found[rng.integers(len(found))], round(size))
        if found
        else ImageFont.load_default(size)
    )
    top = rng.uniform(-0.5, 0.5) * size
    while top < large:
        text = "".join(
            " " if rng.random() < 0.15 else LETTERS[rng.integers(len(LETTERS))] for _ in range(60)
        )
        draw.text((-rng.uniform(0, size), top), text, fill=ink, font=font)
        top += size * rng.uniform(1.0, 1.5)


def line_art(
    draw: ImageDraw.ImageDraw, large: int, ink: tuple[int, ...], rng: np.random.Generator
) -> None:
    """Filled shapes with outlines, straight and curved lines of 1 to 5 pixels, fine gratings."""
    for _ in range(rng.integers(1, 6)):
        box = sorted(rng.integers(-large // 4, large + large // 4, 2)) + sorted(
            rng.integers(-large // 4, large + large // 4, 2)
        )
        corners = (int(box[0]), int(box[2]), int(box[1]) + 1, int(box[3]) + 1)
        fill = tuple(int(v) for v in rng.integers(0, 256, 3)) if rng.random() < 0.7 else None
        width = int(OVERSAMPLING * rng.uniform(0.7, 5))
        shape = draw.ellipse if rng.random() < 0.5 else draw.rectangle
        shape(corners, fill=fill, outline=ink, width=width)
    for _ in range(rng.integers(2, 14)):
        width = int(OVERSAMPLING * rng.uniform(0.7, 4))
        points = [tuple(int(v) for v in rng.integers(0, large, 2)) for _ in range(3)]
        draw.line(points, fill=ink, width=width, joint="curve")
    if rng.random() < 0.2:
        step = int(OVERSAMPLING * rng.uniform(2.5, 8))
        slant = int(rng.uniform(-0.5, 0.5) * large)
        for x in range(-large // 2, large + large // 2, step):
            draw.line([(x, 0), (x + slant, large)], fill=ink, width=max(step // 2, 1))
