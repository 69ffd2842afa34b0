"""Animated GIF decoded frame by frame, by FFmpeg: it clears frames away as browsers do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
from av.video.reformatter import VideoReformatter

from relight.media.clip import PIXEL_LIMIT
from relight.media.pictures_in import Pixels, parted


def read_gif(path: Path) -> Iterator[Pixels]:
    """Each frame of a GIF file as shown: whole, with its transparency."""
    with av.open(
        str(path.absolute()),
        format="gif",
        container_options={"protocol_whitelist": "file", "ignore_loop": "1"},
    ) as container:
        container.streams.video[0].codec_context.options = {"max_pixels": str(PIXEL_LIMIT)}
        converter = VideoReformatter()
        for frame in container.decode(video=0):
            yield parted(converter.reformat(frame, format="rgba").to_ndarray())
