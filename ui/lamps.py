"""Lights as the page draws them: kinds with their controls, presets, and the way to their texts.

A light of the page is {"word": "point", "settings": {"x": 0.3, ...}}; a file among the settings is
the id of one that the visitor has brought. Kinds come from the registry of `relight.lights`.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from relight.errors import InputError
from relight.lights import Later, Light, NoLight, kinds, parse_light
from relight.lights.direction import ANGLES
from relight.lights.moving import Keyframe, MovingLight
from relight.lights.subject import without_light
from relight.ui.files import Files

TITLES = {"angle": "Side or direction", "point": "Lamp", "none": "No direction (prompt only)"}
"""Names of kinds that read better than their words."""
SIMPLE = ["left", "right", "top", "bottom", "point"]
"""Lights that a light which changes another one can be given on the page."""
MOST_LIGHTS, MOST_KEYS = 12, 60
NOT_DRAWN = (MovingLight, Later)
"""Kinds that the page writes by itself: for its keyframes, and for one moment of a light."""

Plain = dict[str, Any]


def described() -> list[Plain]:
    """All kinds that have something to choose, for the page to draw."""
    return [
        _kind(kind)
        for kind in kinds()
        if kind not in NOT_DRAWN and (kind.controls() or kind is NoLight)
    ]


def _kind(kind: type[Light]) -> Plain:
    word = kind.words[0]
    return {
        "words": list(kind.words),
        "title": TITLES.get(word, word.capitalize()),
        "help": (kind.__doc__ or "").partition("\n")[0].replace("`", ""),
        "controls": [_control(control) for control in kind.controls()],
    }


def _control(control: Any) -> Plain:
    plain = dataclasses.asdict(control)
    low, high = (max(min(end, 1e6), -1e6) for end in (control.low, control.high))
    default = control.default
    if default is not None and not isinstance(default, int | float | str):
        default = str(default)
    return {**plain, "low": low, "high": high, "default": default}


def read(plain: Any, files: Files) -> tuple[Light, list[Path]]:
    """A light of the page, and the files that it reads.

    Raises:
        InputError: no such kind, a value out of its range, or a file that is not there.
    """
    if not isinstance(plain, dict) or not isinstance(plain.get("word"), str):
        raise InputError("this is not a light", field="light")
    word = plain["word"]
    kind = next((kind for kind in kinds() if word in kind.words), None)
    if kind is None or kind in NOT_DRAWN:
        raise InputError(f"unknown light {word[:40]!r}", field="light")
    held, used = {}, []
    given = plain.get("settings") or {}
    for control in kind.controls():
        value = given.get(control.name)
        if value is None:
            continue
        if control.kind == "file":
            value = files.get(value.get("id") if isinstance(value, dict) else None)
            used.append(value)
        elif control.kind == "light":
            value = _simple(value)
        held[control.name] = value
    try:
        if word in ANGLES:
            held.setdefault("angle", ANGLES[word])
        return kind(**held), used
    except TypeError:
        raise InputError(
            "no picture for the light yet: choose one, or take a side", field="light_image"
        ) from None
    except InputError as error:
        raise InputError(f"light: {error}", field="light") from None


def _simple(value: Any) -> str:
    if value not in SIMPLE:
        raise InputError(f"light is one of {', '.join(SIMPLE)}", field="light")
    return str(value)


def read_all(plain: Any, files: Files) -> tuple[Light, list[Path]]:
    """The lights of a moment, added up."""
    if not isinstance(plain, list) or not 1 <= len(plain) <= MOST_LIGHTS:
        raise InputError(f"give 1 to {MOST_LIGHTS} lights", field="light")
    found = [read(one, files) for one in plain]
    lights = [light for light, _ in found]
    used = [file for _, own in found for file in own]
    return (lights[0] if len(lights) == 1 else parse_light(lights)), used


def moving(keys: Any, files: Files) -> tuple[MovingLight, list[Path]]:
    """The keyframes of the page as a light."""
    if not isinstance(keys, list) or len(keys) > MOST_KEYS:
        raise InputError(f"give at most {MOST_KEYS} keyframes", field="light")
    made, used = [], []
    for key in keys:
        light, own = read_all(key.get("lights"), files)
        if any(isinstance(part, NoLight) for part in (light, *light.parts())):
            raise InputError("a keyframe needs a light with a direction", field="light")
        used += own
        seconds = float(key.get("seconds", 0.0))
        made.append(Keyframe(seconds, light, bool(key.get("smooth"))))
    return MovingLight(tuple(sorted(made, key=lambda one: one.seconds))), used


def written(light: Any) -> list[Plain]:
    """The way back, for settings of an earlier run: a light's text as lights of the page.

    Lights that read files are left out: the page has no file of theirs.
    """
    found: Light = parse_light(light)
    parts = found.parts() if type(found).__name__ == "Several" else (found,)
    return [_plain(part) for part in parts if not part.files()] or [
        {"word": "left", "settings": {}}
    ]


def is_shown(light: Any) -> bool:
    """Whether `written` says all of a light."""
    found: Light = parse_light(light)
    parts = found.parts() if type(found).__name__ == "Several" else (found,)
    return not any(
        part.files()
        or isinstance(part, NOT_DRAWN)
        or any(str(inner) not in SIMPLE for inner in part.parts())
        for part in parts
    )


def _plain(light: Light) -> Plain:
    word = light.words[0]
    settings: Plain = {}
    for control in light.controls():
        value = getattr(light, control.name)
        if isinstance(value, Light):
            value = str(value) if str(value) in SIMPLE else SIMPLE[0]
        if not isinstance(value, int | float | str):
            value = str(value)
        if value != control.default:
            settings[control.name] = value
    named = {angle: side for side, angle in ANGLES.items()}
    if word == "angle":
        angle = getattr(light, "angle", 180.0)
        settings.pop("angle", None)
        if angle in named:
            word = named[angle]
        else:
            settings["angle"] = angle
    return {"word": word, "settings": settings}


def _lamp(x: float, y: float, radius: float, color: str, intensity: float = 1.0) -> Plain:
    settings = {"x": x, "y": y, "radius": radius, "color": color}
    return {
        "word": "point",
        "settings": settings if intensity == 1 else {**settings, "intensity": intensity},
    }


def _side(word: str, color: str = "white", intensity: float = 1.0) -> Plain:
    settings: Plain = {} if color == "white" else {"color": color}
    return {
        "word": word,
        "settings": settings if intensity == 1 else {**settings, "intensity": intensity},
    }


PRESETS: dict[str, tuple[str, list[Plain]]] = {
    "Golden hour": ("golden hour, warm sunset light", [_side("right", "3000K")]),
    "Moonlight": ("moonlight, cold blue night", [_side("top-left", "#9db8ff", 0.7)]),
    "Red neon": ("red neon light", [_side("left", "#ff3b3b")]),
    "Blue neon": ("blue neon light", [_side("right", "#4a6bff")]),
    "Two neons": (
        "red and blue neon light",
        [_side("left", "#ff3b5c"), _side("right", "#3b7bff", 0.8)],
    ),
    "Candle": ("warm candle light", [_lamp(0.5, 0.75, 0.3, "2000K")]),
    "Soft studio": ("soft white studio light", [_side("top-left")]),
    "Lamp": ("warm lamp light", [_lamp(0.25, 0.3, 0.35, "3200K")]),
}
"""Name -> words for the prompt, and the lights."""


def with_light(prompt: str | None, words: str) -> str:
    """The prompt with another light: words of a light, typed or of a preset, are replaced."""
    subject = without_light(prompt or "")
    return f"{subject}, {words}" if subject else words
