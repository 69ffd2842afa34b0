"""A run of the store -> files: what buttons, API and batch have in common."""

from __future__ import annotations

import json
import logging
import math
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from relight import media
from relight.errors import InputError, RelightError
from relight.types import Size
from relight.ui import clips, panels
from relight.ui.orders import KINDS, QUALITY, Order
from relight.ui.runs import Run
from relight.ui.shelf import Entry, Shelf, read_json

if TYPE_CHECKING:
    from relight.engine.output import Result
    from relight.engine.progress import OnProgress
    from relight.ui.memory import LastModel

log = logging.getLogger(__name__)

PREVIEW_SIDE = 160
"""Side, in pixels, of the piece of a frame that an upscaling preview enlarges."""
MODEL_SHARE = 0.94
"""Part of a run's time before the copies for the browser are made."""
PATH = re.compile(r"(?:/[^\s/:'\"]+)+/(?=[^\s/])")
"""The folders of a path in an error."""


def perform(run: Run, tell: OnProgress, models: LastModel) -> Entry:
    """Compute a run; a result is then on the shelf."""
    order = Order.from_plain(run.order)
    if run.what == "preview":
        return _run(preview_order(order, run.folder), run, tell, models)
    return Shelf(run.folder.parent).add(_run(order, run, tell, models))


def preview_order(order: Order, folder: Path) -> Order:
    """One frame with the run's own seed and settings; of an upscaling, the middle of it."""
    settings = {**order.settings, "frames": 1}
    if order.kind == "relight":
        return replace(order, settings=settings, format=".png")
    if clips.is_still(order.clip) and max(_size(order.clip)) <= PREVIEW_SIDE:
        return order
    middle = folder / "middle.png"
    if not middle.exists():
        clips.middle(order.clip, middle, start=order.start, side=PREVIEW_SIDE)
    kept = {k: v for k, v in _scaled(order, settings).items() if k not in ("start", "frames")}
    return replace(order, clip=middle, settings=kept, format=".png")


def _run(order: Order, run: Run, tell: OnProgress, models: LastModel) -> Entry:
    from relight.engine.progress import Progress

    def stage(name: str, fraction: float) -> None:
        tell(Progress(stage=name, fraction=fraction, seconds_left=None))

    def computing(news: Progress) -> None:
        tell(replace(news, fraction=MODEL_SHARE * news.fraction))

    made = KINDS[order.kind].made
    output = run.folder / f"{made}{order.suffix}"
    if not output.is_file():
        stage("checking the clip", 0.0)
        clips.check_whole(order.clip, order.start, order.settings.get("frames"))
        for file in order.files:
            clips.check_whole(file)
    stage("loading the model", 0.0)
    done = _finished(output) or _RUNNERS[order.kind](order, output, computing, models)
    called = _called(run.order) | {order.clip: order.name}
    before, after = clips.for_browser(
        order.clip,
        output,
        run.folder,
        start=order.start,
        tell=lambda part: stage("making copies to play", MODEL_SHARE + (1 - MODEL_SHARE) * part),
    )
    return Entry(
        folder=run.folder,
        kind=order.kind,
        name=order.name,
        source=order.clip.name,
        output=output.name,
        job=_job_file(run.folder, order, done.settings),
        before=before,
        after=after,
        settings=done.settings,
        seconds=done.seconds,
        notes=[_for_visitors(panels.sentence(note), called) for note in done.notes],
        caller=run.caller,
    )


class Done(NamedTuple):
    """What a run says of its output. seconds: it took. notes: what its user should know."""

    settings: dict[str, Any]
    seconds: float
    notes: list[str]


def _finished(output: Path) -> Done | None:
    """The output of a run that was interrupted while the copies were made."""
    sidecar = output.with_name(output.name + ".json")
    if not (output.is_file() and sidecar.is_file()):
        return None
    try:
        stored = read_json(sidecar)
        made = stored["made"]
        return Done(stored["settings"], float(made["seconds"]["total"]), list(made["notes"]))
    except (OSError, ValueError, KeyError, TypeError):
        output.unlink()
        sidecar.unlink()
        return None


def _relight(order: Order, output: Path, tell: OnProgress, models: LastModel) -> Done:
    from relight.engine.run import run_relight
    from relight.models.finding import find_model
    from relight.models.loader import load_model, load_upscaler

    load = models.keep(load_model)
    job = order.job(order.clip, output)
    if order.quality != "Balanced" and not job.reference:
        default = find_model(job.model, job.compute).entry.defaults
        wanted = {"steps": default.steps, "relight_steps": default.relight_steps}
        job = job.model_copy(update=_steps(order, wanted))
    return _told(
        run_relight(job, load=load, load_upscaler=models.keep(load_upscaler), on_progress=tell)
    )


def _upscale(order: Order, output: Path, tell: OnProgress, models: LastModel) -> Done:
    from relight.engine.run import run_upscale
    from relight.methods.diffuse_high import RECIPES
    from relight.models.loader import load_upscaler

    job = order.job(order.clip, output)
    if order.quality != "Balanced":
        wanted = {"steps": RECIPES[job.recipe].noising_steps}
        job = job.model_copy(update=_steps(order, wanted))
    return _told(run_upscale(job, load=models.keep(load_upscaler), on_progress=tell))


_RUNNERS: dict[str, Callable[..., Done]] = {"relight": _relight, "upscale": _upscale}


def _told(result: Result) -> Done:
    return Done(result.settings, result.seconds["total"], list(result.notes))


def _steps(order: Order, default: dict[str, int]) -> dict[str, int]:
    """The numbers of steps that the quality means, where the visitor has set none."""
    share = QUALITY[order.quality]
    return {
        name: max(2, math.ceil(count * share))
        for name, count in default.items()
        if name not in order.settings
    }


def _size(clip: Path) -> Size:
    info = media.probe(clip)
    return Size(info.height, info.width)


def _scaled(order: Order, settings: dict[str, Any]) -> dict[str, Any]:
    """Settings for a piece of a frame: how many times larger, whatever size the whole gets."""
    from relight.engine.sizes import target_size

    size = _size(order.clip)
    job = order.job(order.clip, order.clip.with_name("out.png"))
    height, _ = target_size(job, size)
    kept = {k: v for k, v in settings.items() if k not in ("size", "tile")}
    return {**kept, "scale": height / size[0]}


def _job_file(folder: Path, order: Order, settings: dict[str, Any]) -> str:
    """The job as the visitor can run it: clip and further files by their names, next to it."""
    plain = {k: v for k, v in settings.items() if k != "overwrite"}
    plain = {k: _bare(v, folder) for k, v in plain.items()}
    plain["input"] = order.name
    plain["output"] = order.result_name
    file = folder / f"{order.kind}-job.json"
    file.write_text(json.dumps({"settings": plain}, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return file.name


def _bare(value: Any, folder: Path) -> Any:
    """A setting without the folder that its files are in."""
    if isinstance(value, list):
        return [_bare(one, folder) for one in value]
    return value.replace(f"{folder}/", "") if isinstance(value, str) else value


def explain(run: Run, error: BaseException) -> tuple[str, str]:
    """Why a run failed, for the visitor's eye, and the control it is about."""
    if not isinstance(error, RelightError):
        log.error("a run failed", exc_info=error)
    return one_line(error, called=_called(run.order)), getattr(error, "field", "") or ""


def _called(order: dict[str, Any]) -> dict[Path, str]:
    """What the visitor calls the files of an order, which is given as plain values."""
    files = [order["clip"], *order["files"]]
    names = [order["name"], *order.get("names", ())]
    return {Path(file): name for file, name in zip(files, names, strict=False)}


def one_line(error: BaseException, *files: Path, called: Mapping[Path, str] | None = None) -> str:
    """An error in one line, with names of files instead of this server's paths.

    Args:
        files: with their own names. called: files that have others for the visitor.
    """
    from relight.engine.failures import explain as explained

    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        error = explained(error)
    if isinstance(error, OSError):
        error = explained(error) if error.errno in (28, 122) else error
    if not isinstance(error, RelightError):
        return f"something went wrong here ({type(error).__name__}); the server's log says more"
    return _for_visitors(str(error), {file: file.name for file in files} | dict(called or {}))


def _for_visitors(text: str, called: Mapping[Path, str]) -> str:
    """What the engine says, in one line, with the visitor's names of files."""
    text = " ".join(text.split())
    names = {str(file): name for file, name in called.items()}
    names |= {file.name: name for file, name in called.items()}
    if names:  # all at once: a name that was put in may be that of another file here
        known = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
        text = re.sub(known, lambda found: names[found[0]], text)
    text = PATH.sub("", text)
    text = re.sub(r"--([a-z][a-z-]*)", r"\1", text)  # the page has no command line
    return re.sub(r"[\x00-\x1f\x7f]", "", text)[:400]


def enqueue_files(order: Order, folder: Path) -> Order:
    """The order with its files in the run's folder; nothing is left there if that fails."""
    try:
        return order.moved(folder)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise InputError(f"{order.name} can't be stored ({error.strerror})") from None
