"""The History tab: one's results, to look at, download, delete, or start from again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from relight.errors import RelightError
from relight.ui import clips, panels, theme
from relight.ui.events import PRIVATE
from relight.ui.result_panel import ResultPanel
from relight.ui.shelf import Entry
from relight.ui.studio import Studio, one_line

NONE_YET = ("Nothing here yet", "Every finished clip is kept here, also after a reload.")


class HistoryTab:
    """Components and events of the tab; only the owner's results are ever read."""

    def __init__(self, studio: Studio, browser: gr.BrowserState) -> None:
        self.studio, self.browser = studio, browser
        with gr.Row(equal_height=False):
            with gr.Column(scale=5, min_width=320):
                gr.HTML(theme.step(None, "Your results", "newest first"))
                self.nothing = gr.HTML(theme.empty(*NONE_YET))
                self.gallery = gr.Gallery(
                    show_label=False,
                    columns=2,
                    fit_columns=False,
                    object_fit="cover",
                    height="auto",
                    allow_preview=False,
                    interactive=False,
                    buttons=[],
                    visible=False,
                    elem_id="gallery",
                )
                self.ids = gr.State([])
                self.chosen = gr.State(None)
            with gr.Column(scale=6, min_width=320):
                self.panel = ResultPanel(
                    "Choose a result to look at it.",
                    ("No result chosen", "Click a picture."),
                    "result",
                    longest=1600,
                )
                with gr.Row(visible=False) as self.actions:
                    self.again = gr.Button("Use these settings again", elem_id="again")
                    self.delete = gr.Button("Delete", variant="stop", elem_id="delete")
        detail = [*self.panel.outputs, self.actions, self.chosen]
        self.gallery.select(self._choose, [self.browser, self.ids], detail, **PRIVATE)
        self.delete.click(
            self._delete, [self.browser, self.chosen], [*detail, *self.listing], **PRIVATE
        )

    @property
    def listing(self) -> list[Any]:
        """What `fill` touches."""
        return [self.gallery, self.nothing, self.ids]

    def fill(self, browser: Any, request: gr.Request) -> dict[Any, Any]:
        """The user's results as pictures with captions."""
        entries = self.studio.shelf(browser, request).entries()
        return {
            self.gallery: gr.update(
                value=[(_picture(entry), _caption(entry)) for entry in entries],
                visible=bool(entries),
                selected_index=None,
            ),
            self.nothing: gr.update(visible=not entries),
            self.ids: [entry.id for entry in entries],
        }

    def entry(self, browser: Any, id: str, request: gr.Request) -> Entry:
        return self.studio.shelf(browser, request).get(id)

    def _choose(
        self, browser: Any, ids: list[str], event: gr.SelectData, request: gr.Request
    ) -> dict[Any, Any]:
        try:
            id = ids[event.index] if 0 <= event.index < len(ids) else ""
            entry = self.entry(browser, id, request)
        except RelightError as error:
            return {**self.panel.stopped(one_line(error), "bad"), self.actions: _hidden()}
        shown = self.panel.finished(entry, _about(entry))
        return {**shown, self.actions: gr.update(visible=True), self.chosen: entry.id}

    def _delete(self, browser: Any, id: str | None, request: gr.Request) -> dict[Any, Any]:
        told = "Deleted."
        try:
            self.studio.shelf(browser, request).remove(id or "")
        except RelightError as error:
            told = one_line(error)
        return {
            **self.panel.stopped(told),
            **self.fill(browser, request),
            self.actions: _hidden(),
            self.chosen: None,
        }


def _hidden() -> Any:
    return gr.update(visible=False)


def _picture(entry: Entry) -> str:
    """A small picture of a result, made once."""
    from PIL import Image

    small = entry.path("small.jpg")
    if not small.exists():
        Image.fromarray(clips.shown(clips.frame_at(entry.path(entry.output), 0.0), 360)).save(small)
    return str(small)


def _caption(entry: Entry) -> str:
    return str(entry.settings.get("prompt") or entry.name)[:60]


def _about(entry: Entry) -> str:
    seed = entry.settings.get("seed")
    took = panels.duration(entry.seconds)
    name = Path(entry.name).name
    return f"{name}: {entry.settings.get('prompt') or entry.kind}. Seed {seed}, took {took}."
