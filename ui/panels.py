"""Small pieces of HTML: what happens next, how far a run is, what a clip is, what went wrong.

All text that comes from a user, a file or an error is escaped here and nowhere else.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from relight.media import VideoInfo


def note(text: str, kind: str = "idle") -> str:
    """One line in a box. kind: idle, good, bad."""
    role = ' role="alert"' if kind == "bad" else ' role="status"'
    return f'<div class="panel {kind}"{role}>{escape(text)}</div>'


def progress(stage: str, fraction: float, seconds_left: float | None) -> str:
    """A bar with the stage, the part done and the time left."""
    percent = round(100 * min(max(fraction, 0), 1))
    left = "" if seconds_left is None else f"{duration(seconds_left)} left"
    return (
        '<div class="panel busy" role="status">'
        f'<div class="row"><b>{escape(stage.capitalize())}</b><span>{left}</span></div>'
        f'<div class="bar" role="progressbar" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{percent}" aria-label="{escape(stage)}">'
        f'<i style="width:{percent}%"></i></div>'
        f'<div class="row"><span>{percent} %</span></div></div>'
    )


def facts(info: VideoInfo, name: str) -> str:
    """What a clip is: size, rate, length, sound, and the notes on it."""
    size = f"{info.width} × {info.height}"
    parts = [size]
    if info.duration and info.duration > 0:
        parts += [f"{float(info.fps):.4g} frames a second", duration(info.duration)]
    parts.append("with sound" if info.has_audio else "no sound")
    chips = "".join(f"<span>{escape(part)}</span>" for part in parts)
    notes = "".join(f"<p>{escape(one[:1].upper() + one[1:])}.</p>" for one in info.notes)
    title = f'<span class="name" title="{escape(name)}">{escape(name)}</span>'
    return f'<div class="facts" role="status">{title}{chips}{notes}</div>'


def fault(text: str) -> str:
    """What is wrong with a clip, in the place of its facts."""
    return f'<div class="facts bad" role="alert">{escape(text)}</div>'


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
