"""Run a job: plan, chunks, executor, store, apply.

Chunks are computed in this process or in one a device and stored in the work folder; another thread
reads them in order, applies them to the source and encodes. The same command takes finished chunks
over, so a run can be killed at any moment.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from relight.engine.garbage import swept, uncollected
from relight.engine.output import Result, checked
from relight.engine.plan import planned
from relight.engine.prepare import refuse
from relight.engine.progress import OnProgress
from relight.engine.running import Run, Workers
from relight.engine.space import check_space
from relight.engine.work import Work, work_folder
from relight.jobs import Job, RelightJob, UpscaleJob

if TYPE_CHECKING:
    from relight.engine.resolve import Loaders

Load = Callable[..., Any]


def relight_video(
    input: str | os.PathLike, output: str | os.PathLike, *, prompt: str = "", **settings: Any
) -> Result:
    """Relight a clip: `relight_video("in.mp4", "out.mp4", prompt="sunset", light="left")`.

    Args:
        input, output: files; the output has the source's size, time stamps and sound.
        prompt: subject and light; not needed with a reference.
        settings: any other field of `relight.jobs.RelightJob`.

    Raises:
        relight.errors.RelightError: one line saying what is wrong and what to do.

    >>> import tempfile
    >>> from PIL import Image
    >>> folder = tempfile.mkdtemp()
    >>> Image.new("RGB", (32, 32), "grey").save(f"{folder}/in.png")
    >>> settings = {"model": "mini", "side": 32, "relight_steps": 1, "shape": 0}
    >>> relight_video(f"{folder}/in.png", f"{folder}/out.png", prompt="red", **settings).frames
    1
    """
    return run_relight(RelightJob.make(input=input, output=output, prompt=prompt, **settings))


def upscale(input: str | os.PathLike, output: str | os.PathLike, **settings: Any) -> Result:
    """Upscale a picture or a clip: `upscale("in.jpg", "out.png", scale=2)`.

    Args:
        input, output: files; a clip keeps its time stamps and its sound.
        settings: any other field of `relight.jobs.UpscaleJob`: scale, size, identity, prompt ...

    Raises:
        relight.errors.RelightError: one line saying what is wrong and what to do.

    >>> import tempfile
    >>> from PIL import Image
    >>> folder = tempfile.mkdtemp()
    >>> Image.new("RGB", (32, 32), "grey").save(f"{folder}/in.png")
    >>> Image.open(upscale(f"{folder}/in.png", f"{folder}/out.png", model="mini").path).size
    (64, 64)
    """
    return run_upscale(UpscaleJob.make(input=input, output=output, **settings))


def run_relight(
    job: RelightJob,
    *,
    load: Load | None = None,
    load_upscaler: Load | None = None,
    on_progress: OnProgress | None = None,
) -> Result:
    """Run a relighting job.

    Args:
        job: what to do.
        load: called with a job's `model` and `compute` instead of `relight.load_model`; e.g. one
            that remembers. load_upscaler: instead of `relight.load_upscaler`, for a job that also
            upscales.
        on_progress: given the progress; may raise to stop. Finished chunks are then kept.

    Raises:
        InputError, MediaError, ModelError, BusyError, Cancelled: the output was not written.

    >>> import tempfile
    >>> from PIL import Image
    >>> folder = tempfile.mkdtemp()
    >>> Image.new("RGB", (32, 32), "grey").save(f"{folder}/in.png")
    >>> job = RelightJob(input=f"{folder}/in.png", output=f"{folder}/out.png", prompt="red",
    ...     model="mini", side=32, relight_steps=1, shape=0)
    >>> run_relight(job).path.name
    'out.png'
    """
    make = functools.partial(_loaders, load, load_upscaler)
    return run(job, loaders=make, on_progress=on_progress)


def run_upscale(
    job: UpscaleJob, *, load: Load | None = None, on_progress: OnProgress | None = None
) -> Result:
    """Run an upscaling job; arguments and errors as of `run_relight`.

    >>> import tempfile
    >>> from PIL import Image
    >>> folder = tempfile.mkdtemp()
    >>> Image.new("RGB", (32, 32), "grey").save(f"{folder}/in.png")
    >>> run_upscale(UpscaleJob(input=f"{folder}/in.png", output=f"{folder}/out.png")).frames
    1
    """
    return run(job, loaders=functools.partial(_loaders, None, load), on_progress=on_progress)


def run(
    job: Job,
    *,
    loaders: Callable[[], Loaders] | None = None,
    on_progress: OnProgress | None = None,
    workers: Workers | None = None,
) -> Result:
    """Run a job of any kind; arguments and errors as of `run_relight`.

    Args:
        loaders: makes what loads the models, once they are needed (it brings torch); None: those
            that load what the job needs.
        workers: given the work folder, a context with what computes its chunks, as
            `relight.engine.executors.Processes`; None: what the job says.
    """
    begun = time.perf_counter()
    info = checked(job)
    refuse(job, info)
    work = Work(work_folder(job.output, job.work))
    with work.locked():
        try:
            running = Run(
                asked=job,
                info=info,
                work=work,
                on_progress=on_progress,
                begun=begun,
                workers=workers,
            )
            running.take_over()
            swept()
            with uncollected():  # the libraries of models are imported here
                running.plan = planned(job, info)
                check_space(running.plan, work)
                running.load((loaders or _loaders)())
            result = running.finish()
            running.remember(result)
        except BaseException:
            if not work.has_chunks:
                work.remove()
            raise
        if not job.keep_work:
            work.remove()
        return result


def _loaders(load: Load | None = None, load_upscaler: Load | None = None) -> Loaders:
    """Those that a caller of the library gave, who loads models whole, and ours for the rest."""
    from relight.engine.resolve import Loaders

    made = Loaders()
    if load is not None:
        made = replace(made, relighting=lambda name, compute, *, video: load(name, compute))
    return made if load_upscaler is None else replace(made, upscaling=load_upscaler)
