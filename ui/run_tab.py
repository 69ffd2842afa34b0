"""What the Relight and the Upscale tab have in common: controls, the bar, and putting runs in the
queue.

Nothing here waits for a run. A button puts one in the queue and the bar, drawn by `web/desk.js`,
shows how far it is.
"""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from relight.errors import InputError, RelightError
from relight.jobs.files import read_job
from relight.media.formats import FORMATS
from relight.ui import clips, controls, stage, staged, theme
from relight.ui.events import PRIVATE
from relight.ui.expect import expected
from relight.ui.orders import KINDS, QUALITY, SAME, Order
from relight.ui.studio import Studio, one_line

FAILURES = (RelightError, OSError, ValueError)
JOB_FILE_LIMIT = 100_000
FORMAT_CHOICES = [
    ("Automatic", SAME),
    *((f"{one.name} ({one.extensions[0]})", one.extensions[0]) for one in FORMATS if one.written),
]
SEEDS = 2**31


class RunTab(ABC):
    """A tab that makes one thing of one clip.

    A subclass draws its controls in `draw_controls`.

    Args:
        desk: the component that draws the bars. example: a clip that is one click away.

    Attributes:
        kind: a key of `KINDS`. hint: what to do first. heading: above the stage. buttons: what
            the run's and the preview's say. named: control by name, as `Order.read` wants them.
    """

    kind: str
    hint: str
    heading: str
    buttons: tuple[str, str]
    named: dict[str, Any]
    stage: gr.HTML
    preview: gr.Button
    go: gr.Button
    load_job: gr.UploadButton
    groups: dict[str, gr.Accordion]

    def __init__(
        self, studio: Studio, browser: gr.BrowserState, desk: gr.HTML, example: Path
    ) -> None:
        self.studio, self.browser, self.desk, self.example = studio, browser, desk, example
        self.groups, self._group_of = {}, {}
        with gr.Row(equal_height=False, elem_classes="desktop"):
            with gr.Column(scale=7, min_width=320, elem_classes="stay"):
                gr.HTML(theme.heading(self.heading, 2))
                self.stage = stage.stage(studio, self.kind, example)
                theme.result_home(self.kind)
            with gr.Column(scale=5, min_width=320):
                self.named = self.draw_controls()
        self._draw_bar(*self.buttons)
        self.wire()

    @abstractmethod
    def draw_controls(self) -> dict[str, Any]:
        """Draw the controls of the job; returns them by the names of its fields."""

    def draw_settings(self, *own: str) -> dict[str, Any]:
        """Quality, format, seed and, folded away in groups, every field that is not in `own`."""
        job = KINDS[self.kind].job
        quality = gr.Radio(
            list(QUALITY),
            value="Balanced",
            label="Quality",
            info="Half, all or 1.5 times the model's steps.",
            elem_id=f"{self.kind}_quality",
        )
        with gr.Row():
            model = gr.Dropdown(
                self.studio.models(self.kind),
                value="auto",
                label="Model",
                info="auto: the best one here.",
                min_width=150,
                elem_id=f"{self.kind}_model",
            )
            file_format = gr.Dropdown(
                FORMAT_CHOICES,
                value=SAME,
                label="Output format",
                info="Automatic: MP4, or PNG for a picture.",
                min_width=200,
                elem_id=f"{self.kind}_format",
            )
        with gr.Row():
            seed = controls.control(
                job,
                "seed",
                label="Seed",
                info="Set by the first preview; the run after it uses it.",
                min_width=220,
                elem_id=f"{self.kind}_seed",
            )
            self.lock = gr.Checkbox(
                label="Keep this seed",
                info="Also for further runs.",
                min_width=180,
                elem_id=f"{self.kind}_lock",
            )
        rest = self._draw_advanced(job, "model", "seed", "start", "frames", "tonemap", *own)
        return {"quality": quality, "model": model, "format": file_format, "seed": seed, **rest}

    def _draw_advanced(self, job: Any, *own: str) -> dict[str, Any]:
        rest: dict[str, Any] = {}
        with gr.Accordion("Advanced", open=False, elem_classes="advanced") as outer:
            self.advanced = outer
            self.load_job = gr.UploadButton(
                "Load settings from a file",
                file_types=[".json"],
                size="sm",
                elem_id=f"{self.kind}_load",
            )
            for title, names in controls.grouped(controls.open_fields(job, *own)).items():
                gr.HTML(theme.heading(title, 3))
                with gr.Row():
                    for name in names:
                        rest[name] = controls.control(
                            job, name, min_width=180, elem_id=f"{self.kind}_{name}"
                        )
        return rest

    def _draw_bar(self, go: str, preview: str) -> None:
        with gr.Row(elem_classes="actions"):
            gr.HTML(
                f'<div class="barbody" data-bar="{self.kind}"></div>',
                elem_classes="barhome",
                apply_default_css=False,
                js_on_load="",
            )
            with gr.Row(elem_classes="barbuttons"):
                self.preview = gr.Button(preview, elem_id=f"{self.kind}_preview")
                self.go = gr.Button(go, variant="primary", elem_id=f"{self.kind}_go")

    @property
    def inputs(self) -> dict[str, Any]:
        """What an order is read from."""
        return {**self.named, "stage": self.stage, "browser": self.browser}

    def wire(self) -> None:
        """Connect what was drawn."""
        shown = [self.desk, self.named["seed"], self.advanced]
        for button, what in ((self.preview, "preview"), (self.go, "make")):
            button.click(
                self._starter(what),
                inputs_kwargs={**self.inputs, "lock": self.lock},
                outputs=shown,
                trigger_mode="multiple",
                **PRIVATE,
            )
        looks = [self.stage.change, *(c.change for c in self.named.values())]
        gr.on(
            looks,
            self._expected,
            inputs_kwargs={**self.inputs, "asked": self.desk},
            outputs=self.desk,
            js=f"(...given) => [...given.slice(0, -1), Relight.desk.state.asking('{self.kind}')]",
            trigger_mode="always_last",
            concurrency_limit=2,
            concurrency_id="expect",
            **PRIVATE,
        )
        self.load_job.upload(self._loaded, self.load_job, [*self.settable, self.desk], **PRIVATE)

    @property
    def settable(self) -> list[Any]:
        """The controls that `filled` may set."""
        return [*self.named.values(), self.stage]

    def order(self, given: dict[str, Any], request: gr.Request, *, now: bool = False) -> Order:
        """The order that the page means. now: of the one frame that is shown.

        Raises:
            RelightError: it can't be run.
        """
        owner = self.studio.user(given.get("browser"), request)
        value = given.get("stage")
        files = self.studio.files(owner)
        found = staged.settings(value, files, self.kind)
        if now and found.get("clip"):
            found = staged.at_moment(found, value, files)
        plain = {k: v for k, v in given.items() if k not in ("stage", "browser", "lock")}
        order = Order.read(self.kind, {**plain, **found})
        clips.check(order.clip)
        return order

    def filled(self, settings: dict[str, Any]) -> dict[Any, Any]:
        """Updates that put a job's settings into the controls; paths are left out."""
        update: dict[Any, Any] = {self.named["quality"]: "Balanced"}
        for name, value in settings.items():
            if controls.holds(self.named.get(name), value):
                update[self.named[name]] = gr.update(value=value)
        update.setdefault(self.named["model"], "auto")
        return update

    def unshown(self, settings: dict[str, Any]) -> list[str]:
        """Names of settings that change a result and have no place on this page."""
        return controls.unshown(KINDS[self.kind].job, settings, self.named)

    def loaded(self, settings: dict[str, Any]) -> dict[str, Any]:
        """What the bar says when settings were put on the page."""
        left = self.unshown(settings)
        text = "The settings are loaded" + (f", but for {', '.join(left)}." if left else ".")
        return self.told(text=text, stays=bool(left))

    def staged(self, settings: dict[str, Any]) -> dict[str, Any]:
        """What of a job's settings belongs to the stage, apart from its files."""
        begin = float(settings.get("start") or 0.0)
        return {
            "set": 1,
            "begin": begin,
            "end": None,
            "keys": [],
            "references": [],
        }

    def told(self, **what: Any) -> dict[str, Any]:
        """A word to the bar of this tab."""
        return {"tab": self.kind, "nonce": secrets.token_hex(4), **what}

    def _starter(self, what: str) -> Callable[..., Any]:
        """The handler of a button: puts a run in the queue."""

        def start(request: gr.Request, **given: Any) -> dict[Any, Any]:
            lock, files = given.pop("lock"), []
            try:
                drawn = given.get("seed") in (None, "")
                if drawn:
                    given["seed"] = secrets.randbelow(SEEDS)
                order = self.order(given, request, now=what == "preview")
                files.append(order.clip)
                owner = self.studio.user(given.get("browser"), request)
                guess = None if what == "preview" else expected(order).get("seconds")
                run = self.studio.enqueue(owner, order, what, guess=guess)
            except FAILURES as error:
                field = getattr(error, "field", None) or ""
                said = self.told(error=one_line(error, *files), field=field)
                inside = field in self.named and field in controls.open_fields(
                    KINDS[self.kind].job, "prompt", "model", "seed"
                )
                return {self.desk: said} | ({self.advanced: gr.update(open=True)} if inside else {})
            # The seed of a preview is that of the run after it; a run frees it, unless it is kept.
            seed = given["seed"] if what == "preview" or lock else None
            update = {self.desk: self.told(run=run.id)}
            return update | {self.named["seed"]: "" if seed is None else str(seed)}

        return start

    def _expected(self, request: gr.Request, **given: Any) -> dict[str, Any]:
        """What a run would take, shown before it is started; names the question it answers."""
        asked = given.pop("asked", None)
        try:
            order = self.order(given, request)
        except FAILURES as error:  # what is missing is said by the hint
            missing = getattr(error, "field", None) in ("clip", "prompt")
            return self.told(plan={} if missing else {"fault": one_line(error)}, asked=asked)
        return self.told(plan=expected(order), asked=asked)

    def _loaded(self, file: str) -> dict[Any, Any]:
        """The controls, set from a job file or a sidecar."""
        try:
            if Path(file).stat().st_size > JOB_FILE_LIMIT:
                raise InputError(f"{Path(file).name} is too large to be a job file")
            job = KINDS[self.kind].job
            found = read_job(Path(file), job)
            checked = {k: v for k, v in found.items() if k not in ("reference", "light_at")}
            job.make(**{**checked, "input": "in.mp4", "output": "out.mp4"})
        except FAILURES as error:
            return {self.desk: self.told(error=one_line(error, Path(file)))}
        return {
            **self.filled(found),
            self.stage: self.staged(found),
            self.desk: self.loaded(found),
        }
