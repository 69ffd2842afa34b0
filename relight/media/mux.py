"""Frames into a video file, beside the source's own sound, subtitles, chapters and tags."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from relight.media import encoders
from relight.media.clip import Frame
from relight.media.codecs import CODECS
from relight.media.companions import Company
from relight.media.formats import written_format
from relight.media.look import EXACT, chroma_of
from relight.media.planes import FORM, PlanarFrame
from relight.media.scheduling import ordinary_threads
from relight.media.writer import Output, Writer

# One clock on which every usual one lands exactly: 1/24, 1/25, 1001/30000, 1001/24000 s,
# milliseconds, QuickTime's 1/600 and MPEG's 1/90000.
_TICK = Fraction(1, 360_000)


class VideoWriter(Writer):
    """A video in MP4, QuickTime, Matroska or WebM."""

    def __init__(self, output: Output) -> None:
        super().__init__(output)
        path, source = output.path, output.source
        self._choice = encoders.choice(path, source, output.size, output.encoding)
        self.depth, self.alpha = self._choice.depth, self._choice.alpha
        self._say_what_changes()
        self._converter = VideoReformatter()  # one for all frames, with its threads
        self._held: av.Packet | None = None
        self._natural_end = Fraction(0)  # of the packets as the encoder timed them
        self._company = None
        if source and output.companions and source.kind == "video":
            length = None
            if output.frames is not None and not source.variable:  # else known once all are there
                length = output.frames / output.fps
            self._company = Company(source, path, output.encoding, self._note, length)
        kind = written_format(path).muxer
        flags = self._company.flags if self._company else ""
        # Matroska numbers segments, tracks and attachments at random, unless it is told not to.
        options = {"fflags": "+bitexact"}
        if kind in ("mp4", "mov"):
            options = {"movflags": "+faststart" + flags}
        try:
            self._out = av.open(str(output.part), "w", format=kind, container_options=options)
        except BaseException:
            self._close_company()
            raise
        try:
            self._video = self._add_video(kind)
            if self._company:
                self._company.join(self._out, self._video)
        except BaseException:
            self.close()
            raise

    def _say_what_changes(self) -> None:
        source, choice = self.source, self._choice
        if source is None:
            return
        usual = self.encoding.codec_name(self.path)
        if choice.name != usual:
            self._note(f"transparent, so written as {choice.name}; --codec {usual} "
                       "or --matte lays it over a colour")  # fmt: skip
        if source.depth > choice.depth:
            deep = [name for name in written_format(self.path).codecs
                    if CODECS[name].linked and max(CODECS[name].pixels) > choice.depth]  # fmt: skip
            hint = f"; --codec {deep[0]} keeps more" if deep and not choice.alpha else ""
            self._note(f"{source.depth}-bit, written as {choice.depth}-bit ({choice.name}){hint}")
        elif source.depth > 8 and choice.depth > 8 and choice.name == "h264":
            self._note("10-bit H.264: browsers and QuickTime need --depth 8 or --codec h265")
        if choice.odd:
            size = f"{self.size[0]}x{self.size[1]}"
            self._note(f"{size} has an odd side: written as 4:4:4, which QuickTime and many "
                       "players don't show; give an even size, or .webm")  # fmt: skip
        kept = chroma_of(av.VideoFormat(choice.pix_fmt))
        if source.chroma > kept and not source.grey:
            name = {4: "4:4:4", 2: "4:2:2"}.get(source.chroma)
            fine = CODECS[choice.name].odd or {}
            hint = f"; --pix-fmt {fine[choice.depth]} keeps it" if choice.depth in fine else ""
            self._note(f"colour at {name}, written as {'4:2:2' if kept == 2 else '4:2:0'}{hint}")
        if source.kind == "animation" and source.plays != 1:
            times = "for ever" if not source.plays else f"{source.plays} times"
            self._note(f"the animation plays {times}; a video plays once")

    def _add_video(self, kind: str) -> av.VideoStream:
        choice = self._choice
        if choice.codec.encoder == "libsvtav1":
            encoders.quiet()
        stream = self._out.add_stream(choice.codec.encoder, rate=self.fps, options=choice.options)
        assert isinstance(stream, av.VideoStream)  # the table's encoders are for pictures
        stream.width, stream.height = self.size
        stream.pix_fmt = choice.pix_fmt
        context = stream.codec_context
        context.time_base = _TICK
        context.color_primaries = context.color_trc = 1  # BT.709
        context.colorspace = 0 if choice.is_rgb else 1
        context.color_range = ColorRange.JPEG if choice.is_rgb else ColorRange.MPEG
        if "265" in choice.name and kind in ("mp4", "mov"):
            context.codec_tag = "hvc1"  # the one that Apple's players know
        return stream

    def _begin(self) -> None:
        self._kept_tags(self.path.suffix, ("DPI",))
        if self._company:
            self._company.begin(self.origin, self.fps)
        try:
            with ordinary_threads():
                self._out.start_encoding()
        except (av.FFmpegError, OSError) as error:
            raise encoders.open_failed(self._choice, error) from error
        if self._company:
            self._company.started()

    def _put(
        self,
        image: np.ndarray,
        alpha: np.ndarray | None,
        time: Fraction,
        duration: Fraction | None,
    ) -> None:
        deep = image.dtype == np.uint16
        form = "rgb48le" if deep else "rgb24"
        if self.alpha:
            form = "rgba64le" if deep else "rgba"
            if alpha is None:
                alpha = np.full(image.shape[:2], 65535 if deep else 255, image.dtype)
            image = np.dstack([image, alpha])
        rgb = self._choice.is_rgb
        # A conversion reads the caller's pixels where they are; an encoder may keep what it gets.
        lent = form != self._video.pix_fmt
        made = av.VideoFrame.from_numpy_buffer if lent else av.VideoFrame.from_ndarray
        frame = self._converter.reformat(
            made(np.ascontiguousarray(image), form),
            format=self._video.pix_fmt,
            src_color_range=ColorRange.JPEG,
            dst_colorspace=None if rgb else Colorspace.ITU709,
            dst_color_range=ColorRange.JPEG if rgb else ColorRange.MPEG,
            interpolation=EXACT,
        )
        self._encode(frame, time)

    def put(self, frame: Frame) -> None:
        """Append a frame; one of 4:2:0 video as it is stored, where it is written so."""
        if not isinstance(frame, PlanarFrame) or self._choice.pix_fmt != FORM:
            super().put(frame)
            return
        self._check(frame.planes.shape, np.dtype(np.uint8), frame.time)
        with self._adding(frame.time, frame.duration) as at:
            picture = frame.planes.picture()
            picture.colorspace, picture.color_range = Colorspace.ITU709, ColorRange.MPEG
            self._encode(picture, at)

    def _encode(self, frame: av.VideoFrame, time: Fraction) -> None:
        frame.color_primaries = frame.color_trc = 1  # ProRes takes them from here
        frame.pts = round(time / _TICK)
        frame.time_base = _TICK
        frame.duration = round(1 / self.fps / _TICK)
        self._mux(self._video.encode(frame))
        if self._company:
            self._company.advance(time)

    def _mux(self, packets: list[av.Packet]) -> None:
        """All packets but the newest, which may turn out to be the last and get its length."""
        for packet in packets:
            length = (packet.duration or 0) * packet.time_base or 1 / self.fps
            until = (packet.pts or 0) * packet.time_base + length
            self._natural_end = max(self._natural_end, until)
            if self._held is not None:
                self._out.mux(self._held)
            self._held = packet

    def _end(self, end: Fraction) -> None:
        packets = self._video.encode(None)
        if self._held is None and self._choice.codec.encoder == "libx265":
            _set_decoding_times(packets)
        self._mux(packets)
        last, self._held = self._held, None
        if last is not None:
            tick = last.time_base
            if end > self._natural_end + 1 / (2 * self.fps):  # held, or longer than others
                last.duration = max(last.duration or 0, round(end / tick) - (last.pts or 0))
            self._out.mux(last)
        if self._company:
            self._company.finish(end)
        self._out.close()  # writes the index: a full disk may show only here

    def close(self) -> None:
        self._close_company()
        self._out.close()

    def _close_company(self) -> None:
        if self._company:
            self._company.close()


def _set_decoding_times(packets: list[av.Packet]) -> None:
    """Give all packets of a clip a time to be decoded at, in their order.

    x265 works it out when it has seen a few frames; of a clip of one or two, the numbers are what
    happened to be in memory.
    """
    times = sorted(packet.pts or 0 for packet in packets)
    late = max((t - (p.pts or 0) for t, p in zip(times, packets, strict=True)), default=0)
    for time, packet in zip(times, packets, strict=True):
        packet.dts = time - late
