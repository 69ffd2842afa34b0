"""What a page holds that is not yet run: kept in the browser, and put back after a reload.

Settings are in the browser's storage; the clip is a file of the visitor's own on the server. What
comes back is checked like anything that a browser sends.
"""

from __future__ import annotations

import contextlib
from typing import Any

import gradio as gr

from relight.errors import RelightError
from relight.ui import controls, lamps, stage
from relight.ui.events import PRIVATE
from relight.ui.files import Files
from relight.ui.run_tab import RunTab
from relight.ui.studio import Studio

KEEP = "(...values) => [Relight.ready ? values.slice(0, -1) : values[values.length - 1]]"
STAGED = ("moment", "begin", "end", "keys", "lights", "references", "mask")


def wire(studio: Studio, known: Any, browser: gr.BrowserState, tabs: dict[str, RunTab]) -> None:
    """Keep what a tab holds whenever it changes, and put it back once the visitor is `known`."""
    stores, event = {}, known
    for kind, tab in tabs.items():
        store = gr.BrowserState(None, storage_key=f"relight-{kind}", secret="relight-studio")
        stores[kind] = store
        event = event.then(_restorer(studio, tab), [browser, store], tab.settable, **PRIVATE)
    event.then(None, None, None, js="() => { Relight.ready = true; }", **PRIVATE)
    for kind, tab in tabs.items():
        gr.on(
            [control.change for control in tab.settable],
            None,
            [*tab.settable, stores[kind]],
            stores[kind],
            js=KEEP,
            **PRIVATE,
        )


def _restorer(studio: Studio, tab: RunTab) -> Any:
    def restore(browser: Any, held: Any, request: gr.Request) -> list[Any]:
        """Updates for all controls of a tab; those whose values are of no use stay."""
        settable = tab.settable
        if not isinstance(held, list) or len(held) != len(settable):
            return [gr.skip()] * len(settable)
        owner = studio.user(browser, request)
        updates: list[Any] = [
            gr.update(value=value) if controls.fits(control, value) else gr.skip()
            for control, value in zip(settable[:-1], held[:-1], strict=True)
        ]
        return [*updates, restaged(held[-1], studio.files(owner))]

    return restore


def restaged(held: Any, files: Files) -> Any:
    """The stage as it was, if its clip is still there."""
    if not isinstance(held, dict):
        return gr.skip()
    value: dict[str, Any] = {name: held[name] for name in STAGED if name in held}
    try:
        lamps.read_all(value.get("lights"), files)
        if value.get("keys"):
            lamps.moving(value["keys"], files)
    except (RelightError, TypeError, AttributeError, ValueError):
        value |= {"lights": [], "keys": []}
    clip = held.get("clip")
    id = clip.get("id") if isinstance(clip, dict) else None
    if files.find(id) is not None:
        with contextlib.suppress(RelightError, OSError):
            value = {**stage.told(files, str(id)), **value}
    return {"set": 1, **value}
