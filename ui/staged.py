"""What the page's stage says, as values of an order: clip, start, frames, light, references.

Its value is a mapping that a browser has made, so everything in it is checked here; files are ids
of the visitor's own.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from relight.errors import InputError
from relight.lights.later import Later
from relight.lights.resolve import resolve
from relight.media import VideoInfo
from relight.ui import clips, lamps, references, regions
from relight.ui.desk import Plain
from relight.ui.files import Files

SOON = 0.01
"""Seconds in which no light moves."""


def settings(value: Any, files: Files, kind: str) -> Plain:
    """What the stage says, as values of an order: clip, start, frames, light, references.

    Raises:
        InputError: a file is gone, or a value is out of its range.
    """
    value = value if isinstance(value, dict) else {}
    chosen = value.get("clip")
    if not isinstance(chosen, dict):
        return {"clip": None}
    clip = files.get(chosen.get("id"))
    given: Plain = {"clip": str(clip), "name": str(chosen.get("name") or clip.name), "files": []}
    info = clips.info(clip)
    if not clips.is_still(clip):
        begin, end = number(value, "begin"), value.get("end")
        given["start"] = begin
        if end is not None:
            given["frames"] = _frames(clip, info, begin, number(value, "end"))
    if kind == "relight" and value.get("references"):
        given |= references.settings(value["references"], files, given["files"])
    elif kind == "relight":
        given |= _light(value, files, given["files"])
    if kind == "relight":
        begin = float(given.get("start") or 0.0)
        behind = regions.settings(value.get("mask"), begin, files, given["files"])
        if given.get("light") == "left" and Path(behind.get("background", "")).is_absolute():
            del given["light"]  # untouched: the light is that of the new background
        given |= behind
    if any(clips.info(Path(file)).hdr for file in (clip, *given["files"])):
        given["tonemap"] = True
    return given


def _frames(clip: Path, info: VideoInfo, begin: float, end: float) -> int:
    """How many frames a clip has from one time to another."""
    if info.variable:
        return clips.frames_between(clip, begin, end)
    return max(round((end - begin) * float(info.fps)), 1)


def light_of(value: Any, files: Files) -> Plain:
    """The light of the stage alone, as values of an order."""
    used: list[Path] = []
    return {**_light(value if isinstance(value, dict) else {}, files, used), "files": used}


def _light(value: Plain, files: Files, used: list[Path]) -> Plain:
    if value.get("keys"):
        light, own = lamps.moving(value["keys"], files)
        used += own
        return {"light_at": [str(key) for key in light.keyframes]}
    light, own = lamps.read_all(value.get("lights") or [{"word": "left"}], files)
    used += own
    return {"light": str(light)}


def at_moment(given: Plain, value: Any, files: Files) -> Plain:
    """Values of an order for the one frame that is shown, under the light of that moment.

    files: a clip behind the subject becomes a picture there.
    """
    begin = float(given.get("start") or 0.0)
    moment = number(value, "moment")
    now = {**given, "start": moment, "files": list(given.get("files") or ())}
    now.pop("frames", None)
    if "click:" in str(given.get("mask")):
        now["mask"] = str(given["mask"]).partition("@")[0]  # of the one frame there is
    since = max(moment - begin, 0.0)
    if given.get("background"):
        now["background"] = _picture_at(given["background"], since, now["files"], files)
    if given.get("reference"):
        now |= references.nearest(given["reference"], moment)
    elif "light" in given or "light_at" in given:
        now["light"] = _light_at(given, since)
        now.pop("light_at", None)
    now["start"] = clips.begun(Path(given["clip"]), now["start"])
    return now


def _light_at(given: Plain, seconds: float) -> str:
    """The light of an order that begins so many seconds in."""
    light = resolve(given.get("light", "left"), given.get("light_at") or ())
    if not light.moving or seconds < SOON:
        return str(light)
    return str(Later(light=light, seconds=seconds))


def _picture_at(background: str, seconds: float, used: list[Path], files: Files) -> str:
    """A background as it stands at a time: of a clip, its frame, which is `used` then."""
    path = Path(background)
    info = clips.info(path) if path in used else None
    if info is None or info.kind not in ("video", "animation"):
        return background
    picture = files.new_place(f"{path.stem}.png")
    clips.save_frame(path, picture, seconds % info.duration if info.duration else seconds)
    used[used.index(path)] = picture
    return str(picture)


def number(given: Plain, name: str, default: float = 0.0) -> float:
    """A number of the page.

    Raises:
        InputError: it is none.
    """
    value = given.get(name)
    if value is None:
        return default
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = math.nan
    if not math.isfinite(found):
        raise InputError(f"{name} should be a number", field=name)
    return found
