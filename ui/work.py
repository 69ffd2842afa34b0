"""An order -> files: what the buttons, the API and the batch have in common."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relight import media
from relight.ui import clips
from relight.ui.orders import KINDS, QUALITY, Order
from relight.ui.shelf import Entry, Shelf

if TYPE_CHECKING:
    from relight.engine.output import Result
    from relight.engine.progress import OnProgress
    from relight.ui.studio import Studio

PREVIEW_SECONDS = 1.0
PREVIEW_HEIGHT = 360
PREVIEW_LIGHT_FPS = 4.0
PREVIEW_SIDE = 160
"""Side, in pixels, of the piece of a frame that a preview enlarges."""


def make(studio: Studio, shelf: Shelf, order: Order, tell: OnProgress) -> Entry:
    """Run an order; its result is then on the shelf. A run that fails leaves nothing there."""
    folder = shelf.new_folder()
    try:
        return shelf.add(_run(studio, order, folder, tell))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def preview(studio: Studio, shelf: Shelf, order: Order, tell: OnProgress) -> Entry:
    """A quick look at what an order would make, with half of the steps; not put on the shelf.

    Relighting: the first second, small. Upscaling: the middle of the first frame.
    """
    folder = shelf.scratch()
    few = {k: v for k, v in order.settings.items() if k not in ("start", "frames", "upscale")}
    clip = order.clip
    if order.kind == "upscale":
        clip = folder / "middle.png"
        few = _scaled(order, few)
        clips.middle(order.clip, clip, start=order.start, side=PREVIEW_SIDE)
    elif not clips.is_still(clip):
        clip = folder / "excerpt.mp4"
        clips.excerpt(
            order.clip, clip, start=order.start, seconds=PREVIEW_SECONDS, height=PREVIEW_HEIGHT
        )
        few["light_fps"] = min(float(few.get("light_fps", 99)), PREVIEW_LIGHT_FPS)
    return _run(studio, replace(order, clip=clip, settings=few, quality="Quick"), folder, tell)


def _run(studio: Studio, order: Order, folder: Path, tell: OnProgress) -> Entry:
    from relight.engine.progress import Progress

    def stage(name: str, fraction: float) -> None:
        tell(Progress(stage=name, fraction=fraction, seconds_left=None))

    made, still = KINDS[order.kind].made, clips.is_still(order.clip)
    source = folder / f"source{order.clip.suffix.lower()}"
    _place(order.clip, source)
    if order.light_image is not None:
        light = folder / f"light{order.light_image.suffix.lower()}"
        _place(order.light_image, light)
        order = replace(order, settings={**order.settings, "light": str(light)})
    output = folder / f"{made}{'.png' if still else '.mp4'}"
    stage("loading the model", 0.0)
    result = _RUNNERS[order.kind](studio, order, source, output, tell)
    sides = ""
    if not still:
        sides = "side_by_side.mp4"
        clips.side_by_side(
            source,
            output,
            folder / sides,
            start=order.start,
            tell=lambda part: stage("making the side-by-side clip", part),
        )
    return Entry(
        folder=folder,
        kind=order.kind,
        name=order.name,
        source=source.name,
        output=output.name,
        job=_job_file(folder, order, result.settings),
        sides=sides,
        settings=result.settings,
        seconds=result.seconds["total"],
    )


def _relight(studio: Studio, order: Order, source: Path, output: Path, tell: OnProgress) -> Result:
    from relight.engine.run import run_relight
    from relight.models.loader import load_model

    load = studio.keep(load_model)
    job = order.job(source, output)
    if order.quality != "Balanced":
        default = load(job.model, job.compute).entry.defaults
        wanted = {"steps": default.steps, "relight_steps": default.relight_steps}
        job = job.model_copy(update=_steps(order, wanted))
    return run_relight(job, load=load, on_progress=tell)


def _upscale(studio: Studio, order: Order, source: Path, output: Path, tell: OnProgress) -> Result:
    from relight.engine.run import run_upscale
    from relight.methods.diffuse_high import RECIPES
    from relight.models.loader import load_upscaler

    job = order.job(source, output)
    if order.quality != "Balanced":
        wanted = {"steps": RECIPES[job.recipe].noising_steps}
        job = job.model_copy(update=_steps(order, wanted))
    return run_upscale(job, load=studio.keep(load_upscaler), on_progress=tell)


_RUNNERS: dict[str, Callable[..., Any]] = {"relight": _relight, "upscale": _upscale}


def _steps(order: Order, default: dict[str, int]) -> dict[str, int]:
    """The numbers of steps that the quality means, where the user has set none."""
    share = QUALITY[order.quality]
    return {
        name: max(2, math.ceil(count * share))
        for name, count in default.items()
        if name not in order.settings
    }


def _scaled(order: Order, settings: dict[str, Any]) -> dict[str, Any]:
    """Settings for a piece of a frame: how many times larger, whatever size the whole gets."""
    from relight.engine.sizes import target_size

    info = media.probe(order.clip)
    job = order.job(order.clip, order.clip.with_name("out.png"))
    height, _ = target_size(job, (info.height, info.width))
    kept = {k: v for k, v in settings.items() if k not in ("size", "tile")}
    return {**kept, "scale": height / info.height}


def _job_file(folder: Path, order: Order, settings: dict[str, Any]) -> str:
    """The job as the user can run it: the clip and the light by their names, next to it."""
    made = KINDS[order.kind].made
    plain = {k: v for k, v in settings.items() if k != "overwrite"}
    plain["input"] = order.name
    plain["output"] = f"{Path(order.name).stem}-{made}{Path(settings['output']).suffix}"
    if order.light_image is not None:
        plain["light"] = Path(plain["light"]).name
    file = folder / f"{order.kind}-job.json"
    file.write_text(json.dumps({"settings": plain}, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return file.name


def _place(file: Path, target: Path) -> None:
    """A file of the upload cache, in a result's folder: it outlives the cache there."""
    try:
        os.link(file.resolve(), target)
    except OSError:  # another disk
        shutil.copyfile(file, target)
