"""Words for the page: what a clip is, how long something takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from relight.media import VideoInfo


def facts(info: VideoInfo, still: bool) -> list[str]:
    """What a clip is: size, rate, length, sound."""
    parts = [f"{info.width} × {info.height}"]
    if still:
        return [*parts, "picture"]
    if info.duration and info.duration > 0:
        parts += [f"{float(info.fps):.4g} frames a second", duration(info.duration)]
    return [*parts, "with sound" if info.has_audio else "no sound"]


def notes(info: VideoInfo) -> list[str]:
    """What one should know about a clip."""
    said = [sentence(one) for one in info.notes]
    return [*said, "HDR is mapped to SDR."] if info.hdr else said


def sentence(note: str) -> str:
    """a single image -> A single image."""
    return note[:1].upper() + note[1:].rstrip(".") + "."


def size(count: int) -> str:
    """5e6 -> 5 MB, 3e9 -> 3.0 GB."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(round(count / 1e6), 1)} MB"


def duration(seconds: float) -> str:
    """0.4 -> 0.4 s, 12.3 -> 12 s, 75 -> 1:15 min, 4000 -> 1:06 h."""
    if seconds < 9.95:
        return f"{seconds:.1f}\u00a0s"
    if seconds < 59.5:
        return f"{seconds:.0f}\u00a0s"
    minutes = round(seconds) // 60
    if minutes < 60:
        return f"{minutes}:{round(seconds) % 60:02} min"
    return f"{minutes // 60}:{minutes % 60:02} h"
