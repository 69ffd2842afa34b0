"""References: frames of a clip that were relit elsewhere, as a job names them."""

from __future__ import annotations

import math
from pathlib import Path


def reference_texts(references: object) -> object:
    """A list of texts, also of one path, or of a mapping from seconds to paths.

    >>> reference_texts({3.2: "b.png"}), reference_texts("a.png"), reference_texts(None)
    (['3.2=b.png'], ['a.png'], [])
    """
    if isinstance(references, dict):
        return [f"{seconds}={path}" for seconds, path in references.items()]
    if isinstance(references, str | Path):
        return [str(references)] if str(references) else []
    if references is None:
        return []
    return [str(one) for one in references] if isinstance(references, list | tuple) else references


def absolute_reference(text: str) -> str:
    """A reference with the absolute path of its file: `3.2=b.png` -> `3.2=/there/b.png`."""
    seconds, path = split_reference(text)
    return str(path.absolute()) if seconds is None else f"{seconds:g}={path.absolute()}"


def split_reference(text: str) -> tuple[float | None, Path]:
    """`SECONDS=FILE` or `FILE`: the moment, if there is one, and the file.

    >>> split_reference("3.2=b.png"), split_reference("a=b.png")
    ((3.2, PosixPath('b.png')), (None, PosixPath('a=b.png')))
    """
    moment, equals, name = text.partition("=")
    try:
        seconds = float(moment) if equals else math.nan
    except ValueError:
        return None, Path(text)
    return (seconds, Path(name)) if math.isfinite(seconds) else (None, Path(text))
