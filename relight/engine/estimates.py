"""What runs have cost on this machine, kept in a small file, so that the next can be estimated.

The file is `relight/estimates.json` in the user's cache folder. `RELIGHT_ESTIMATES` names another,
or is `off`. It is a convenience: whatever goes wrong with it is ignored.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from relight.engine.expected import DENOISED, OF_JOB

KEPT = 5
"""Runs that are remembered of each kind; their median counts."""
VARIABLE = "RELIGHT_ESTIMATES"


def place() -> Path | None:
    """The file; None where estimates are turned off."""
    given = os.environ.get(VARIABLE, "")
    if given == "off":
        return None
    if given:
        return Path(given)
    cache = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return Path(cache or Path.home() / ".cache") / "relight" / "estimates.json"


def key(model: str, device: str, kind: str) -> str:
    """A kind of cost of a model on a device, e.g. seconds a megapixel of "light"."""
    return f"{Path(model).name} {device} {kind}"


def known() -> dict[str, float]:
    """Key -> median of the last runs; empty if nothing is known."""
    medians = {}
    for name, values in _read().items():
        with contextlib.suppress(ValueError, TypeError, LookupError):
            medians[name] = median(_weighed(v) for v in values)
    return medians


def median(values: Iterable[tuple[float, float]]) -> float:
    """That of numbers with weights: as much weighs less as weighs more.

    Args:
        values: (number, weight) each.

    >>> median([(9.0, 1.0), (1.0, 1.0), (2.0, 1.0)]), median([(1.0, 1.0), (2.0, 1.0)])
    (2.0, 1.5)
    >>> median([(200.0, 0.01), (5.0, 1.0), (6.0, 1.5)])
    6.0
    """
    ordered = sorted(values)
    left = sum(weight for _, weight in ordered) / 2
    for (number, weight), (after, _) in zip(ordered, ordered[1:] + ordered[-1:], strict=True):
        left -= weight
        if left <= 0:
            return float(number if left else (number + after) / 2)
    raise ValueError("no numbers")


def of_job(job: str, kind: str) -> str:
    """A kind of cost of all that a job does: of `relight` and `upscale` they differ.

    >>> of_job("relight", "start")
    'relight start'
    """
    return f"{job} {kind}"


def rates(
    known: Mapping[str, float], named: Sequence[tuple[str, str]], job: str
) -> dict[str, float]:
    """By kind, what is known of some models for a kind of job.

    Args:
        named: (name, device) of each; the first goes before the others.

    >>> known = {key("mini", "cpu", "key"): 5.0, key("sdxl", "cuda", "upscale"): 0.1}
    >>> known |= {"mini cpu relight start": 9.0, "mini cpu upscale start": 2.0}
    >>> rates(known, [("mini", "cpu"), ("sdxl", "cuda")], "relight")
    {'key': 5.0, 'upscale': 0.1, 'start': 9.0}
    """
    names = {kind: kind for kind in DENOISED} | {kind: of_job(job, kind) for kind in OF_JOB}
    found: dict[str, float] = {}
    for kind, name in names.items():
        values = [known[key(*one, name)] for one in named if key(*one, name) in known]
        if values:
            found[kind] = values[0]
    return found


def record(
    model: str, device: str, costs: Mapping[str, float], weights: Mapping[str, float] | None = None
) -> None:
    """Remember what a run has cost, by kind; the file is replaced as a whole.

    Args:
        weights: by kind, what the cost was found on: with much of it, it says more; default 1.
    """
    file = place()
    if file is None or not costs:
        return
    with contextlib.suppress(OSError, TypeError):
        stored = _read()
        for kind, value in costs.items():
            name = key(model, device, kind)
            found = round(value, 6)
            one = [found, round(weights[kind], 6)] if weights and kind in weights else found
            stored[name] = [*stored.get(name, []), one][-KEPT:]
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                json.dump(stored, stream, indent=1)
            os.replace(part, file)
        except OSError:
            os.unlink(part)


def _read() -> dict[str, list[Any]]:
    file = place()
    try:
        stored = {} if file is None else json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {k: v for k, v in stored.items() if isinstance(v, list)} if type(stored) is dict else {}


def _weighed(stored: Any) -> tuple[float, float]:
    return (stored[0], stored[1]) if isinstance(stored, list) else (stored, 1.0)
