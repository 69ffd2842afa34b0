"""The clip's frame on the page: files come in here, and are looked at under the light.

Drawn by `web/stage.js` and `web/lights.js`; what its value becomes is in `relight.ui.staged`.
"""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np

from relight.lights.direction import ANGLES
from relight.ui import clips, lamps, panels, references, regions, theme
from relight.ui.desk import Plain, data_url, safely
from relight.ui.files import Files
from relight.ui.staged import number
from relight.ui.studio import Studio

if TYPE_CHECKING:
    from relight.engine.look import Look

FRAME_SIDE = 720
"""Longer side, in pixels, of the frame that is shown."""
PRESET_SIDE = 176
LOOKS = 24
"""Frames that are kept, with the form found in them."""
FORMATS = "MP4, MOV, MKV, WebM, AVI, TS, GIF; PNG, JPEG, WebP, TIFF, HEIC, EXR"


Answer = Callable[[Files, Plain], Plain]
"""What is said to the page, from the visitor's own files and what the page has given."""


def stage(studio: Studio, tab: str, example: Path) -> gr.HTML:
    """The component of a tab. `example`: a clip that is one click away."""
    looks = Looks()
    answers: dict[str, Answer] = {
        "take": _taken,
        "keep": kept,
        "example": functools.partial(_example, example),
        "export": _exported,
        "refer": _referred,
        "frame": functools.partial(_frame, looks),
        "presets": functools.partial(_presets, looks, example),
    }
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
        server_functions=[served(studio, *answer) for answer in answers.items()],
        apply_default_css=False,
        elem_id=f"{tab}_clip",
    )


def served(studio: Studio, name: str, answer: Answer) -> Callable[..., Plain]:
    """A function that the page calls by its name, with the files of who calls it."""

    def call(given: Plain, request: gr.Request) -> Plain:
        return answer(studio.files(studio.user(given.get("who"), request)), given)

    call.__name__ = name
    return safely(call)


def _taken(files: Files, given: Plain) -> Plain:
    return told(files, _upload(files, given))


def kept(files: Files, given: Plain) -> Plain:
    """A further file, e.g. a picture for a light."""
    id = _upload(files, given)
    return {"id": id, "name": files.get(id).name}


def _upload(files: Files, given: Plain) -> str:
    return files.take(given.get("path"), str(given.get("name") or ""))


def _example(example: Path, files: Files, given: Plain) -> Plain:
    found = told(files, files.copy(example))
    found["clip"]["example"] = True
    return found


def _exported(files: Files, given: Plain) -> Plain:
    """The frame that is shown as a picture to edit anywhere."""
    return references.exported(files, given.get("clip"), number(given, "moment"))


def _referred(files: Files, given: Plain) -> Plain:
    """A frame that was relit elsewhere."""
    return references.taken(files, given.get("path"), str(given.get("name") or ""))


def _frame(looks: Looks, files: Files, given: Plain) -> Plain:
    look = looks.at(files.get(given.get("clip")), number(given, "moment"))
    return {"url": data_url(_lit(look, given, files))}


def _presets(looks: Looks, example: Path, files: Files, given: Plain) -> Plain:
    clip = files.find(given.get("clip")) or example
    look = looks.at(clip, number(given, "moment"), PRESET_SIDE)
    return {"presets": [_preset(look, name, files) for name in lamps.PRESETS]}


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
    still = clips.is_still(clip)
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
