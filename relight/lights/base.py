"""What a kind of light is, and the registry of all kinds.

A kind is a frozen dataclass under `Light`, in one file of this package, with `@register`: that
alone makes it known to the command line, to job files, to the app and to the sidecar. NumPy is
imported only where a map is drawn, so that `relight --help` needn't load it.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from relight.errors import InputError, RelightError
from relight.lights import text as grammar
from relight.lights.fields import Control

if TYPE_CHECKING:
    import numpy as np


ANIMATED = (".png", ".webp", ".avif")
"""Suffixes of pictures that may move."""


class Light(ABC):
    """Base of all lights.

    A subclass holds its settings as fields made by `relight.lights.fields`, says how it is written
    (`words`, `usage`) and draws itself (`level_map`). A constructor checks every value and raises
    InputError.

    Attributes:
        words: what its text may begin with; the first is the one it is written with.
        usage: how it is written, for help texts.
        suffixes: of the files that are this kind of light when only their path is given.
        sided: whether it has a side alone, and no place or shape within the frame.
    """

    words: ClassVar[tuple[str, ...]] = ()
    usage: ClassVar[str] = ""
    suffixes: ClassVar[tuple[str, ...]] = ()
    sided: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for control in self.controls():
            value = getattr(self, control.name)
            if control.kind == "light":
                value = parse_light(value)
            object.__setattr__(self, control.name, control.read(value))

    @abstractmethod
    def level_map(self, height: int, width: int, seconds: float = 0.0) -> np.ndarray:
        """How bright the light is, pixel by pixel: (height, width, 3) float32 RGB in [0, 1].

        `seconds` is the time since the first frame that is lit.
        """

    @classmethod
    def controls(cls) -> tuple[Control, ...]:
        """Its settings, in the order in which they are written and shown."""
        fields = dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ()
        known = [field for field in fields if "control" in field.metadata]
        return tuple(
            dataclasses.replace(field.metadata["control"], name=field.name) for field in known
        )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `word:name=value,...`; `str()` is the way back."""
        names = [control.name for control in cls.controls()]
        return cls(**grammar.settings(text.partition(":")[2], names))

    def __str__(self) -> str:
        return self._written(self.words[0], self.controls())

    def _written(self, word: str, controls: Sequence[Control]) -> str:
        said = []
        for control in controls:
            value, default = getattr(self, control.name), control.default
            if value != (parse_light(default) if control.kind == "light" else default):
                said.append(f"{control.name}={_value_text(value)}")
        return f"{word}:{','.join(said)}" if said else word

    @property
    def moving(self) -> bool:
        """Does its map depend on the time?"""
        return any(part.moving for part in self.parts())

    def at(self, seconds: float) -> Light:
        """The light as it stands at a time; its map there is the one of the same `seconds`."""
        return self

    def parts(self) -> tuple[Light, ...]:
        """The lights that it is made of."""
        held = (getattr(self, control.name) for control in self.controls())
        return tuple(value for value in held if isinstance(value, Light))

    def files(self) -> tuple[Path, ...]:
        """The files that it reads."""
        held = (getattr(self, control.name) for control in self.controls())
        own = tuple(value for value in held if isinstance(value, Path))
        return own + tuple(file for part in self.parts() for file in part.files())

    def absolute(self) -> Light:
        """The same light with absolute paths, so that its text can be read in any folder."""
        held = {control.name: getattr(self, control.name) for control in self.controls()}
        there = {n: v.absolute() for n, v in held.items() if isinstance(v, Path | Light)}
        return type(self)(**{**held, **there}) if there else self

    def for_clip(self, fps: float, tonemap: bool = False) -> Light:
        """The same light for a clip: folders of pictures get its `fps`, HDR its `tonemap`."""
        held = {control.name: getattr(self, control.name) for control in self.controls()}
        there = {n: v.for_clip(fps, tonemap) for n, v in held.items() if isinstance(v, Light)}
        return type(self)(**{**held, **there}) if there else self

    def check(self) -> None:
        """Raise InputError where a file that it reads isn't fit for it."""
        for part in self.parts():
            part.check()

    def notes(self) -> tuple[str, ...]:
        """What may surprise: allowed, but worth a line."""
        return tuple(note for part in self.parts() for note in part.notes())

    def tint(self, seconds: float = 0.0) -> tuple[float, float, float]:
        """Its colour over the whole frame, sRGB, the brightest channel at 1; white when dark."""
        red, green, blue = self.level_map(16, 16, seconds).reshape(-1, 3).mean(0).tolist()
        brightest = max(red, green, blue)
        if not brightest:
            return 1.0, 1.0, 1.0
        return red / brightest, green / brightest, blue / brightest

    def mix(self, other: Light, part: float) -> Light:
        """This light at `part` 0, the other at 1: place, colour and brightness in between.

        Lights of two kinds, or with nothing between them, are cross-faded.
        """
        if part in (0, 1) or self == other:
            return other if part else self
        if type(self) is type(other):
            pairs = [(c, getattr(self, c.name), getattr(other, c.name)) for c in self.controls()]
            between = {c.name: c.mix(own, theirs, part) for c, own, theirs in pairs}
            if None not in between.values():
                return type(self)(**between)
        return Fade(self, other, part)


@dataclasses.dataclass(frozen=True)
class Fade(Light):
    """A cross-fade of two lights, made by `Light.mix`; it has no text of its own."""

    first: Light
    second: Light
    part: float

    def __str__(self) -> str:
        return f"({self.first}) to ({self.second}) at {self.part:g}"

    def parts(self) -> tuple[Light, ...]:
        return self.first, self.second

    def level_map(self, height: int, width: int, seconds: float = 0.0) -> np.ndarray:
        one, two = (part.level_map(height, width, seconds) for part in self.parts())
        return one + self.part * (two - one)


Kind = TypeVar("Kind", bound=type[Light])
_KINDS: dict[str, type[Light]] = {}


def register(kind: Kind) -> Kind:
    """Make a kind of light known; a class decorator."""
    for word in kind.words:
        taken = _KINDS.get(word)
        if taken is not None and taken is not kind:
            raise ValueError(f"the light {word!r} is taken by {taken.__name__}")
        _KINDS[word] = kind
    return kind


def kinds() -> tuple[type[Light], ...]:
    """All kinds of light.

    >>> [kind.__name__ for kind in kinds() if "point" in kind.words]
    ['PointLight']
    """
    return tuple(dict.fromkeys(_KINDS.values()))


def is_word(word: str) -> bool:
    """Does a light begin with this word?"""
    return word.strip() in _KINDS


def parse_light(light: str | Light | Sequence[str | Light]) -> Light:
    """A light from its text, or several added up: `"left + point:x=.2"`, or a list.

    Raises:
        InputError: one line that names the value and what to use.

    >>> str(parse_light("left + point:x=.20,color=#FFB060,intensity=1.0"))
    'left + point:x=0.2,color=#ffb060'
    """
    if isinstance(light, Light):
        return light
    parts: Sequence[str | Light] = [] if isinstance(light, str) else light
    if isinstance(light, str):
        if _is_file(light):
            return _file(light)
        parts = _within(light, lambda: grammar.split(light, " + "))
    lights = [part if isinstance(part, Light) else _parse_one(part) for part in parts]
    if len(lights) == 1:
        return lights[0]
    from relight.lights.several import Several

    return Several(tuple(lights))


def _parse_one(text: object) -> Light:
    if not isinstance(text, str):
        raise InputError(f"a light is written in words, not {text!r:.80}")
    text = grammar.bare(text.strip())
    if len(grammar.split(text, " + ")) > 1:
        return parse_light(text)
    word = text.partition(":")[0].strip()
    if is_word(word):
        return _within(text, lambda: _KINDS[word].parse(text))
    path = grammar.unquoted(text)
    if any(Path(path).suffix.lower() in kind.suffixes for kind in kinds()) or os.path.exists(path):
        return _within(text, lambda: _file(path))
    raise InputError(
        f"unknown light {text!r}: use {_nearest(word)}; `relight lights` lists every kind"
    )


def _nearest(word: str) -> str:
    """How a light is written whose word is like that, else some that are."""
    close = difflib.get_close_matches(word, _KINDS, n=1)
    if close:
        usage = _KINDS[close[0]].usage
        return usage if usage.startswith(close[0]) else close[0]
    return "left, top-left, angle:30, point:x=.2,y=.3, sweep, a picture or a video"


def _is_file(text: str) -> bool:
    return not is_word(text.partition(":")[0]) and os.path.exists(text)


def _file(path: str) -> Light:
    """The light that a file is, by its suffix; a picture where that doesn't tell. A folder of
    pictures is a video."""
    if os.path.isdir(path):
        return _KINDS["video"].parse(f"video:{grammar.quoted(path)}")
    found = [kind for kind in kinds() if Path(path).suffix.lower() in kind.suffixes]
    kind = found[0] if found else _KINDS["image"]
    kind = _KINDS["video"] if kind is _KINDS["image"] and _is_animation(path) else kind
    return kind.parse(f"{kind.words[0]}:{grammar.quoted(path)}")


def _is_animation(path: str) -> bool:
    """Whether a file of a picture's name holds several that make a clip."""
    if Path(path).suffix.lower() not in ANIMATED or not os.path.isfile(path):
        return False
    from relight import media

    try:
        return media.probe(Path(path)).kind == "animation"
    except RelightError:
        return False  # the picture says what is wrong with it


def _within(text: str, read: Any) -> Any:
    """What `read` returns; its errors name the light."""
    try:
        return read()
    except InputError as error:
        raise InputError(f"light {text!r}: {error}") from None


def usages() -> str:
    """How every kind of light is written, in one line; files last.

    >>> usages().split(", ")[:3]
    ['left', 'right', 'top']
    """
    files_last = sorted(kinds(), key=lambda kind: bool(kind.suffixes))
    return ", ".join(kind.usage for kind in files_last)


def _value_text(value: Any) -> str:
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    if isinstance(value, Light):
        return f"({value})"
    return grammar.quoted(str(value)) if isinstance(value, Path) else str(value)
