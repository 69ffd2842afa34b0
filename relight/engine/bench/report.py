"""Rows as Markdown and JSON, with the machine and the versions they were measured with."""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from relight.engine.versions import version_of
from relight.errors import MediaError

Row = Mapping[str, Any]
_PACKAGES = ("relight", "torch", "diffusers", "opencv-python-headless")


class Column(NamedTuple):
    """A column of a table: key in the rows, title, format of a number."""

    key: str
    title: str
    form: str = ""


RELIT = (
    Column("variant", "recipe"),
    Column("clip", "clip"),
    Column("frames", "frames", ".0f"),
    Column("seconds", "s", ".1f"),
    Column("cpu_seconds", "CPU s", ".1f"),
    Column("passes", "UNet passes", ".0f"),
    Column("megapixels", "UNet megapixels", ".1f"),
    Column("peak_mb", "peak MB", ".0f"),
    Column("warp_ssim", "warp SSIM", ".3f"),
    Column("flicker", "flicker", ".2f"),
    Column("flicker_source", "source's", ".2f"),
    Column("lean", "lean", "+.2f"),
    Column("structure", "structure", ".3f"),
    Column("change", "change", ".0f"),
)
ENLARGED = (
    Column("variant", "way"),
    Column("clip", "source"),
    Column("seconds", "s", ".2f"),
    Column("megapixels", "UNet megapixels", ".1f"),
    Column("psnr", "PSNR", ".2f"),
    Column("down", "PSNR made smaller", ".1f"),
    Column("sharpness", "sharpness", ".2f"),
    Column("flicker", "flicker", ".2f"),
)


def table(rows: Sequence[Row], columns: Sequence[Column]) -> str:
    """Rows as a Markdown table; columns that no row has are left out.

    >>> print(table([{"variant": "fast", "lean": 1.25}], (Column("variant", "recipe"), RELIT[11])))
    | recipe | lean |
    |---|---|
    | fast | +1.25 |
    """
    shown = [column for column in columns if any(_has(row, column.key) for row in rows)]
    lines = ["| " + " | ".join(column.title for column in shown) + " |", "|---" * len(shown) + "|"]
    for row in rows:
        cells = [_cell(row, column) for column in shown]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def machine() -> dict[str, Any]:
    """What the figures were measured on: versions, processors, card. No names, no paths."""
    import torch

    card = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "date": date.today().isoformat(),
        "python": platform.python_version(),
        "system": platform.system(),
        "processors": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "threads": torch.get_num_threads(),
        "card": card,
        **{name: version_of(name) for name in _PACKAGES},
    }


def said(made: Mapping[str, Any]) -> str:
    """`machine` in a line.

    >>> said({"date": "2026-11-25", "card": None, "threads": 1, "processors": 2, "torch": "2.13"})
    '2026-11-25, 1 thread on 2 processors, torch 2.13'
    """
    threads = f"{made['threads']} thread" + ("s" if made["threads"] != 1 else "")
    where = made["card"] or f"{threads} on {made['processors']} processors"
    packages = [f"{name} {made[name]}" for name in _PACKAGES if name in made]
    return ", ".join([made["date"], where, *packages])


def save(path: Path, text: str) -> None:
    """Write a file whole or not at all.

    Raises:
        MediaError: it can't be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        raise MediaError(f"{path} can't be written ({error.strerror}): choose another") from None


def as_json(rows: Sequence[Row], command: str) -> str:
    """Rows, machine and command; what is nan or infinite is null."""
    plain = [{key: _plain(value) for key, value in row.items()} for row in rows]
    return json.dumps({"command": command, "machine": machine(), "rows": plain}, indent=1) + "\n"


def _has(row: Row, key: str) -> bool:
    value = row.get(key)
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def _cell(row: Row, column: Column) -> str:
    if not _has(row, column.key):
        return ""
    value = row[column.key]
    return format(value, column.form) if column.form else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 5) if math.isfinite(value) else None
    return value
