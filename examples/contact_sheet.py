"""A contact sheet: rows of frames with captions, as one PNG.

python -m examples.contact_sheet sheet.png source.mp4 relit.mp4
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from relight import media

CAPTION = 16
"""Height of a caption, in pixels."""


def spread(path: Path | str, count: int) -> list[np.ndarray]:
    """`count` frames of a clip, evenly spread from the first to the last."""
    times = [frame.time for frame in media.read(path)]
    chosen = {round(i * (len(times) - 1) / max(count - 1, 1)) for i in range(count)}
    return [frame.image for i, frame in enumerate(media.read(path)) if i in chosen]


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


def main() -> None:
    """Write a sheet of the clips named on the command line."""
    target, *clips = sys.argv[1:]
    contact_sheet({Path(clip).stem: spread(clip, 5) for clip in clips}).save(target)


if __name__ == "__main__":
    main()
