"""What runs that were killed have left behind: found by its names, and removed if asked for."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from relight.engine.manifest import FILE
from relight.engine.work import Work, is_work_name

PART = re.compile(r"\..+\.(?:[0-9a-f]{6}\.part(?:\.\w+)?|json\.part|safetensors\.\d+\.part)")
"""Names of files that are being written: videos and pictures, sidecars, chunks."""
FRESH_S = 600.0
"""Seconds since its last change in which a part may still be written to."""


@dataclass(frozen=True)
class Left:
    """Something that was left behind. size: of all its files, in bytes."""

    path: Path
    size: int
    what: str


def abandoned(root: Path) -> Iterator[Left]:
    """Work folders that no run holds, and parts of outputs that nobody writes any more.

    Args:
        root: searched to its depth.
    """
    for name, folders, files in os.walk(root):
        folder = Path(name)
        for one in list(folders):
            path = folder / one
            if _is_work(path):
                folders.remove(one)
                if not Work(path).held:
                    yield Left(path, _size(path), "work of a run that was stopped")
            elif PART.fullmatch(one) and _is_old(path):
                folders.remove(one)
                yield Left(path, _size(path), "part of a sequence")
        for one in files:
            if PART.fullmatch(one) and _is_old(folder / one):
                yield Left(folder / one, (folder / one).stat().st_size, "part of an output")


def remove(left: Left) -> None:
    """Remove it."""
    if left.path.is_dir():
        shutil.rmtree(left.path, ignore_errors=True)
    else:
        left.path.unlink(missing_ok=True)


def _is_work(path: Path) -> bool:
    named = is_work_name(path.name)
    return named and not path.is_symlink() and any((path / f).exists() for f in ("lock", FILE))


def _is_old(path: Path) -> bool:
    try:
        return time.time() - path.lstat().st_mtime > FRESH_S
    except OSError:
        return False


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
