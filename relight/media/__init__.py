"""Files <-> frames: timing, sound, colour, depth, rotation, tags; streaming both ways.

    source = probe("in.mp4")
    with write("out.mp4", source, size=(source.width, source.height), fps=source.fps) as out:
        for frame in read("in.mp4"):
            out.put(frame)

`relight.media.formats` is the one table of what is read and written. Nothing here holds more than a
few frames. The names below load on first use: `formats` and `options` cost nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from relight.media.clip import PIXEL_LIMIT, Frame, Loss, Moment, VideoInfo
    from relight.media.depth import to_float, to_uint8, to_uint16
    from relight.media.options import Encoding, Reading
    from relight.media.places import first_file
    from relight.media.planes import PlanarFrame
    from relight.media.reading import frames_before, moments, probe, read
    from relight.media.shown import frame_at
    from relight.media.writer import Writer
    from relight.media.writing import check_many, check_output, write

_HOME = {
    "clip": ("PIXEL_LIMIT", "Frame", "Loss", "Moment", "VideoInfo"),
    "depth": ("to_float", "to_uint8", "to_uint16"),
    "options": ("Encoding", "Reading"),
    "places": ("first_file",),
    "planes": ("PlanarFrame",),
    "reading": ("frames_before", "moments", "probe", "read"),
    "shown": ("frame_at",),
    "writer": ("Writer",),
    "writing": ("check_many", "check_output", "write"),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "PIXEL_LIMIT",
    "Encoding",
    "Frame",
    "Loss",
    "Moment",
    "PlanarFrame",
    "Reading",
    "VideoInfo",
    "Writer",
    "check_many",
    "check_output",
    "first_file",
    "frame_at",
    "frames_before",
    "moments",
    "probe",
    "read",
    "to_float",
    "to_uint8",
    "to_uint16",
    "write",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE:
        raise AttributeError(f"module 'relight.media' has no attribute {name!r}")
    return getattr(import_module(f"relight.media.{_MODULE[name]}"), name)
