"""What of a clip is lit, as the page says it: a subject that was clicked on, a new background."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from relight.errors import InputError
from relight.jobs.regions import MaskAuto, MaskSeed, parse_background, parse_mask
from relight.ui.files import Files

MODES = ("all", "subject", "background")
LONGEST_WORDS = 500

Plain = dict[str, Any]


def mode(given: Any) -> str:
    """What is lit: one of `MODES`."""
    found = given.get("mode", "all") if isinstance(given, dict) else "all"
    if found not in MODES:
        raise InputError(f"what is lit is one of {', '.join(MODES)}", field="mask")
    return str(found)


def click(given: Any) -> tuple[float, float, float] | None:
    """The point that was clicked on: x and y as fractions of the frame, and its moment.

    Raises:
        InputError: it is none.
    """
    point = given.get("click") if isinstance(given, dict) else None
    if point is None:
        return None
    try:
        x, y, moment = (float(point[name]) for name in ("x", "y", "moment"))
    except (TypeError, ValueError, KeyError):
        raise InputError("this is not a point of the frame: click again", field="mask") from None
    if not (0 <= x <= 1 and 0 <= y <= 1 and math.isfinite(moment) and moment >= 0):
        raise InputError("this is not a point of the frame: click again", field="mask")
    return x, y, moment


def settings(given: Any, begin: float, files: Files, used: list[Path]) -> Plain:
    """The fields `mask`, `relight` and `background` of a job.

    Args:
        given: of the stage. begin: where in the clip the run begins, in seconds.
        used: paths that the fields name are added to it.

    Raises:
        InputError: a value is out of its range, or a file is gone.
    """
    if not isinstance(given, dict):
        return {}
    found: Plain = {}
    if mode(given) != "all":
        point = click(given)
        found["relight"] = mode(given)
        found["mask"] = "auto"
        if point is not None:
            x, y, moment = point
            found["mask"] = f"click:{x:.4f},{y:.4f}@{max(moment - begin, 0.0):.3f}"
    behind = given.get("background")
    if isinstance(behind, dict) and behind.get("id"):
        path = files.get(behind["id"])
        used.append(path)
        found["background"] = str(path)
    elif isinstance(behind, dict) and str(behind.get("words") or "").strip():
        found["background"] = _words(str(behind["words"]).strip())
    if "background" in found:
        found.setdefault("mask", "auto")
    return found


def written(settings: Plain, begin: float) -> tuple[Plain, list[str]]:
    """The way back, for settings of an earlier run: what the page shows of them.

    Returns:
        what is lit, as the stage holds it, and the names of settings that it can't hold: files, of
        which the page has none, and masks that no click makes.
    """
    lit = settings.get("relight")
    told = any(settings.get(name) for name in ("mask", "matte_model", "background"))
    found: Plain = {"mode": lit or ("subject" if told else "all")}
    left: list[str] = []
    region = parse_mask(settings["mask"]) if settings.get("mask") else MaskAuto()
    if isinstance(region, MaskSeed) and region.word == "click" and max(region.numbers) <= 1:
        x, y = region.numbers
        found["click"] = {"x": x, "y": y, "moment": begin + region.seconds}
    elif not isinstance(region, MaskAuto):
        left.append("mask")
    if settings.get("background"):
        try:
            found["background"] = {"words": _words(str(settings["background"]))}
        except InputError:
            left.append("background")
    return found, left


def _words(text: str) -> str:
    """Words for a background, which are no path."""
    if len(text) > LONGEST_WORDS or set(text) & set("/\\~") or parse_background(text).path:
        raise InputError(
            "the background is words, e.g. a beach at dusk; a picture is uploaded",
            field="background",
        )
    return text
