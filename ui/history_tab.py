"""The History tab: one's results, to look at, download, delete, or start from again.

Drawn by `web/history.js`; only the owner's results are ever read.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from typing import Any

import gradio as gr
from PIL import Image

from relight.errors import RelightError
from relight.ui import clips, panels, theme
from relight.ui.desk import Plain, result, safely
from relight.ui.shelf import Entry, Shelf
from relight.ui.studio import Studio

CARD_SIDE = 360


class HistoryTab:
    """Components and events of the tab."""

    def __init__(self, studio: Studio, browser: gr.BrowserState) -> None:
        self.studio, self.browser = studio, browser
        self.list = gr.HTML(
            value={},
            html_template='<div class="shelfhome"></div>',
            js_on_load=theme.mounted("shelf", ("select",)),
            server_functions=_functions(studio),
            apply_default_css=False,
        )

    def entry(self, browser: Any, id: object, request: gr.Request) -> Entry:
        return self.studio.shelf(browser, request).get(id)


def _functions(studio: Studio) -> list[Any]:
    @safely
    def entries(given: Plain, request: gr.Request) -> Plain:
        shelf = studio.shelf(given.get("who"), request)
        found = shelf.entries()
        return {
            "entries": [_card(entry) for entry in found],
            "bytes": sum(entry.bytes for entry in found),
            "free": shutil.disk_usage(studio.outputs).free,
            "removed": studio.keeper.note(shelf.root.name),
        }

    @safely
    def remove(given: Plain, request: gr.Request) -> Plain:
        owner = studio.user(given.get("who"), request)
        with contextlib.suppress(RelightError):
            studio.runs.forget(owner, given.get("id"))
        Shelf(studio.outputs / owner).remove(given.get("id"))
        return {}

    @safely
    def restore(given: Plain, request: gr.Request) -> Plain:
        studio.shelf(given.get("who"), request).restore(given.get("id"))
        return {}

    return [entries, remove, restore]


def _card(entry: Entry) -> Plain:
    """An entry of the list."""
    when = time.strftime("%d %b %Y, %H:%M", time.localtime(entry.when)).lstrip("0")
    size = f"{entry.bytes / 1e6:.1f} MB"
    kind = "Relight" if entry.kind == "relight" else "Upscale"
    took = panels.duration(entry.seconds)
    return {**result(entry), "small": _small(entry), "line": f"{kind}, {when}, {size}, {took}"}


def _small(entry: Entry) -> str:
    """A small picture of a result, made once; "" where it can't be read."""
    small = entry.path("small.jpg")
    try:
        if not small.exists():
            frame = clips.frame_at(entry.path(entry.output), 0.0)
            Image.fromarray(clips.shown(frame, CARD_SIDE)).save(small)
    except (RelightError, OSError):
        return ""
    return str(small)
