"""The endpoints for programs: `relight`, `preview`, `upscale` and `results`, also for MCP.

They have controls of their own that are never drawn, made from the same job classes, so that a
call's parameters are the job's fields, checked like those of the page.
"""

from __future__ import annotations

import asyncio
import datetime
import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from relight.errors import InputError, RelightError
from relight.jobs import RelightJob, UpscaleJob
from relight.lights import ImageLight, parse_light
from relight.ui import clips, controls
from relight.ui.orders import QUALITY, SAME, Order
from relight.ui.run_tab import FORMAT_CHOICES
from relight.ui.runs import Run
from relight.ui.shelf import Shelf
from relight.ui.studio import Studio, one_line

REQUIRED = {"relight": {"clip", "prompt"}, "upscale": {"clip"}}


AT_ONCE = 20
"""Calls that wait for their runs at the same time; further ones wait in Gradio's queue."""
GLANCE_SECONDS = 0.2
LIGHT = (
    "Side or kind of the light: left, right, top, bottom, none, angle:30, "
    "point:x=.2,y=.3,color=#ffb060, several with ' + ' between; image with light_image"
)

MASK = (
    "Where the subject is: auto, click:x,y or box:left,top,right,bottom in fractions of the frame, "
    "with @SECONDS for another frame than the first; relight says what of it is lit"
)


def endpoints(studio: Studio) -> None:
    """Add the endpoints to the page that is being built."""
    with gr.Group(visible=False):
        named = {"relight": _relighting(studio), "upscale": _upscaling(studio)}
        made = gr.File(label="The result: a picture for a picture, else a clip")
        job = gr.File(label="Its settings: a job file")
        listed = gr.JSON(label="The results, newest first")
        files = gr.Files(label="Their files")
    for name, kind, what, about in (
        ("relight", "relight", "make", "Relight a clip or a picture: the result and its settings."),
        ("preview", "relight", "preview", "Relight one frame of a clip, at `start`: a picture."),
        ("upscale", "upscale", "make", "Enlarge a picture or a clip."),
    ):
        gr.on(
            [],
            _endpoint(studio, kind, what, name, named[kind], about),
            inputs_kwargs=named[kind],
            outputs=[made, job],
            validator=checker(kind, list(named[kind])),
            api_name=name,
            api_description=about,
            concurrency_id="calls",
            concurrency_limit=AT_ONCE,
        )
    gr.on(
        [],
        _results(studio),
        outputs=[listed, files],
        api_name="results",
        api_description="The results of this session's earlier calls, which are kept for a day.",
    )


def _results(studio: Studio) -> Callable[..., Any]:
    def results(request: gr.Request) -> tuple[list[dict[str, Any]], list[str]]:
        """The results of this session's earlier calls, which are kept for a day."""
        entries = Shelf(studio.outputs / studio.caller(request)).entries()
        listed = [
            {
                "clip": one.name,
                "kind": one.kind,
                "made": datetime.datetime.fromtimestamp(one.when, datetime.UTC).isoformat(),
                "seconds": round(one.seconds, 2),
                "notes": one.notes,
                "settings": json.loads(one.path(one.job).read_text("utf-8"))["settings"],
            }
            for one in entries
        ]
        return listed, [str(one.path(one.output)) for one in entries]

    return results


def _relighting(studio: Studio) -> dict[str, Any]:
    return {
        "clip": gr.File(label="The clip or picture, uploaded", type="filepath"),
        "prompt": controls.control(RelightJob, "prompt", value=None),  # to be given
        "light": gr.Textbox(value="left", label=LIGHT),
        "light_image": gr.File(label='Picture for light "image", uploaded', type="filepath"),
        "mask": gr.Textbox(label=MASK),
        **_common(studio, "relight", RelightJob, "prompt", "light"),
    }


def _upscaling(studio: Studio) -> dict[str, Any]:
    clip = gr.File(label="The picture or clip, uploaded", type="filepath")
    guide = gr.Dropdown(
        [value for _, value in controls.GUIDE_CHOICES],
        value="",
        label="mini for clean sources; restore also undoes compression and noise; bicubic has no "
        "network; left open: mini, or restore where the first frame shows blocks",
    )
    return {"clip": clip, "guide": guide, **_common(studio, "upscale", UpscaleJob)}


def _common(studio: Studio, kind: str, job: Any, *own: str) -> dict[str, Any]:
    rest = controls.open_fields(job, "model", *own)
    return {
        "quality": gr.Radio(
            list(QUALITY), value="Balanced", label="Quality: half, all or 1.5 times the steps"
        ),
        "model": gr.Dropdown(studio.models(kind), value="auto", label="Model; auto: the best here"),
        "format": gr.Dropdown(
            [value for _, value in FORMAT_CHOICES],
            value=SAME,
            label="Extension of the result; same: .mp4 for clips, .png for pictures",
        ),
        **{name: controls.described(job, name) for name in rest},
    }


def order_of(kind: str, given: dict[str, Any]) -> Order:
    """The order of a call; no file but an upload is ever read.

    Raises:
        InputError: a setting is wrong, or a light is a path.
    """
    light = given.get("light")
    if kind == "relight" and isinstance(light, str) and light not in ("", "image"):
        if any(mark in light for mark in "/\\~") or "image:" in light or "video:" in light:
            raise InputError("light can't be a path: upload it as light_image", field="light")
        try:
            reads_files = bool(parse_light(light).files())
        except InputError as error:
            raise InputError(str(error), field="light") from None
        if reads_files:
            raise InputError("light can't be a path: upload it as light_image", field="light")
    mask = str(given.get("mask") or "")
    if mask and mask != "auto" and not mask.startswith(("click:", "box:")):
        raise InputError("mask is auto, click:x,y or box:left,top,right,bottom", field="mask")
    order = Order.read(kind, given)
    info, _ = clips.check(order.clip)
    if info.hdr:
        order.settings["tonemap"] = True
    if given.get("light_image"):
        ImageLight(Path(given["light_image"])).check()
    start = float(order.settings.get("start") or 0.0)
    if info.duration is not None and start >= max(info.duration, 1e-3):
        raise InputError(
            f"start {start:g} s is past the end, at {info.duration:.2f} s", field="start"
        )
    return order


def checker(kind: str, names: list[str]) -> Callable[..., list[dict[str, Any]]]:
    """A validator: bad files and settings are reported before they wait in the queue.

    Its answer has one place for each of `names`; the message stands at the one it is about.
    """

    def check(**given: Any) -> list[dict[str, Any]]:
        problem, at = None, "clip"
        try:
            order_of(kind, given)
        except RelightError as error:
            problem = one_line(error, *files_of(given))
            at = error.field if error.field in names else "clip"
        return [gr.validate(name != at or problem is None, problem or "") for name in names]

    own = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in names]
    check.__signature__ = inspect.Signature(own)  # of which Gradio's answer takes the names
    return check


def files_of(given: dict[str, Any]) -> list[Path]:
    """The uploaded files among the values of a call."""
    return [Path(str(given[name])) for name in ("clip", "light_image") if given.get(name)]


def _endpoint(
    studio: Studio, kind: str, what: str, name: str, named: dict[str, Any], about: str
) -> Callable[..., Any]:
    async def call(
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - how Gradio wants to be asked
        **given: Any,
    ) -> tuple[str, str]:
        owner = studio.caller(request)
        try:
            order = await asyncio.to_thread(order_of, kind, given)
            run = await asyncio.to_thread(studio.enqueue, owner, order, what, caller="api")
        except RelightError as error:
            raise gr.Error(one_line(error, *files_of(given)), print_exception=False) from None
        try:
            await _watch(run, progress)
        finally:
            if run.busy:  # the caller is gone, and with it who could ask for the result
                studio.runs.cancel(owner, run.id)
        if run.entry is None:
            raise gr.Error(run.error or "stopped: nothing was written", print_exception=False)
        entry = run.entry
        return str(entry.path(entry.output)), str(entry.path(entry.job))

    call.__name__ = name  # the tool's name for MCP
    call.__doc__ = "\n".join(  # what assistants read
        [about, "", "Args:", *(f"    {key}: {one.label}" for key, one in named.items())]
    )
    call.__signature__ = _signature(list(named), REQUIRED[kind])
    return call


async def _watch(run: Run, progress: gr.Progress) -> None:
    """Report a run's progress to its caller, until it is over."""
    seen = -1
    while run.busy:
        await asyncio.sleep(GLANCE_SECONDS)
        news = run.progress
        if run.changed != seen and news is not None:
            seen = run.changed
            progress(run.fraction, desc=news.stage)


def _signature(names: list[str], required: set[str]) -> inspect.Signature:
    """What Gradio reads of a function with `**given`: which parameters may be left out."""
    kinds = inspect.Parameter
    own = [
        kinds("request", kinds.POSITIONAL_OR_KEYWORD),
        kinds("progress", kinds.POSITIONAL_OR_KEYWORD, default=gr.Progress()),
    ]
    defaults = {name: kinds.empty if name in required else None for name in names}
    return inspect.Signature(
        own + [kinds(n, kinds.KEYWORD_ONLY, default=d) for n, d in defaults.items()]
    )
