"""The app: all tabs in one page, and what survives a reload.

serve(Studio(Path("out")))  # http://127.0.0.1:7860
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import gradio as gr

from relight.errors import RelightError
from relight.ui import draft, theme
from relight.ui.api import endpoints
from relight.ui.batch_tab import HINT, BatchTab
from relight.ui.desk import desk
from relight.ui.events import PRIVATE
from relight.ui.history_tab import HistoryTab
from relight.ui.relight_tab import RelightTab
from relight.ui.run_tab import RunTab
from relight.ui.shelf import new_id
from relight.ui.stage import told
from relight.ui.studio import Studio, one_line
from relight.ui.upscale_tab import UpscaleTab

CACHE_SECONDS = (3600, 24 * 3600)
"""How often uploads are looked through, and the age at which they are deleted."""
WAITING = 60
"""Calls that may wait in Gradio's queue; further ones are asked to come back."""


def build(studio: Studio, example: Path) -> gr.Blocks:
    """The page. Loads no model and not even torch: the first paint is quick."""
    with gr.Blocks(title="Relight", delete_cache=CACHE_SECONDS) as page:
        gr.HTML(theme.HEAD, apply_default_css=False)
        browser = gr.BrowserState(None, storage_key="relight-studio", secret="relight-studio")
        hints = {"relight": RelightTab.hint, "upscale": UpscaleTab.hint, "batch": HINT}
        runs = desk(studio, hints)
        with gr.Tabs(selected="relight") as tabs:
            with gr.Tab("Relight", id="relight"):
                relight = RelightTab(studio, browser, runs, example)
            with gr.Tab("Upscale", id="upscale"):
                upscale = UpscaleTab(studio, browser, runs, example)
            made_by: dict[str, RunTab] = {"relight": relight, "upscale": upscale}
            with gr.Tab("Batch", id="batch"):
                BatchTab(studio, browser, runs, made_by)
            with gr.Tab("History", id="history"):
                history = HistoryTab(studio, browser)
        endpoints(studio)
        runs.select(_quicker, None, relight.named["recipe"], **PRIVATE)
        _wire_again(tabs, runs, history, made_by)
        known = page.load(_who(studio), browser, [browser, runs], **PRIVATE)
        draft.wire(studio, known, browser, made_by)
    page.queue(max_size=WAITING, default_concurrency_limit=8)
    return page


def _who(studio: Studio) -> Callable[..., Any]:
    def who(known: Any, request: gr.Request) -> tuple[str, dict[str, str]]:
        """The id of the visitor: the one the browser has kept, or a new one."""
        user = studio.user(known, request)
        return user, {"who": user}

    return who


def _quicker(event: gr.EventData) -> Any:
    """The bar's offer to use the fast recipe was taken."""
    data = event._data if isinstance(event._data, dict) else {}
    return "fast" if data.get("fast") else gr.skip()


def _wire_again(
    tabs: gr.Tabs, runs: gr.HTML, history: HistoryTab, made_by: dict[str, RunTab]
) -> None:
    """A result's settings and its source, in the tab that made it."""
    studio = history.studio

    def again(browser: Any, event: gr.EventData, request: gr.Request) -> dict[Any, Any]:
        data = event._data if isinstance(event._data, dict) else {}
        try:
            entry = history.entry(browser, data.get("id"), request)
            tab = made_by[entry.kind]
            files = studio.files(studio.user(browser, request))
            id = files.copy(entry.path(entry.source), entry.name)
            clip = told(files, id)
        except (RelightError, OSError) as error:
            return {runs: {"tab": "history", "error": one_line(error), "nonce": new_id()}}
        return {
            **tab.filled(entry.settings),
            tab.stage: {**clip, **tab.staged(entry.settings)},
            runs: tab.loaded(entry.settings),
            tabs: gr.Tabs(selected=entry.kind),
        }

    controls = [control for tab in made_by.values() for control in tab.settable]
    history.list.select(again, history.browser, [*controls, tabs, runs], **PRIVATE)


def warm() -> threading.Thread:
    """Import what the first click and the first plan need, in the background."""

    def load() -> None:
        for name in ("relight.engine.look", "relight.engine.plan", "relight.engine.run"):
            import_module(name)
        from relight.models.finding import find_model, find_upscaler

        for find in (find_model, partial(find_upscaler, moving=True)):
            with suppress(RelightError):  # told where somebody asks for it
                find()  # imports the model's pipeline, which takes longest

    thread = threading.Thread(target=load, daemon=True)
    thread.start()
    return thread
