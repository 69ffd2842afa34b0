"""The app: all tabs in one page, and how it is served.

serve(Studio(Path("out")))  # http://127.0.0.1:7860
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import gradio as gr

from relight.errors import RelightError
from relight.ui import panels, theme
from relight.ui.api import endpoints
from relight.ui.batch_tab import BatchTab
from relight.ui.events import PRIVATE
from relight.ui.history_tab import HistoryTab
from relight.ui.relight_tab import RelightTab
from relight.ui.run_tab import RunTab
from relight.ui.studio import Studio, one_line
from relight.ui.upscale_tab import UpscaleTab

CACHE_SECONDS = (3600, 24 * 3600)
"""How often uploads are looked through, and the age at which they are deleted."""
WAITING = 20
"""Runs that may wait in the queue; further ones are told to come back."""


def build(studio: Studio, example: Path) -> gr.Blocks:
    """The page. Loads no model and not even torch: the first paint is quick."""
    with gr.Blocks(title="Relight", delete_cache=CACHE_SECONDS) as page:
        gr.HTML(theme.HEAD)
        browser = gr.BrowserState(None, storage_key="relight-studio", secret="relight-studio")
        with gr.Tabs(selected="relight") as tabs:
            with gr.Tab("Relight", id="relight"):
                relight = RelightTab(studio, browser, example)
            with gr.Tab("Upscale", id="upscale"):
                upscale = UpscaleTab(studio, browser, example)
            with gr.Tab("Batch", id="batch"):
                batch = BatchTab(studio, browser, relight.named)
            with gr.Tab("History", id="history") as shelf:
                history = HistoryTab(studio, browser)
        endpoints(studio)
        _wire_again(tabs, history, {"relight": relight, "upscale": upscale})
        fill = (history.fill, browser, history.listing)
        page.load(_who(studio), browser, browser, **PRIVATE).then(*fill, **PRIVATE)
        for event in (relight.made, upscale.made, batch.made):
            event.then(*fill, **PRIVATE)
        shelf.select(*fill, **PRIVATE)
        batch.change.click(lambda: gr.Tabs(selected="relight"), None, tabs, **PRIVATE)
        page.unload(_left(studio))
    page.queue(max_size=WAITING, default_concurrency_limit=8)
    return page


def _who(studio: Studio) -> Callable[..., str]:
    def who(known: Any, request: gr.Request) -> str:
        """The id of the visitor: the one the browser has kept, or a new one."""
        return studio.user(known, request)

    return who


def _left(studio: Studio) -> Callable[..., None]:
    def left(request: gr.Request) -> None:
        """A page is closed: nobody waits for its job any more."""
        studio.stop(request.session_hash)

    return left


def _wire_again(tabs: gr.Tabs, history: HistoryTab, made_by: dict[str, RunTab]) -> None:
    """A result's settings and its source, in the tab that made it."""

    def again(known: Any, id: str, request: gr.Request) -> dict[Any, Any]:
        try:
            entry = history.entry(known, id, request)
        except RelightError as error:
            return {history.panel.status: panels.note(one_line(error), "bad")}
        tab = made_by[entry.kind]
        update = tab.filled(entry.settings)
        update[tab.named["clip"]] = str(entry.path(entry.source))
        image = entry.path(Path(str(entry.settings.get("light"))).name)
        if "light_image" in tab.named and image.is_file():
            update[tab.named["light_image"]] = str(image)
        return {**update, tabs: gr.Tabs(selected=entry.kind)}

    controls = [control for tab in made_by.values() for control in tab.named.values()]
    history.again.click(
        again,
        [history.browser, history.chosen],
        [*controls, tabs, history.panel.status],
        **PRIVATE,
    )


def warm() -> None:
    """Import what the first click needs, in the background."""
    threading.Thread(target=import_module, args=("relight.engine.run",), daemon=True).start()
