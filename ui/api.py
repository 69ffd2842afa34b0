"""The endpoints for programs: `relight`, `preview` and `upscale`, for gradio_client and MCP.

They have controls of their own that are never drawn, made from the same job classes, so that a
call's parameters are the job's fields, checked like those of the page.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import gradio as gr

from relight.errors import RelightError
from relight.jobs import RelightJob, UpscaleJob
from relight.ui import controls, work
from relight.ui.orders import QUALITY, Order
from relight.ui.relight_tab import LIGHTS
from relight.ui.run_tab import checker, files_of
from relight.ui.shelf import Shelf
from relight.ui.studio import Studio, one_line

REQUIRED = {"relight": {"clip", "prompt"}, "upscale": {"clip"}}


def endpoints(studio: Studio) -> None:
    """Add the endpoints to the page that is being built."""
    with gr.Group(visible=False):
        named = {"relight": _relighting(studio), "upscale": _upscaling(studio)}
        made = {
            "relight": gr.Video(label="The relit clip"),
            "upscale": gr.File(label="The larger picture or clip"),
        }
        job = gr.File(label="Its settings: a job file")
    for name, kind, make, about in (
        ("relight", "relight", work.make, "Relight a clip: the relit clip and its settings."),
        ("preview", "relight", work.preview, "Relight the first second of a clip, small."),
        ("upscale", "upscale", work.make, "Enlarge a picture or a clip."),
    ):
        gr.on(
            [],
            _endpoint(studio, kind, make, name, list(named[kind])),
            inputs_kwargs=named[kind],
            outputs=[made[kind], job],
            validator=checker(kind, list(named[kind])),
            api_name=name,
            api_description=about,
            concurrency_id="gpu",
            concurrency_limit=1,
        )


def _relighting(studio: Studio) -> dict[str, Any]:
    return {
        "clip": gr.Video(label="The clip, uploaded", sources=["upload"]),
        "prompt": controls.control(RelightJob, "prompt", value=None),  # to be given
        "light": gr.Radio(list(LIGHTS), value="left", label="Side of the light"),
        "light_image": gr.Image(label='Picture for light "image"', type="filepath"),
        **_common(studio, "relight", RelightJob, "prompt", "light"),
    }


def _upscaling(studio: Studio) -> dict[str, Any]:
    clip = gr.File(label="The picture or clip, uploaded", type="filepath")
    return {"clip": clip, **_common(studio, "upscale", UpscaleJob)}


def _common(studio: Studio, kind: str, job: Any, *own: str) -> dict[str, Any]:
    rest = controls.open_fields(job, "model", *own)
    return {
        "quality": gr.Radio(list(QUALITY), value="Balanced", label="Quality"),
        "model": gr.Dropdown(studio.models(kind), value="auto", label="Model"),
        **{name: controls.control(job, name, drawn=False) for name in rest},
    }


def _endpoint(
    studio: Studio, kind: str, make: Callable[..., Any], name: str, names: list[str]
) -> Callable[..., Any]:
    async def call(
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - how Gradio wants to be asked
        **given: Any,
    ) -> tuple[str, str]:
        # Without a login nobody browses what a program has made: it gets a shelf of its own.
        shelf: Shelf = studio.shelf(None, request)
        run = None
        try:
            order = Order.read(kind, given)
            run = studio.start(request.session_hash, lambda tell: make(studio, shelf, order, tell))
            async for news in run.news():
                if news is not None:
                    progress(news.fraction, desc=news.stage)
            entry = run.result()
        except RelightError as error:
            raise gr.Error(one_line(error, *files_of(given)), print_exception=False) from None
        finally:
            if run is not None:
                run.stop()
        return str(entry.path(entry.output)), str(entry.path(entry.job))

    call.__name__ = name  # the tool's name for MCP
    call.__signature__ = _signature(names, REQUIRED[kind])
    return call


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
