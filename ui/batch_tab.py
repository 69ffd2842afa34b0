"""The Batch tab: several clips under one light, one after another, and a zip of all results."""

from __future__ import annotations

import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from relight.errors import Cancelled, InputError, RelightError
from relight.ui import clips, panels, theme, work
from relight.ui.events import PRIVATE
from relight.ui.orders import Order
from relight.ui.run_tab import FAILURES
from relight.ui.shelf import Entry
from relight.ui.studio import Studio, one_line

MOST = 50
"""Clips of one batch."""
NEXT = "Choose clips; they all get the settings of the Relight tab."


class BatchTab:
    """Components and events of the tab.

    Args:
        named: the controls of the Relight tab, whose settings all clips get.
    """

    def __init__(self, studio: Studio, browser: gr.BrowserState, named: dict[str, Any]) -> None:
        self.studio, self.browser = studio, browser
        self.named = {name: c for name, c in named.items() if name != "clip"}
        with gr.Row(equal_height=False):
            with gr.Column(scale=5, min_width=320):
                gr.HTML(theme.step(1, "Clips", f"up to {MOST}, one after another"))
                self.files = gr.File(
                    file_count="multiple",
                    type="filepath",
                    label="Clips",
                    height=220,
                    elem_id="batch_files",
                )
                gr.HTML(theme.step(2, "Light", "as set in the Relight tab"))
                self.told = gr.HTML(_settings("", "left"))
                self.change = gr.Button("Change it in the Relight tab", size="sm")
                with gr.Row(elem_classes="actions"):
                    self.go = gr.Button("Relight all", variant="primary", elem_id="batch_go")
                    self.cancel = gr.Button(
                        "Cancel", variant="stop", interactive=False, elem_id="batch_cancel"
                    )
            with gr.Column(scale=6, min_width=320):
                self.status = gr.HTML(panels.note(NEXT), elem_classes="status")
                self.table = gr.HTML(_table([]))
                self.zip = gr.DownloadButton(
                    "Download all as a zip", variant="primary", visible=False, elem_id="batch_zip"
                )
        self._wire()

    @property
    def outputs(self) -> list[Any]:
        return [self.go, self.cancel, self.status, self.table, self.zip]

    def _wire(self) -> None:
        for name in ("prompt", "light"):
            self.named[name].change(
                _settings, [self.named["prompt"], self.named["light"]], self.told, **PRIVATE
            )
        self.files.change(_chosen, self.files, self.table, **PRIVATE)
        self.made = self.go.click(
            self._run,
            inputs_kwargs={**self.named, "files": self.files, "browser": self.browser},
            outputs=self.outputs,
            concurrency_id="gpu",
            concurrency_limit=1,
            **PRIVATE,
        )
        self.cancel.click(
            self._cancelled, outputs=self.outputs, cancels=[self.made], queue=False, **PRIVATE
        )

    async def _run(self, request: gr.Request, **given: Any) -> AsyncIterator[dict[Any, Any]]:
        shelf = self.studio.shelf(given.pop("browser"), request)
        files = [Path(file) for file in given.pop("files") or ()]
        lines = [[clips.plain_name(file.name), "waits", ""] for file in files]
        try:
            if not files or len(files) > MOST:
                raise InputError(f"choose 1 to {MOST} clips, not {len(files)}")
            order = Order.read("relight", {**given, "clip": str(files[0])})
        except RelightError as error:
            yield self._state(one_line(error, *files), lines, kind="bad")
            return
        made: list[Entry] = []
        for i, file in enumerate(files):
            one = replace(order, clip=file, name=lines[i][0])
            try:
                clips.check(file)
                job = self.studio.start(
                    request.session_hash,
                    lambda tell, one=one: work.make(self.studio, shelf, one, tell),
                )
                try:
                    lines[i][1:] = ["runs", ""]
                    yield self._state(_done(i, files), lines, part=i / len(files))
                    async for news in job.news():
                        part = news.fraction if news else 0.0
                        lines[i][2] = f"{part:.0%}"
                        yield self._state(_done(i, files), lines, part=(i + part) / len(files))
                finally:
                    job.stop()
                made.append(job.result())
                lines[i][1:] = ["done", panels.duration(made[-1].seconds)]
            except Cancelled:
                yield self._state("Stopped.", lines)
                return
            except FAILURES as error:
                lines[i][1:] = ["failed", one_line(error, file)]
        failed = len(files) - len(made)
        told = f"{len(made)} of {len(files)} done" + (f", {failed} failed." if failed else ".")
        packed = _pack(made, shelf.scratch()) if made else None
        yield self._state(told, lines, kind="bad" if failed else "good", packed=packed)

    def _cancelled(self, request: gr.Request) -> dict[Any, Any]:
        self.studio.stop(request.session_hash)
        told = panels.note("Stopped. Clips that were done are under History.")
        return {
            self.go: gr.update(interactive=True),
            self.cancel: gr.update(interactive=False),
            self.status: told,
        }

    def _state(
        self,
        text: str,
        lines: list[list[str]],
        *,
        kind: str = "idle",
        part: float | None = None,
        packed: Path | None = None,
    ) -> dict[Any, Any]:
        busy = part is not None
        bar = panels.progress(text, part, None) if busy else panels.note(text, kind)
        return {
            self.go: gr.update(interactive=not busy),
            self.cancel: gr.update(interactive=busy),
            self.status: bar,
            self.table: _table(lines),
            self.zip: gr.update(value=packed and str(packed), visible=packed is not None),
        }


def _chosen(files: list[str] | None) -> str:
    return _table([[clips.plain_name(Path(file).name), "waits", ""] for file in files or ()])


def _done(count: int, files: list[Path]) -> str:
    return f"clip {count + 1} of {len(files)}"


def _pack(entries: list[Entry], folder: Path) -> Path:
    """All outputs and job files in one zip, named after the clips."""
    target = folder / "relit.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as packed:  # video does not shrink
        for i, entry in enumerate(entries, start=1):
            stem = f"{i:02}-{Path(entry.name).stem}"
            packed.write(entry.path(entry.output), stem + Path(entry.output).suffix)
            packed.write(entry.path(entry.job), stem + ".json")
    return target


def _settings(prompt: str, light: str) -> str:
    words = f"“{prompt.strip()}”" if prompt.strip() else "no words yet"
    return f'<div class="note">{escape(words)}, light: {escape(str(light))}</div>'


def _table(lines: list[list[str]]) -> str:
    if not lines:
        return theme.empty("No clips yet", "Each clip's progress is shown here.")
    rows = "".join(
        f'<tr class="{escape(state)}"><td>{escape(name)}</td><td>{escape(state)}</td>'
        f"<td>{escape(text)}</td></tr>"
        for name, state, text in lines
    )
    return f'<table class="batch"><tbody>{rows}</tbody></table>'
