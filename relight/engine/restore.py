"""The work of a run that another process began, from its work folder alone."""

from __future__ import annotations

from collections.abc import Callable

from relight import media
from relight.engine import manifest
from relight.engine.flows import workflows
from relight.engine.guard import Guard
from relight.engine.resolve import Loaders
from relight.engine.survey import Survey
from relight.engine.work import Work
from relight.errors import MediaError
from relight.jobs import resolved


def restore(
    work: Work,
    device: str | None,
    on_note: Callable[[str], None] = lambda note: None,
    loaders: Loaders | None = None,
) -> Guard:
    """What computes the chunks of the run in a work folder.

    Args:
        device: of the models; None: the run's own. loaders: load them.
        on_note: called with a line for people when it has to change how it computes.

    Raises:
        MediaError: there is no run in it. ModelError: a model can't be loaded.
    """
    stored, survey = manifest.read(work), Survey.load(work)
    if stored is None or survey is None:
        raise MediaError(f"{work.root} holds no run")
    job = resolved(stored.kind, stored.resolved)
    here = job if device is None else job.model_copy(update={"device": device})
    models = (loaders or Loaders()).load(here, len(survey.times) > 1)
    flows = workflows(job, models, media.probe(job.input, job.reading), survey, work)
    return Guard(flows, models, on_note, stored.tight)
