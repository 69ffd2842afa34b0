"""The visitor's runs on the page: they are asked for, drawn into every tab's bar, and cancelled.

Its functions are called by `web/desk.js`; each takes one mapping, with the visitor's id as `who`.
"""

from __future__ import annotations

import base64
import shutil
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

import cv2
import gradio as gr
import numpy as np

from relight.errors import RelightError
from relight.ui import panels, theme
from relight.ui.clips import has_sound, is_still, shown
from relight.ui.runs import Run
from relight.ui.shelf import Entry, new_id
from relight.ui.studio import Studio, one_line

SHOWN_OVER = 60
"""Finished runs that are still sent to the page, so that a batch can be shown whole."""
LIVE_SIDE = 640
"""Longer side of the pictures of a run that is going on."""
BOOT = new_id()
"""This process; a page that sees another one loads itself anew."""

Plain = dict[str, Any]


def safely(call: Callable[..., Plain]) -> Callable[..., Plain]:
    """A function for the page: an error becomes `{"error": one line}`."""

    @wraps(call)
    def called(given: Any, request: gr.Request) -> Plain:
        try:
            return call(given if isinstance(given, dict) else {}, request)
        except (RelightError, OSError, ValueError, TypeError, KeyError) as error:
            return {"error": one_line(error)}

    called.__annotations__ = {"request": gr.Request}
    del called.__wrapped__  # Gradio reads the signature of what it calls
    return called


def desk(studio: Studio, hints: dict[str, str]) -> gr.HTML:
    """The component. hints: tab -> what to do first."""

    @safely
    def look(given: Plain, request: gr.Request) -> Plain:
        owner = studio.user(given.get("who"), request)
        return {
            "boot": BOOT,
            "runs": [told(studio, run) for run in _recent(studio.runs.of(owner))],
            "disk": shutil.disk_usage(studio.outputs).free,
        }

    @safely
    def live(given: Plain, request: gr.Request) -> Plain:
        run = studio.runs.get(studio.user(given.get("who"), request), given.get("id"))
        progress = run.progress
        if progress is None or progress.preview is None:
            return {}
        return {"url": data_url(shown(progress.preview(), LIVE_SIDE))}

    @safely
    def cancel(given: Plain, request: gr.Request) -> Plain:
        studio.runs.cancel(studio.user(given.get("who"), request), given.get("id"))
        return {}

    @safely
    def dismiss(given: Plain, request: gr.Request) -> Plain:
        studio.runs.dismiss(studio.user(given.get("who"), request), given.get("id"))
        return {}

    return gr.HTML(
        value={},
        html_template='<div class="desk"></div>',
        js_on_load=theme.mounted("desk", ("select",), hints=hints),
        server_functions=[look, live, cancel, dismiss],
        apply_default_css=False,
        elem_id="desk",
    )


def _recent(runs: list[Run]) -> list[Run]:
    """All runs that are not over, and the last ones that are."""
    over = [run for run in runs if not run.busy][-SHOWN_OVER:]
    return [run for run in runs if run.busy or run in over]


def told(studio: Studio, run: Run) -> Plain:
    """A run as the page draws it."""
    plain: Plain = {
        "id": run.id,
        "kind": run.kind,
        "what": run.what,
        "name": run.name,
        "state": run.state,
        "batch": run.batch,
        "created": run.created,
        "error": run.error,
        "field": run.setting,
        "seen": run.seen,
        "fraction": round(run.fraction, 4),
    }
    if run.state == "waiting":
        plain["ahead"], plain["starts"] = studio.runs.ahead(run)
    if run.state == "running":
        progress = run.progress
        plain["stage"] = (progress.stage if progress else "starting").capitalize()
        plain["left"] = run.seconds_left
        plain["picture"] = progress is not None and progress.preview is not None
    if run.entry is not None and run.entry.path(run.entry.output).is_file():
        plain["result"] = result(run.entry, run.what)
    return plain


def result(entry: Entry, what: str = "make") -> Plain:
    """A result as the page shows it."""
    still = is_still(entry.path(entry.output))
    before = entry.before or entry.source
    suffix = entry.path(entry.output).suffix
    stem = entry.name.rpartition(".")[0] or entry.name
    made = "relit" if entry.kind == "relight" else "upscaled"
    made = f"{made}-preview" if what == "preview" else made
    return {
        "id": entry.id,
        "kind": entry.kind,
        "clip": entry.name,
        "name": f"{stem}-{made}{suffix}",
        "job_name": f"{stem}-{made}.json",
        "still": still,
        "before": str(entry.path(before)),
        "after": str(entry.path(entry.after or entry.output)),
        "output": str(entry.path(entry.output)),
        "job": str(entry.path(entry.job)),
        "sound": not still and has_sound(entry.path(entry.after or entry.output)),
        "about": about(entry, what),
        "notes": entry.notes,
        "seed": entry.settings.get("seed"),
        "prompt": str(entry.settings.get("prompt") or ""),
        "when": entry.when,
    }


def about(entry: Entry, what: str) -> str:
    """One line under a result."""
    took = panels.duration(entry.seconds)
    seed = entry.settings.get("seed")
    if what == "preview":
        shown_part = "one frame" if entry.kind == "relight" else "the middle of the frame"
        return f"Preview of {shown_part}, in {took}, seed {seed}. The clip itself is not made yet."
    day = time.strftime("%d %b, %H:%M", time.localtime(entry.when)).lstrip("0")
    return f"{entry.name}: done in {took}, seed {seed}. Kept in History ({day})."


def data_url(image: np.ndarray, quality: int = 82) -> str:
    """(h, w, 3) uint8 RGB as a JPEG that a page shows without asking for a file."""
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode() if done else ""
