"""YAML and JSON from anybody: plain data of a bounded size and depth, each key once.

YAML is read as version 1.2 has it where version 1.1 surprises: `off` is a word, `1:30` is no
number. Aliases, which make a small file large, are refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from relight.errors import InputError

LARGEST = 16 * 2**20
"""Bytes of a settings file."""
DEEPEST = 20
"""Levels of lists and mappings in each other."""
SHOWN = 80
"""Characters of a value or a reason in a message."""


def shown(value: object) -> str:
    """A value as messages quote it, cut if it is long.

    >>> shown("a" * 100)[-5:], shown(3)
    ('aa...', '3')
    """
    # A long value is cut before it is quoted: its `repr` may be far larger than itself.
    text = repr(value[:SHOWN] if isinstance(value, str) else _small(value))
    long = len(text) > SHOWN or (isinstance(value, str) and len(value) > SHOWN)
    return text[: SHOWN - 3] + "..." if long else text


def _small(value: object) -> object:
    if isinstance(value, dict | list | tuple) and len(value) > 8:
        return f"{type(value).__name__} of {len(value)}"
    if isinstance(value, dict):
        return {str(key)[:SHOWN]: _small(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_small(one) for one in value]
    return value[:SHOWN] if isinstance(value, str) else value


def read_text(path: Path, what: str = "job file") -> str:
    """The text of a settings file, without a byte order mark.

    Args:
        what: it is called in errors.

    Raises:
        InputError: it can't be read, is too large, or isn't UTF-8.
    """
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"{path} is not a settings file", path=path)
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise InputError(f"can't read the {what} {path}: {error.strerror}", path=path) from None
    if len(content) > LARGEST:
        raise InputError(
            f"{path} is larger than the {LARGEST // 2**20} MiB of a settings file", path=path
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"can't read the {what} {path}: it isn't UTF-8 at byte {error.start}", path=path
        ) from None


def read_yaml(text: str, path: Path, what: str = "job file") -> Any:
    """The data of a YAML text.

    Raises:
        InputError: it isn't YAML, or not plain data.
    """
    try:
        return yaml.load(text, Loader=_Plain)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _unreadable(what, path, error) from None


def read_json(text: str, path: Path, what: str = "job file") -> Any:
    """The data of a JSON text.

    Raises:
        InputError: it isn't JSON, has a key twice or is nested too deeply.
    """
    try:
        data = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise _unreadable(what, path, error) from None
    if _depth(data) > DEEPEST:
        raise _unreadable(what, path, ValueError(f"nested more than {DEEPEST} levels deep"))
    return data


def json_of(data: Any, indent: int | None = None) -> bytes:
    r"""Plain data as JSON in UTF-8, paths as text; `read_json` gives a name back that isn't UTF-8.

    >>> json_of(["an odd byte: \udcff"]).decode()
    '["an odd byte: \\udcff"]'
    """
    # Bytes of a name are lone surrogates in Python, which the escape for them is JSON's, too.
    text = json.dumps(data, indent=indent, ensure_ascii=False, default=str)
    return text.encode(errors="backslashreplace")


def _unreadable(what: str, path: Path, error: Exception) -> InputError:
    reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
    if isinstance(error, json.JSONDecodeError) and "\n" not in error.doc:
        reason = f"{error.msg} at column {error.colno}"  # it may be any line of a manifest
    reason = " ".join(reason.split())
    reason = reason if len(reason) <= 3 * SHOWN else reason[: 3 * SHOWN] + "..."
    return InputError(f"can't read the {what} {path}: {reason}", path=path)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {shown(key)} is given twice")
        found[key] = value
    return found


def _depth(data: Any) -> int:
    level, at = 0, [data]
    while at:
        at = [
            inner
            for one in at
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        level += 1
    return level


class _Plain(yaml.SafeLoader):
    """Plain data without aliases, each key once, no deeper than `DEEPEST`."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._level = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise ValueError("aliases (*name) aren't read in settings files")
        self._level += 1
        if self._level > DEEPEST:
            raise ValueError(f"nested more than {DEEPEST} levels deep")
        node = super().compose_node(parent, index)
        self._level -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        _once([(one.value, None) for one, _ in node.value if isinstance(one, yaml.ScalarNode)])
        return super().construct_mapping(node, deep)


# What a plain word means, as in YAML 1.2: no numbers to the base 60, no on and off.
_Plain.yaml_implicit_resolvers = {}
for _tag, _form, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ("~", "n", "N", "")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+0123456789.",
    ),
):
    _Plain.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_form})$"), list(_first)
    )


def _integer(loader: _Plain, node: yaml.ScalarNode) -> int:
    text = loader.construct_scalar(node)
    if len(text) > SHOWN:
        raise ValueError(f"{shown(text)} is too long for a number")
    return int(text, 8 if text.startswith("0o") else 16 if text.startswith("0x") else 10)


_Plain.add_constructor("tag:yaml.org,2002:int", _integer)
