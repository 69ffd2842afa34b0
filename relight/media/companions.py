"""What the source holds beside its pictures, and travels along: sound, subtitles, chapters, tags.

Packets are copied one by one and kept in sync; what the target can't hold is named in a note.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
from av.container import OutputContainer
from av.stream import Discard, Disposition, Stream

from relight.media.clip import VideoInfo
from relight.media.clock import Clock
from relight.media.formats import written_format
from relight.media.labels import label
from relight.media.opening import ART, open_media
from relight.media.options import Encoding
from relight.media.tracks import track

_TECHNICAL = {"encoder", "major_brand", "minor_version", "compatible_brands", "handler_name"}
_TECHNICAL |= {"duration", "vendor_id", "timecode"}
_PLACE = re.compile(r"location|gps|geo", re.IGNORECASE)
_QUICKTIME = "com.apple.quicktime."
_LOOK_ON = 10  # seconds after the end in which a badly interleaved file may still hold packets
_TIMECODE_FPS = {24, 25, 30, 48, 50, 60, 100, 120, 150}  # those that FFmpeg counts frames for


class Company:
    """The source's other streams and its tags.

    Made before the output is opened (`flags`), then `join`, `begin`, `advance` and `finish`.
    """

    def __init__(
        self,
        source: VideoInfo,
        path: Path,
        encoding: Encoding,
        on_note: Callable[[str], None],
        length: Fraction | None,
    ) -> None:
        self._source, self._on_note, self._length = source, on_note, length
        self._suffix, self._target = path.suffix.lower(), written_format(path)
        self._keep = encoding.keep_metadata
        self._origin = Fraction(0)  # in Frame.time's seconds
        self._file_zero = source.origin  # the file's own time at Frame.time 0
        self._in = open_media(source.path)
        self._clock = Clock() if Clock.needed(self._in) else None
        self._held: tuple[Fraction, av.Packet] | None = None
        # A subtitle is written when it is over: only then is it known whether the clip ends
        # before it does.
        self._cues: list[tuple[Fraction, av.Packet]] = []
        self._tags = self._kept_tags()

    @property
    def flags(self) -> str:
        """What to add to the muxer's movflags, to hold the tags of cameras and phones."""
        return "+use_metadata_tags" if any(_QUICKTIME in key for key in self._tags) else ""

    def join(self, out: OutputContainer, video: av.VideoStream) -> None:
        """Add what travels along to an output that has its video stream, before its header."""
        self._out, self._video = out, video
        out.metadata.update(self._tags)
        self._name_lost_tags()
        found = [*self._in.streams.audio, *self._in.streams.subtitles]
        pictures = next(s for s in self._in.streams.video if not s.disposition & ART)
        label(video, pictures, self._target, self._on_note)
        lines = {s.index: track(s, out, self._target, self._suffix, self._on_note) for s in found}
        self._lines = {index: line for index, line in lines.items() if line}
        self._attach()
        self._art = self._add_art()
        self._other_streams()
        for stream in self._in.streams:
            heard = stream.index in self._lines or (self._clock and stream == pictures)
            if not heard:
                stream.discard = Discard.all  # the demuxer skips over its bytes
        self._packets = self._demux()

    def begin(self, origin: Fraction, fps: Fraction) -> None:
        """Set what depends on where the output begins in the source, before its header."""
        self._origin = origin
        self._set_chapters()
        self._set_timecode(fps)

    def started(self) -> None:
        """Write what stands at the beginning, right after the header."""
        for stream, data in self._art:
            packet = av.Packet(data)
            packet.stream, packet.pts, packet.dts = stream, 0, 0
            packet.is_keyframe = True
            self._out.mux(packet)

    # -- tags, chapters, attachments ------------------------------------------------------------

    def _kept_tags(self) -> dict[str, str]:
        if self._keep is False:
            return {}
        tags = {k: v for k, v in self._in.metadata.items() if k.lower() not in _TECHNICAL}
        places = [key for key in tags if _PLACE.search(key)]
        if places and self._keep is None:
            self._on_note("the place where it was taken is left out; --keep-metadata keeps it")
            tags = {key: value for key, value in tags.items() if key not in places}
        return tags

    def _name_lost_tags(self) -> None:
        known = self._target.tags
        if known is None or self.flags:  # any tag, or those of cameras, which hold any too
            return
        lost = sorted(key for key in self._tags if _plain(key) not in known)
        if lost:
            self._on_note(
                f"tags ({', '.join(lost)}) do not fit into {self._suffix}, left out; "
                ".mkv keeps them"
            )

    def _set_chapters(self) -> None:
        kept = []
        for chapter in self._in.chapters() if self._keep is not False else ():
            tick = chapter["time_base"] or Fraction(1)
            move = self._file_zero + self._origin
            start, end = (chapter[key] * tick - move for key in ("start", "end"))
            if self._length is not None:
                end = min(end, self._length)
            if end > max(start, 0):
                times = {"start": round(max(start, 0) * 1000), "end": round(end * 1000)}
                kept.append(chapter | times | {"id": len(kept) + 1, "time_base": Fraction(1, 1000)})
        if kept:
            self._out.set_chapters(kept)

    def _set_timecode(self, fps: Fraction) -> None:
        sources = [s.metadata for s in self._in.streams] + [self._in.metadata]
        code = next((v for tags in sources for k, v in tags.items() if k.lower() == "timecode"), "")
        if not code or self._keep is False:
            return
        moved = later_timecode(code, self._origin, fps)
        if moved is None:
            self._on_note(f"time code {code} can't be counted on at {float(fps):g} fps, left out")
        else:
            self._video.metadata["timecode"] = moved

    def _attach(self) -> None:
        """Attached files: fonts of subtitles, mostly."""
        files = list(self._in.streams.attachments)
        if files and not self._target.attachments:
            names = ", ".join(str(stream.name) for stream in files)
            self._on_note(f"attachments ({names}) do not fit into {self._suffix}, left out")
            return
        for stream in files:
            kind = stream.mimetype or "application/octet-stream"
            self._out.add_attachment(stream.name or "attachment", kind, stream.data)

    def _add_art(self) -> list[tuple[Stream, bytes]]:
        """Cover pictures; (stream, data) of those that are written as packets."""
        found = []
        for stream in self._in.streams.video:
            if not stream.disposition & ART or not (data := self._art_of(stream.index)):
                continue
            if self._target.attachments:
                name = "png" if data.startswith(b"\x89PNG") else "jpeg"
                self._out.add_attachment(
                    f"cover.{name[:3].replace('jpe', 'jpg')}", f"image/{name}", data
                )
            elif self._target.muxer == "mp4":  # FFmpeg writes none into QuickTime
                to = self._out.add_stream_from_template(stream, opaque=True)
                to.disposition = Disposition.attached_pic
                found.append((to, data))
            else:
                self._on_note(f"its cover picture does not fit into {self._suffix}, left out")
        return found

    def _art_of(self, index: int) -> bytes:
        with open_media(self._source.path) as again:
            stream = again.streams[index]
            return next((bytes(p) for p in again.demux(stream) if p.size), b"")

    def _other_streams(self) -> None:
        """Name what nothing here can carry: more videos, a camera's data."""
        more = [s for s in self._in.streams.video if not s.disposition & ART][1:]
        if more:
            self._on_note(f"the first video stream is taken; {len(more)} more left out")
        # MP4 and QuickTime store a time code, and the titles of chapters, as tracks of data.
        chapters = "mp4" in self._in.format.name and bool(self._in.chapters())
        data = [
            s
            for s in self._in.streams.data
            if "timecode" not in s.metadata and not (chapters and s.name == "bin_data")
        ]
        if data:
            what = "a data stream" if len(data) == 1 else f"{len(data)} data streams"
            self._on_note(f"{what} (measurements of a camera, mostly) left out")

    # -- packets ----------------------------------------------------------------------------------

    def _demux(self) -> Iterator[tuple[Fraction, av.Packet]]:
        """Pairs of (begin in output seconds, packet)."""
        streams = [s for s in self._in.streams if s.discard != Discard.all]
        for packet in self._in.demux(*streams) if self._lines else ():
            if not packet.size:
                continue
            if self._clock and packet.stream.type != "subtitle":
                self._clock.set(packet)
            stamp = packet.dts if packet.pts is None else packet.pts
            if packet.stream_index in self._lines and stamp is not None:
                yield stamp * packet.time_base - self._file_zero - self._origin, packet

    def advance(self, until: Fraction) -> None:
        """Write what begins before `until`, in seconds of the output."""
        while held := self._held or next(self._packets, None):
            self._held = held
            if held[0] >= until:
                break
            self._held = None
            self._write(*held, until)
        self._write_cues(until, is_end=False)

    def finish(self, end: Fraction) -> None:
        """Write the rest of what begins before `end`."""
        for begin, packet in chain([self._held] if self._held else [], self._packets):
            if begin >= end + _LOOK_ON:
                break
            if begin < end:
                self._write(begin, packet, end)
        self._write_cues(end, is_end=True)
        for line in self._lines.values():
            self._out.mux(line.flush())

    def _write(self, begin: Fraction, packet: av.Packet, end: Fraction) -> None:
        line = self._lines[packet.stream_index]
        if line.is_text:
            self._cues.append((begin, packet))
        else:
            self._out.mux(line.take(packet, begin, end))

    def _write_cues(self, end: Fraction, is_end: bool) -> None:
        """Write the subtitles that are over at `end`; at the very end, all, cut to it."""
        waiting = []
        for begin, packet in self._cues:
            if is_end or begin + (packet.duration or 0) * packet.time_base <= end:
                self._out.mux(self._lines[packet.stream_index].take(packet, begin, end))
            else:
                waiting.append((begin, packet))
        self._cues = waiting

    def close(self) -> None:
        self._in.close()


def names_of(path: Path, encoding: Encoding) -> list[str]:
    """What a video file holds beside its pictures, in words, for formats that hold none of it."""
    with open_media(path) as container:
        streams = container.streams
        found = {
            "sound": streams.audio,
            "subtitles": streams.subtitles,
            "attachments": streams.attachments,
            "cover picture": [s for s in streams.video if s.disposition & ART],
        }
        if encoding.keep_metadata is not False:
            found["chapters"] = container.chapters()
            found["tags"] = [k for k in container.metadata if k.lower() not in _TECHNICAL]
            found["time code"] = [s for s in streams if "timecode" in map(str.lower, s.metadata)]
        return [name for name, there in found.items() if there]


def _plain(tag: str) -> str:
    """The name of a tag without its language, in lower case: "location-eng" is "location"."""
    return re.sub(r"-[a-z]{3}$", "", tag.lower())


def later_timecode(code: str, by: Fraction, fps: Fraction) -> str | None:
    """A time code `by` seconds later; None where its frames can't be counted.

    >>> later_timecode("01:00:00:00", Fraction(1, 2), Fraction(25))
    '01:00:00:12'
    >>> later_timecode("00:00:59;28", Fraction(2, 30), Fraction(30000, 1001))
    '00:01:00;02'
    """
    parts = re.fullmatch(r"(\d+):(\d+):(\d+)([:;.])(\d+)", code)
    rate = round(fps)
    if parts is None or rate not in _TIMECODE_FPS:
        return None
    hours, minutes, seconds, frames = (int(parts[i]) for i in (1, 2, 3, 5))
    drops = 2 * (rate // 30) if parts[4] != ":" and rate % 30 == 0 else 0
    total = minutes + 60 * hours
    count = ((total * 60) + seconds) * rate + frames - drops * (total - total // 10)
    count += round(by * fps)
    if drops:  # drop-frame: numbers 0 and 1 are left out each minute but the tenth
        tens, rest = divmod(count, 600 * rate - 9 * drops)
        count += 9 * drops * tens + drops * max((rest - drops) // (60 * rate - drops), 0)
    seconds, frames = divmod(count, rate)
    clock = f"{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{clock}{parts[4]}{frames:02}"
