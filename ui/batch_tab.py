"""The Batch tab: many clips with the settings of another tab, and a zip of all results."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import gradio as gr

from relight.errors import InputError
from relight.media.formats import READ
from relight.ui import clips, stage, staged, theme
from relight.ui.desk import Plain, safely
from relight.ui.events import PRIVATE
from relight.ui.orders import Order
from relight.ui.run_tab import FAILURES, RunTab
from relight.ui.runs import Run
from relight.ui.shelf import Entry, is_id, new_id
from relight.ui.studio import Studio, one_line

MOST = 50
"""Clips of one batch."""
HINT = "Choose clips; each becomes a run of its own, one after another."


class BatchTab:
    """Components and events of the tab.

    Args:
        made_by: the tabs whose settings the clips get, by kind.
    """

    def __init__(
        self,
        studio: Studio,
        browser: gr.BrowserState,
        desk: gr.HTML,
        made_by: dict[str, RunTab],
    ) -> None:
        self.studio, self.browser, self.desk, self.made_by = studio, browser, desk, made_by
        gr.HTML(theme.heading("Clips", 2))
        self.pile = gr.HTML(
            value={},
            html_template='<div class="pilehome"></div>',
            js_on_load=theme.mounted(
                "pile",
                ("change",),
                most=MOST,
                limit=studio.upload_limit or 0,
                formats=stage.FORMATS,
                endings=list(READ),
            ),
            server_functions=[stage.served(studio, "keep", stage.kept), _zip(studio)],
            apply_default_css=False,
            elem_id="batch_clip",
        )
        gr.HTML(theme.heading("Settings", 2))
        self.kind = gr.Radio(
            [
                ("Relight, with the light and settings of the Relight tab", "relight"),
                ("Upscale, with the settings of the Upscale tab", "upscale"),
            ],
            value="relight",
            label="What is done with each clip",
            elem_id="batch_kind",
        )
        with gr.Row(elem_classes="actions"):
            gr.HTML(
                '<div class="barbody" data-bar="batch"></div>',
                elem_classes="barhome",
                apply_default_css=False,
                js_on_load="",
            )
            with gr.Row(elem_classes="barbuttons"):
                self.go = gr.Button("Run all", variant="primary", elem_id="batch_go")
        self._wire()

    def _wire(self) -> None:
        given = {
            f"{kind}_{name}": control
            for kind, tab in self.made_by.items()
            for name, control in tab.inputs.items()
            if name != "browser"
        }
        own = {"kind": self.kind, "pile": self.pile, "browser": self.browser}
        self.go.click(
            self._start,
            inputs_kwargs={**given, **own},
            outputs=[self.desk, self.pile],
            trigger_mode="once",
            **PRIVATE,
        )

    def _start(self, request: gr.Request, **given: Any) -> dict[Any, Any]:
        """Put a run in the queue for each clip."""
        kind = given["kind"] if given["kind"] in self.made_by else "relight"
        own = {
            name.removeprefix(f"{kind}_"): value
            for name, value in given.items()
            if name.startswith(f"{kind}_")
        }
        browser, pile = given["browser"], given["pile"] or {}
        owner = self.studio.user(browser, request)
        told = {"tab": "batch", "nonce": new_id()}
        batch = new_id()
        try:
            files = self._files(owner, pile)
            self.studio.runs.check_room(owner, len(files))
            orders = [self._order(kind, own, browser, one, request) for one in files]
            self._enqueue(owner, orders, batch)
        except FAILURES as error:
            return {self.desk: {**told, "error": one_line(error)}}
        return {self.desk: {**told, "run": batch}, self.pile: {"batch": batch}}

    def _enqueue(self, owner: str, orders: list[Order], batch: str) -> None:
        """Put all of them in the queue, or none."""
        queued: list[Run] = []
        try:
            for order in orders:
                queued.append(self.studio.enqueue(owner, order, "make", batch=batch))
        except FAILURES:
            for run in queued:
                self.studio.runs.cancel(owner, run.id)
            raise

    def _files(self, owner: str, pile: Any) -> list[dict[str, str]]:
        files = pile.get("files") if isinstance(pile, dict) else None
        if not isinstance(files, list) or not 1 <= len(files) <= MOST:
            count = len(files) if isinstance(files, list) else 0
            raise InputError(f"choose 1 to {MOST} clips, not {count}", field="files")
        mine = self.studio.files(owner)
        return [{"id": str(one.get("id")), "name": mine.get(one.get("id")).name} for one in files]

    def _order(
        self, kind: str, own: Plain, browser: Any, file: Plain, request: gr.Request
    ) -> Order:
        """The tab's order with another clip, all of it."""
        value = own.get("stage")
        held: Plain = value if isinstance(value, dict) else {}
        whole = {**held, "clip": file, "begin": 0, "end": None}
        given = {**own, "stage": whole, "browser": browser}
        tab = self.made_by[kind]
        try:
            return tab.order(given, request)
        except FAILURES as error:
            owner = self.studio.user(browser, request)
            clip = self.studio.files(owner).get(file["id"])
            if _broken(clip):  # it fails by itself, and the others are done
                return _without_look(tab, given, request)
            raise error


def _broken(clip: Path) -> bool:
    try:
        clips.check(clip)
    except FAILURES:
        return True
    return False


def _without_look(tab: RunTab, given: Plain, request: gr.Request) -> Order:
    """An order whose clip can't be read: its run will say so."""
    owner = tab.studio.user(given["browser"], request)
    files = tab.studio.files(owner)
    value = given["stage"]
    light = staged.light_of(value, files) if tab.kind == "relight" else {"files": []}
    plain = {k: v for k, v in given.items() if k not in ("stage", "browser")}
    clip = files.get(value["clip"]["id"])
    return Order.read(tab.kind, {**plain, **light, "clip": str(clip), "name": clip.name})


def _zip(studio: Studio) -> Any:
    @safely
    def zip(given: Plain, request: gr.Request) -> Plain:
        owner = studio.user(given.get("who"), request)
        batch = given.get("batch")
        if not is_id(batch):
            raise InputError("this batch is not there any more")
        entries = [run.entry for run in studio.runs.of(owner) if run.batch == batch and run.entry]
        if not entries:
            raise InputError("this batch is not there any more")
        return {"path": str(_pack(entries, entries[0].folder / "batch.zip")), "name": "relight.zip"}

    return zip


def _pack(entries: list[Entry], target: Path) -> Path:
    """All outputs, job files and the files these name, in one zip, named after the clips."""
    part = target.with_name(f".{target.name}.{new_id()}.part")  # it may be asked for twice at once
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as packed:  # video does not shrink
            for number, entry in enumerate(entries, start=1):
                _pack_one(packed, entry, f"{number:02}-{Path(entry.name).stem}")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


def _pack_one(packed: zipfile.ZipFile, entry: Entry, folder: str) -> None:
    made = "relit" if entry.kind == "relight" else "upscaled"
    name = f"{Path(entry.name).stem}-{made}{Path(entry.output).suffix}"
    packed.write(entry.path(entry.output), f"{folder}/{name}")
    packed.write(entry.path(entry.job), f"{folder}/{entry.job}")
    for file in sorted(entry.folder.glob("file[0-9]*")):
        packed.write(file, f"{folder}/{file.name}")
