"""A contact sheet: rows of frames with captions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from relight import media

CAPTION = 16
"""Height of a caption, in pixels."""


def spread(path: Path | str, count: int, frames: int | None = None) -> list[np.ndarray]:
    """`count` frames of a clip, evenly spread from the first to the last (of `frames`)."""
    times = [frame.time for frame in media.read(path, frames=frames)]
    chosen = {round(i * (len(times) - 1) / max(count - 1, 1)) for i in range(count)}
    return [frame.image for i, frame in enumerate(media.read(path, frames=frames)) if i in chosen]


def contact_sheet(rows: dict[str, list[np.ndarray]], width: int = 240) -> Image.Image:
    """Rows of frames (h, w, 3) uint8, each `width` pixels wide, each row under its caption."""
    columns = max(len(frames) for frames in rows.values())
    heights = [round(width * row[0].shape[0] / row[0].shape[1]) for row in rows.values()]
    sheet = Image.new("RGB", (columns * width, sum(heights) + len(rows) * CAPTION), "white")
    draw = ImageDraw.Draw(sheet)
    top = 0
    for (caption, frames), height in zip(rows.items(), heights, strict=True):
        draw.text((4, top + 2), caption, fill="black")
        for column, frame in enumerate(frames):
            small = Image.fromarray(frame).resize((width, height), Image.Resampling.LANCZOS)
            sheet.paste(small, (column * width, top + CAPTION))
        top += height + CAPTION
    return sheet
