"""Frames that go out to be relit elsewhere, and come back as the light of the clip."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

from relight.errors import InputError
from relight.jobs.references import split_reference
from relight.media.frame_export import export_frame
from relight.media.references import read_reference
from relight.ui.clips import SDR, is_still
from relight.ui.files import Files

MOST = 20
"""Pictures that a clip can follow."""
_NAMED = re.compile(r"-frame-(\d+(?:\.\d+)?)s")

Plain = dict[str, Any]


def exported(files: Files, id: object, moment: float) -> Plain:
    """A frame as a picture of the visitor; its name says when it is shown."""
    clip = files.get(id)
    if is_still(clip):
        moment = 0.0
    name = f"{clip.stem}-frame-{moment:.2f}s.png"
    target = files.new_place(name)
    try:
        export_frame(clip, target, seconds=moment, how=SDR)
    except Exception:
        shutil.rmtree(target.parent, ignore_errors=True)
        raise
    return {"path": str(target), "name": name}


def taken(files: Files, path: object, name: str) -> Plain:
    """A relit frame; its moment is read off a name that an export has given it.

    Raises:
        InputError: no upload, or no picture.
    """
    id = files.take(path, name)
    kept = files.get(id)
    try:
        read_reference(kept)
    except Exception:
        files.drop(id)
        raise
    found = _NAMED.search(kept.name)
    return {"id": id, "name": kept.name, "seconds": float(found[1]) if found else None}


def settings(given: Any, files: Files, used: list[Path]) -> Plain:
    """The relit frames of the page as a job's `reference`; their paths are added to `used`.

    Raises:
        InputError: a file is gone, or of several one has no moment.
    """
    if not isinstance(given, list) or not 1 <= len(given) <= MOST:
        raise InputError(f"give at most {MOST} relit pictures", field="reference")
    texts = []
    for one in given:
        path = files.get(one.get("id") if isinstance(one, dict) else None)
        seconds = one.get("seconds")
        used.append(path)
        if seconds is None and len(given) > 1:
            raise InputError(f"say at which moment {path.name} is shown", field="reference")
        texts.append(str(path) if seconds is None else f"{float(seconds):g}={path}")
    return {"reference": texts}


def nearest(texts: list[str], moment: float) -> Plain:
    """The one frame of a preview: that of the reference which is nearest to a moment."""
    pairs = [split_reference(text) for text in texts]
    seconds, path = min(pairs, key=lambda one: abs((moment if one[0] is None else one[0]) - moment))
    return {"reference": [str(path)], "start": moment if seconds is None else seconds}
