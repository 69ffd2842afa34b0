"""Animated GIF: 256 colours chosen anew for each frame, times in 1/100 s."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
from av.filter import Graph

from relight.media.animation import finish_gif
from relight.media.writer import Output, Writer

_FOR_EVER = 0
_SHORTEST = 2  # of 1/100 s: see `animation.shown`


class GifWriter(Writer):
    """Animated GIF: silent; every frame keeps its time, the last one too, and the repeats."""

    def __init__(self, output: Output) -> None:
        super().__init__(output)
        source, size, fps = output.source, output.size, output.fps
        self.alpha = bool(source and source.alpha)
        plays = _FOR_EVER if source is None or source.plays is None else source.plays
        # FFmpeg counts repeats: -1 is none.
        loop = {0: 0, 1: -1}.get(plays, plays - 1)
        self._out = av.open(
            str(output.part), "w", format="gif", container_options={"loop": str(loop)}
        )
        # Flag 0: whole frames. FFmpeg's frame differences compare palette indices, which say
        # nothing when every frame has its own palette.
        self._video = self._out.add_stream("gif", rate=fps, options={"gifflags": "0"})
        self._video.width, self._video.height = size
        self._video.pix_fmt = "pal8"
        self._video.codec_context.time_base = Fraction(1, 100)
        self._pts = -_SHORTEST
        self._graph = self._palettes()

    def _palettes(self) -> Graph:
        """A palette per frame: one for the whole clip would need the whole clip in memory."""
        graph = Graph()
        source = graph.add_buffer(
            width=self.size[0],
            height=self.size[1],
            format=av.VideoFormat("rgba" if self.alpha else "rgb24"),
            time_base=Fraction(1, 100),
        )
        clear = f":reserve_transparent={int(self.alpha)}"
        split, make = graph.add("split"), graph.add("palettegen", "stats_mode=single" + clear)
        use, sink = graph.add("paletteuse", "new=1"), graph.add("buffersink")
        source.link_to(split)
        split.link_to(make, 0, 0)
        split.link_to(use, 1, 0)
        make.link_to(use, 0, 1)
        use.link_to(sink)
        graph.configure()
        return graph

    def _begin(self) -> None:
        self._name_lost("a GIF")
        if self.source and self.source.depth > 8:
            self._note(f"{self.source.depth}-bit, written as 8-bit: .gif holds no more")
        self._kept_tags("a GIF", ("DPI",))

    def _put(
        self,
        image: np.ndarray,
        alpha: np.ndarray | None,
        time: Fraction,
        duration: Fraction | None,
    ) -> None:
        if self.alpha:
            alpha = np.full(image.shape[:2], 255, np.uint8) if alpha is None else alpha
            image = np.dstack([image, alpha])
        frame = av.VideoFrame.from_ndarray(image, "rgba" if self.alpha else "rgb24")
        frame.pts = round(time * 100)
        if frame.pts - self._pts < _SHORTEST:
            self._note(
                "frames shown for less than 20 ms are left out: players hold each for 1/10 s"
            )
            return
        self._pts = frame.pts
        frame.time_base = Fraction(1, 100)
        self._graph.vpush(frame)
        self._drain()

    def _drain(self) -> None:
        while True:
            try:
                frame = self._graph.vpull()
            except (av.BlockingIOError, av.EOFError):
                return
            frame.duration = max(1, round(100 / self.fps))
            self._out.mux(self._video.encode(frame))

    def _end(self, end: Fraction) -> None:
        self._graph.vpush(None)
        self._drain()
        self._out.mux(self._video.encode(None))
        self._out.close()
        with self._part.open("r+b") as file:
            finish_gif(file, end - Fraction(self._pts, 100), clears=self.alpha)

    def close(self) -> None:
        self._out.close()
