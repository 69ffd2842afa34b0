"""The clip's frame on the page: files come in here, and are looked at under the light.

Drawn by `web/stage.js` and `web/lights.js`. Its value is a mapping that a browser has made, so
everything in it is checked before it becomes part of an order; files are ids of the visitor's own.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np

from relight.errors import InputError
from relight.lights.direction import ANGLES
from relight.lights.resolve import resolve
from relight.media.formats import STILLS
from relight.ui import clips, lamps, panels, references, regions, theme
from relight.ui.desk import Plain, data_url, safely
from relight.ui.files import Files
from relight.ui.studio import Studio

if TYPE_CHECKING:
    from relight.engine.look import Look

FRAME_SIDE = 720
"""Longer side, in pixels, of the frame that is shown."""
PRESET_SIDE = 176
LOOKS = 24
"""Frames that are kept, with the form found in them."""
FORMATS = "MP4, MOV, MKV, WebM, AVI, TS, GIF; PNG, JPEG, WebP, TIFF, HEIC, EXR"


def stage(studio: Studio, tab: str, example: Path) -> gr.HTML:
    """The component of a tab. `example`: a clip that is one click away."""
    looks = Looks()

    @safely
    def take(given: Plain, request: gr.Request) -> Plain:
        files = studio.files(studio.user(given.get("who"), request))
        id = files.take(given.get("path"), str(given.get("name") or ""))
        return told(files, id)

    @safely
    def keep(given: Plain, request: gr.Request) -> Plain:
        """A further file, e.g. a picture for a light."""
        files = studio.files(studio.user(given.get("who"), request))
        id = files.take(given.get("path"), str(given.get("name") or ""))
        return {"id": id, "name": files.get(id).name}

    @safely
    def example_clip(given: Plain, request: gr.Request) -> Plain:
        files = studio.files(studio.user(given.get("who"), request))
        found = told(files, files.copy(example))
        found["clip"]["example"] = True
        return found

    @safely
    def export(given: Plain, request: gr.Request) -> Plain:
        """The frame that is shown as a picture to edit anywhere."""
        files = studio.files(studio.user(given.get("who"), request))
        return references.exported(files, given.get("clip"), number(given, "moment"))

    @safely
    def refer(given: Plain, request: gr.Request) -> Plain:
        """A frame that was relit elsewhere."""
        files = studio.files(studio.user(given.get("who"), request))
        return references.taken(files, given.get("path"), str(given.get("name") or ""))

    @safely
    def frame(given: Plain, request: gr.Request) -> Plain:
        files = studio.files(studio.user(given.get("who"), request))
        look = looks.at(files.get(given.get("clip")), number(given, "moment"))
        return {"url": data_url(_lit(look, given, files))}

    @safely
    def presets(given: Plain, request: gr.Request) -> Plain:
        files = studio.files(studio.user(given.get("who"), request))
        clip = files.find(given.get("clip")) or example
        look = looks.at(clip, number(given, "moment"), PRESET_SIDE)
        return {"presets": [_preset(look, name, files) for name in lamps.PRESETS]}

    example_clip.__name__ = "example"
    calls: list[Callable[..., Any]] = [take, keep, example_clip, export, refer, frame, presets]
    return gr.HTML(
        value={},
        html_template='<div class="stagehome"></div>',
        js_on_load=theme.mounted(
            "stage",
            ("change", "upload", "select"),
            tab=tab,
            kinds=lamps.described(),
            angles=ANGLES,
            simple=lamps.SIMPLE,
            example=example.is_file(),
            limit=studio.upload_limit or 0,
            formats=FORMATS,
            regions=tab == "relight",
        ),
        server_functions=calls,
        apply_default_css=False,
        elem_id=f"{tab}_clip",
    )


class Looks:
    """Frames that were looked at last, ready to be lit."""

    def __init__(self) -> None:
        self._held: OrderedDict[tuple[str, float, int], Look] = OrderedDict()
        self._lock = threading.Lock()

    def at(self, clip: Path, seconds: float, side: int = FRAME_SIDE) -> Look:
        """The frame of a clip at a time."""
        from relight.engine.look import Look

        key = str(clip), round(seconds, 2), side
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        look = Look(np.ascontiguousarray(clips.frame_at(clip, seconds, side)))
        with self._lock:
            self._held[key] = look
            while len(self._held) > LOOKS:
                self._held.popitem(last=False)
        return look


def told(files: Files, id: str) -> Plain:
    """What the page says of a clip; a file that is none is removed."""
    clip = files.get(id)
    try:
        info, _ = clips.check(clip)
    except Exception:
        files.drop(id)
        raise
    still = clip.suffix.lower() in STILLS
    seconds = 0.0 if still else float(info.duration or 0)
    return {
        "clip": {"id": id, "name": clip.name},
        "info": {
            "width": info.width,
            "height": info.height,
            "fps": float(info.fps),
            "seconds": seconds,
            "frames": 1 if still else info.frames or round(seconds * float(info.fps)),
            "still": still,
            "hdr": info.hdr,
            "facts": panels.facts(info, still),
            "notes": panels.notes(info),
        },
        "moment": round(seconds / 2, 2),
    }


def _lit(look: Look, given: Plain, files: Files) -> np.ndarray:
    """The frame under the lights of the page; the bare frame where there are none."""
    if not given.get("lights"):
        return look.image
    begin = number(given, "begin")
    if given.get("keys"):
        light = lamps.moving(given["keys"], files)[0]
    else:
        light = lamps.read_all(given["lights"], files)[0]
    matte = _matte(look, given.get("mask"))
    lit = look.lit(
        light,
        seconds=max(number(given, "moment") - begin, 0.0),
        prompt=str(given.get("prompt") or "")[:500],
        shape=min(max(number(given, "shape", 0.8), 0.0), 1.0),
        intensity=min(max(number(given, "intensity", 1.0), 0.0), 2.0),
        matte=matte,
    )
    return lit if matte is None or not given.get("outline") else _outlined(lit, matte)


def _matte(look: Look, given: Any) -> np.ndarray | None:
    """What is lit of the frame; None: all of it."""
    if regions.mode(given) == "all":
        return None
    point = regions.click(given)
    matte = look.matte(None if point is None else point[:2])
    return matte if regions.mode(given) == "subject" else 1 - matte


def _outlined(image: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """The frame with what is not lit dimmed to grey, so that the matte is seen."""
    grey = image.mean(2, keepdims=True) * 0.35 + np.array([24, 30, 44], np.float32)
    return (grey + matte[..., None] * (image - grey)).round().astype(np.uint8)


def _preset(look: Look, name: str, files: Files) -> Plain:
    words, lights = lamps.PRESETS[name]
    image = look.lit(lamps.read_all(lights, files)[0], prompt=words)
    return {"name": name, "words": words, "lights": lights, "url": data_url(image, 75)}


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
    if info.hdr:
        given["tonemap"] = True
    if clip.suffix.lower() not in STILLS:
        begin, end = number(value, "begin"), value.get("end")
        given["start"] = begin
        if end is not None:
            given["frames"] = max(round((number(value, "end") - begin) * float(info.fps)), 1)
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
    return given


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


def at_moment(given: Plain, value: Any) -> Plain:
    """Values of an order for the one frame that is shown, under the light of that moment."""
    moment = number(value, "moment")
    now = {**given, "start": moment}
    now.pop("frames", None)
    if "click:" in str(given.get("mask")):
        now["mask"] = str(given["mask"]).partition("@")[0]  # of the one frame there is
    if given.get("reference"):
        return now | references.nearest(given["reference"], moment)
    if "light_at" in given:
        seconds = max(moment - float(given.get("start") or 0.0), 0.0)
        light = resolve("left", given["light_at"]).at(seconds)
        now["light"] = str(light)
        now.pop("light_at")
    return now
