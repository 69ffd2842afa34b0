"""Frames into pictures: an animated GIF, one still image, or a numbered PNG sequence."""

import logging
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from relight.errors import InputError
from relight.media.clip import VideoInfo
from relight.media.mux import Writer

log = logging.getLogger(__name__)

# Pillow's format and settings. JPEG 4:4:4 keeps the colour of every pixel; WebP has only 4:2:0.
STILLS = {
    ".png": ("PNG", {}),
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".webp": ("WEBP", {"quality": 95}),
}
_WEBP_SIDE = 16383


class GifWriter(Writer):
    """Animated GIF: silent, 256 colours chosen anew for each frame, times in 1/100 s."""

    def __init__(
        self, part: Path, path: Path, *, size: tuple[int, int], fps: Fraction, start: float
    ) -> None:
        super().__init__(path, size, fps, start)
        self._out = av.open(str(part), "w", format="gif")
        # Flag 0: whole frames. FFmpeg's frame differences compare palette indices, which say
        # nothing when every frame has its own palette.
        self._video = self._out.add_stream("gif", rate=fps, options={"gifflags": "0"})
        self._video.width, self._video.height = size
        self._video.pix_fmt = "pal8"
        self._video.codec_context.time_base = Fraction(1, 100)
        self._pts = -1
        self._graph = self._palettes()

    def _palettes(self) -> av.filter.Graph:
        """A palette per frame: one for the whole clip would need the whole clip in memory."""
        graph = av.filter.Graph()
        source = graph.add_buffer(
            width=self.size[0], height=self.size[1], format="rgb24", time_base=Fraction(1, 100)
        )
        split, make = graph.add("split"), graph.add("palettegen", "stats_mode=single")
        use, sink = graph.add("paletteuse", "new=1"), graph.add("buffersink")
        source.link_to(split)
        split.link_to(make, 0, 0)
        split.link_to(use, 1, 0)
        make.link_to(use, 0, 1)
        use.link_to(sink)
        graph.configure()
        return graph

    def _begin(self) -> None:
        pass

    def _put(self, image: np.ndarray, time: Fraction) -> None:
        frame = av.VideoFrame.from_ndarray(image, "rgb24")
        self._pts = frame.pts = max(round(time * 100), self._pts + 1)
        frame.time_base = Fraction(1, 100)
        self._graph.vpush(frame)
        self._drain()

    def _drain(self) -> None:
        while True:
            try:
                frame = self._graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            frame.duration = max(1, round(100 / self.fps))
            self._out.mux(self._video.encode(frame))

    def _end(self, end: Fraction) -> None:
        self._graph.vpush(None)
        self._drain()
        self._out.mux(self._video.encode(None))
        self._out.close()

    def close(self) -> None:
        self._out.close()


class StillWriter(Writer):
    """One image: PNG, JPEG or WebP."""

    def __init__(
        self, part: Path, path: Path, *, size: tuple[int, int], fps: Fraction, start: float
    ) -> None:
        super().__init__(path, size, fps, start)
        self._part = part
        self._suffix = path.suffix.lower()
        if self._suffix == ".webp" and max(size) > _WEBP_SIDE:
            raise InputError(f"{path}: .webp holds {_WEBP_SIDE} pixels a side; give .png or .jpg")

    def _begin(self) -> None:
        pass

    def _put(self, image: np.ndarray, time: Fraction) -> None:
        if self.count:
            raise InputError(
                f"{self.path}: {self._suffix} holds one frame; "
                "give .mp4, .mov, .mkv, .webm, .gif or a sequence (%05d.png)"
            )
        kind, settings = STILLS[self._suffix]
        Image.fromarray(image).save(self._part, format=kind, **settings)

    def _end(self, end: Fraction) -> None:
        pass

    def close(self) -> None:
        pass


class SequenceWriter(Writer):
    """PNG pictures numbered from 1 in the folder `part`: silent, and without times."""

    def __init__(
        self,
        part: Path,
        path: Path,
        source: VideoInfo | None,
        *,
        size: tuple[int, int],
        fps: Fraction,
        start: float,
    ) -> None:
        super().__init__(path, size, fps, start)
        self._part = part
        if source and source.has_audio:
            log.warning("%s: a PNG sequence holds no sound, left out", path)

    def _begin(self) -> None:
        self._part.mkdir()

    def _put(self, image: np.ndarray, time: Fraction) -> None:
        name = self.path.name % (self.count + 1)
        Image.fromarray(image).save(self._part / name, format="PNG")

    def _end(self, end: Fraction) -> None:
        pass

    def close(self) -> None:
        pass
