"""A job's light, ready to be used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from relight.errors import InputError
from relight.lights.base import Light, parse_light
from relight.lights.later import Later
from relight.lights.moving import MovingLight

SLACK_SECONDS = 0.1
"""How far a keyframe may be past the end: clips end a frame before the time people read."""


def asked(light: str | Light | Sequence[str | Light], light_at: Sequence[str] = ()) -> Light:
    """A job's light as it is written: that of its keyframes, if there are any.

    >>> str(asked("left", ["0=top"]))
    'keyframes:(0=top)'
    """
    return MovingLight.read(light_at) if light_at else parse_light(light)


def resolve(
    light: str | Light | Sequence[str | Light],
    light_at: Sequence[str] = (),
    clip_seconds: float | None = None,
    *,
    tonemap: bool = False,
) -> Light:
    """A job's light: parsed, its files checked.

    Args:
        light: where there are no keyframes.
        light_at: keyframes, `SECONDS=LIGHT`; seconds since the first frame that is lit.
        clip_seconds: how long the clip is from there on, if known: no keyframe may be past it.
        tonemap: files of HDR are mapped to SDR; False: they are refused.

    Returns:
        A light whose `level_map(height, width, seconds)` is the map at a time; `moving` says
        whether it depends on the time.

    Raises:
        InputError, MediaError: one line that names the value and what to use.

    >>> resolve("left").moving
    False
    >>> light = resolve("left", ["0=point:x=0", "4=point:x=1"])
    >>> light.moving, light.at(1.0).x, light.level_map(90, 160, 1.0).shape
    (True, 0.25, (90, 160, 3))
    """
    found = asked(light, light_at).for_clip(0.0, tonemap=tonemap)
    found.check()
    for moving in _moving(found):
        last = moving.keyframes[-1]
        if clip_seconds is not None and last.seconds > clip_seconds + SLACK_SECONDS:
            raise InputError(
                f"keyframe {str(last)!r} is past the end of the clip, which lasts "
                f"{clip_seconds:.2f} s: give an earlier time"
            )
    return found


def _moving(light: Light) -> Iterator[MovingLight]:
    """The moving lights in a light; one that has begun before the clip may go on after it."""
    if isinstance(light, Later):
        return
    if isinstance(light, MovingLight):
        yield light
    for part in light.parts():
        yield from _moving(part)
