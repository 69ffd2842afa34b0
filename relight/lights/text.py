"""The grammar that all lights share: `word:name=value,name=value`, brackets, quotes."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from relight.errors import InputError

_CLOSING = {"(": ")", "[": "]", "{": "}"}
_SPECIAL = set('"()[]{}+;,')


def split(text: str, separator: str) -> list[str]:
    """Cut at each separator that is outside of brackets and quotes; the parts are stripped.

    >>> split("point:x=.2 + pulse:light=(left + top) + sky.png", " + ")
    ['point:x=.2', 'pulse:light=(left + top)', 'sky.png']
    """
    parts, begin, i = [], 0, 0
    open_until: list[str] = []
    quoted = False
    while i < len(text):
        letter = text[i]
        if quoted:
            i += letter == "\\"
            quoted = letter != '"'
        elif letter == '"':
            quoted = True
        elif letter in _CLOSING:
            open_until.append(_CLOSING[letter])
        elif open_until and letter == open_until[-1]:
            open_until.pop()
        elif not open_until and text.startswith(separator, i):
            parts.append(text[begin:i])
            i = begin = i + len(separator)
            continue
        i += 1
    if quoted or open_until:
        raise InputError(f"{text!r} lacks a closing {open_until[-1] if open_until else chr(34)}")
    return [part.strip() for part in (*parts, text[begin:])]


def settings(text: str, names: Collection[str]) -> dict[str, Any]:
    """`"x=.2,y=.3"` -> `{"x": ".2", "y": ".3"}`; each name is one of `names` and given once."""
    found: dict[str, Any] = {}  # Any: for a constructor, which reads and checks the texts
    for part in split(text, ",") if text.strip() else []:
        name, given, value = (piece.strip() for piece in part.partition("="))
        if name not in names:
            known = f"use {', '.join(names)}" if names else "it has no settings"
            raise InputError(f"unknown setting {name!r}: {known}")
        if not given or not value:
            raise InputError(f"{name} has no value: write {name}=...")
        if name in found:
            raise InputError(f"{name} is given twice")
        found[name] = value
    return found


def quoted(path: str) -> str:
    """A path as it is written within a light: in quotes where it would be taken for more."""
    plain = path == path.strip() and not _SPECIAL & set(path)
    return path if plain else json.dumps(path, ensure_ascii=False)


def unquoted(text: str) -> str:
    """What `quoted` was given."""
    if not text.startswith('"'):
        return text
    try:
        path = json.loads(text)
    except ValueError:
        raise InputError(f"{text} is no quoted path") from None
    return path


def bare(text: str) -> str:
    """What is within brackets, or the text as it is."""
    closed = text.startswith("(") and text.endswith(")")
    return text[1:-1].strip() if closed else text
