"""What the Relight and the Upscale tab have in common: buttons, runs, the facts of a clip."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import gradio as gr

from relight.errors import InputError, RelightError
from relight.jobs.files import read_job
from relight.lights import ImageLight
from relight.ui import clips, controls, panels, work
from relight.ui.events import PRIVATE
from relight.ui.orders import KINDS, QUALITY, Order
from relight.ui.result_panel import ResultPanel
from relight.ui.studio import Studio, one_line

NO_FACTS = '<div class="facts">Nothing chosen yet</div>'
FAILURES = (RelightError, RuntimeError, MemoryError, OSError)
JOB_FILE_LIMIT = 100_000


class RunTab:
    """A tab that makes one thing of one clip.

    A subclass draws `named` (control by name, as `Order.read` wants them), `facts`, `panel` and the
    buttons, and calls `wire`.

    Args:
        example: a clip that is one click away; no button where it is not there.

    Attributes:
        kind: a key of `KINDS`. ready, looked: what to say once a clip and once a preview is there.
    """

    kind: str
    ready: str
    looked: str
    named: dict[str, Any]
    facts: gr.HTML
    panel: ResultPanel
    preview: gr.Button
    go: gr.Button
    cancel: gr.Button
    load_job: gr.UploadButton

    def __init__(self, studio: Studio, browser: gr.BrowserState, example: Path) -> None:
        self.studio, self.browser, self.example = studio, browser, example

    def draw_facts(self) -> None:
        """The clip's facts, and the example one click away."""
        with gr.Row():
            with gr.Column(scale=3, min_width=200):
                self.facts = gr.HTML(NO_FACTS)
            self.take_example = gr.Button(
                "Use the example clip",
                size="sm",
                elem_id=f"{self.kind}_example",
                scale=0,
                min_width=165,
                visible=self.example.is_file(),
            )

    def draw_settings(self, *own: str) -> dict[str, Any]:
        """Quality, model and, folded away, a control for every field that is not among `own`."""
        job = KINDS[self.kind].job
        with gr.Row():
            quality = gr.Radio(
                list(QUALITY),
                value="Balanced",
                label="Quality",
                info="Half, all or 1.5 times the model's steps.",
                min_width=300,
                scale=2,
            )
            model = gr.Dropdown(
                self.studio.models(self.kind),
                value="auto",
                label="Model",
                info="auto: the best one here.",
                min_width=160,
                scale=1,
            )
        with gr.Accordion("Advanced settings", open=False):
            self.load_job = gr.UploadButton(
                "Load settings from a file", file_types=[".json"], size="sm"
            )
            with gr.Row():
                rest = {
                    name: controls.control(job, name, min_width=200, elem_id=f"{self.kind}_{name}")
                    for name in controls.open_fields(job, "model", *own)
                }
        return {"quality": quality, "model": model, **rest}

    def draw_buttons(self, go: str) -> None:
        with gr.Row(elem_classes="actions"):
            self.preview = gr.Button("Preview", elem_id=f"{self.kind}_preview")
            self.go = gr.Button(go, variant="primary", elem_id=f"{self.kind}_go")
            self.cancel = gr.Button(
                "Cancel", variant="stop", interactive=False, elem_id=f"{self.kind}_cancel"
            )

    def wire(self) -> None:
        """Connect what was drawn. Afterwards `told` and `made` are events to go on from."""
        named, panel = self.named, self.panel
        self.told = named["clip"].change(
            self._told, named["clip"], [self.facts, panel.status], **PRIVATE
        )
        self.load_job.upload(self._loaded, self.load_job, [*self.settable, panel.status], **PRIVATE)
        outputs = [self.preview, self.go, self.cancel, *panel.outputs]
        looking, self.made = (
            button.click(
                self._runner(make),
                inputs_kwargs={**named, "browser": self.browser},
                outputs=outputs,
                validator=checker(self.kind, [*named, "browser"]),
                concurrency_id="gpu",
                concurrency_limit=1,
                **PRIVATE,
            )
            for button, make in ((self.preview, work.preview), (self.go, work.make))
        )
        self.cancel.click(
            self._cancelled, outputs=outputs, cancels=[looking, self.made], queue=False, **PRIVATE
        )

    @property
    def settable(self) -> list[Any]:
        """The controls that `filled` may set."""
        return [c for name, c in self.named.items() if name not in ("clip", "light_image")]

    def filled(self, settings: dict[str, Any]) -> dict[Any, Any]:
        """Updates that put a job's settings into the controls; paths are left out."""
        update: dict[Any, Any] = {self.named["quality"]: "Balanced"}
        for name, value in settings.items():
            if name in self.named and name != "model":
                update[self.named[name]] = gr.update(value=value)
        model = settings.get("model", "auto")
        update[self.named["model"]] = model if model in self.studio.models(self.kind) else "auto"
        return update

    def _runner(self, make: Callable[..., Any]) -> Callable[..., Any]:
        """The handler of a button: starts the job, shows its news, then its result."""

        async def run(request: gr.Request, **given: Any) -> AsyncIterator[dict[Any, Any]]:
            shelf = self.studio.shelf(given.pop("browser"), request)
            yield self._buttons(busy=True) | self.panel.running(None, "waiting for its turn")
            try:
                order = Order.read(self.kind, given)
                job = self.studio.start(
                    request.session_hash, lambda tell: make(self.studio, shelf, order, tell)
                )
                try:
                    async for news in job.news():
                        yield self.panel.running(news, "loading the model")
                finally:
                    job.stop()
                entry = job.result()
            except FAILURES as error:
                told = one_line(error, *files_of(given))
                yield self._buttons(busy=False) | self.panel.stopped(told, "bad")
                return
            done = f"Done in {panels.duration(entry.seconds)}. It is kept under History."
            text = self.looked if make is work.preview else done
            yield self._buttons(busy=False) | self.panel.finished(entry, text)

        return run

    def _cancelled(self, request: gr.Request) -> dict[Any, Any]:
        self.studio.stop(request.session_hash)
        return self._buttons(busy=False) | self.panel.stopped("Stopped. Nothing was written.")

    def _buttons(self, busy: bool) -> dict[Any, Any]:
        return {
            self.preview: gr.update(interactive=not busy),
            self.go: gr.update(interactive=not busy),
            self.cancel: gr.update(interactive=busy),
        }

    def _told(self, clip: str | None) -> tuple[str, str]:
        """The facts of a clip, or what is wrong with it, as soon as it is there."""
        if clip is None:
            return NO_FACTS, panels.note(self.panel.next_step)
        file = Path(clip)
        try:
            info, _ = clips.check(file)
        except RelightError as error:
            told = one_line(error, file)
            return panels.fault(told), panels.note(told, "bad")
        return panels.facts(info, clips.plain_name(file.name)), panels.note(self.ready)

    def _loaded(self, file: str) -> dict[Any, Any]:
        """The controls, set from a job file or a sidecar."""
        try:
            if Path(file).stat().st_size > JOB_FILE_LIMIT:
                raise InputError(f"{Path(file).name} is too large to be a job file")
            job = KINDS[self.kind].job
            found = read_job(Path(file), job)
            job.make(**{**found, "input": "in.mp4", "output": "out.mp4"})
        except RelightError as error:
            return {self.panel.status: panels.note(one_line(error, Path(file)), "bad")}
        return {
            **self.filled(found),
            self.panel.status: panels.note("The settings are loaded.", "good"),
        }


def checker(kind: str, names: list[str]) -> Callable[..., list[dict[str, Any]]]:
    """A validator: bad files and settings are told before they wait in the queue.

    Its answer has one place for each of `names`; the message stands at the control it is about.
    """

    def check(**given: Any) -> list[dict[str, Any]]:
        problem, at = None, "clip"
        try:
            order = Order.read(kind, given)
            clips.check(order.clip)
            if order.light_image is not None:
                at = "light_image"
                check_light(order.light_image)
        except RelightError as error:
            problem = one_line(error, *files_of(given))
            first = problem.split(" ", 1)[0]
            at = first if first in names else "prompt" if problem.startswith("no words") else at
        return [gr.validate(name != at or problem is None, problem or "") for name in names]

    return check


def check_light(picture: Path) -> None:
    """Tell now whether a picture can be read as a light."""
    ImageLight(picture).check()


def files_of(given: dict[str, Any]) -> list[Path]:
    """The uploaded files among the values of the controls."""
    return [Path(str(given[name])) for name in ("clip", "light_image") if given.get(name)]
