"""How `relight batch` is run, once its command line is read."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from relight import signals
from relight.cli.batch import Manner
from relight.cli.terminal import Bar, say, say_model, show
from relight.engine.batch.loop import Batch
from relight.engine.batch.pools import Pool, Processes, Serial
from relight.engine.batch.report import Event, Report, table
from relight.engine.batch.rows import OWN, Row, rows_of, rows_of_manifest, shard
from relight.engine.batch.spread import split
from relight.engine.batch.work import Worker
from relight.engine.loading import Runner
from relight.engine.logs import fields, logged
from relight.errors import InputError
from relight.jobs import KINDS
from relight.jobs.files import Stored, check_keys, overlaid, read_rows, read_settings

if TYPE_CHECKING:
    from relight.engine.progress import Progress

log = logging.getLogger(__name__)


def run(
    inputs: list[Path],
    output: Path,
    manner: Manner,
    settings: object,
    log_file: Path | None,
    anonymous: bool,
) -> int:
    """Do the rows of a batch, or print their plan; the exit code."""
    _refuse(manner)
    rows = _rows(inputs, output, manner, settings)
    if manner.dry_run:
        return _dry_run(rows, output)
    with _report(manner, output) as report, logged(log_file, anonymous):
        watch = _Watch()
        done = Batch(retries=manner.retries, on_event=_teller(report, watch, output))
        try:
            with _pool(manner, output, rows, watch) as pool:
                # What strangers have made is opened by none but its own process.
                long, short = split(rows, output, 1 if manner.untrusted else pool.size)
                done.run([*long, *short], pool, together=len(long))
        finally:
            show("\n".join(table(done.events)))
            say(f"report: {report.path}")
    return 1 if done.failed else 0


def _refuse(manner: Manner) -> None:
    """Refuse ways of running that exclude, or need, each other."""
    if manner.ray is not None and manner.devices is not None:
        raise InputError("give devices or ray, not both", field="devices")
    if manner.ray is None and (manner.workers is not None or manner.gpus_each != 1):
        raise InputError("workers and gpus-each are for Ray: add --ray, or leave them out")


def _rows(inputs: list[Path], output: Path, manner: Manner, settings: object) -> list[Row]:
    """The rows of this machine, of which one at least is a job."""
    if output.exists() and not output.is_dir():
        raise InputError(f"{output} is a file: the outputs of a batch need a folder")
    shared = _shared(manner, settings)
    rows: list[Row] = []
    if inputs:
        rows += rows_of(inputs, output, shared.settings, shared.kind)
    if manner.manifest is not None:
        rows += rows_of_manifest(read_rows(manner.manifest), manner.manifest, shared)
    if not rows:
        raise InputError("no inputs: give clips, folders, patterns, or a --manifest")
    _check_some(rows, output)
    # Those of one model follow each other, so that it is loaded once.
    rows.sort(key=lambda row: (row.kind, str(row.settings.get("model"))))
    return shard(rows, manner.shard)


def _shared(manner: Manner, settings: object) -> Stored:
    """The settings of all, and the kind of job, if it is named."""
    given = {name: value for name, value in vars(settings).items() if value is not None}
    if manner.job is None:
        return Stored(kind=manner.kind, settings=given)
    found = read_settings(manner.job)
    if manner.kind is not None and found.kind not in (None, manner.kind):
        raise InputError(f"{manner.job} is a sidecar of kind {found.kind}: leave --kind out")
    kind = manner.kind or found.kind
    kinds = tuple(KINDS.values()) if kind is None else (KINDS[kind],)
    check_keys(found.settings, kinds, manner.job)
    own = ("input", "output", "devices")
    stored = {name: value for name, value in found.settings.items() if name not in own}
    for one in kinds:
        stored = overlaid(one, stored, given, found.asked)
    asked = None if found.asked is None else found.asked | given.keys()
    return Stored(kind=kind, settings=stored, asked=asked)


def _check_some(rows: list[Row], folder: Path) -> None:
    """Refuse at once what is wrong with every row; what is wrong with some, fails them alone."""
    errors = []
    for row in rows:
        try:
            row.job(folder)
            return
        except InputError as error:
            errors.append(error)
    raise errors[0]


@contextlib.contextmanager
def _report(manner: Manner, output: Path) -> Iterator[Report]:
    name = "report.jsonl"
    if manner.shard is not None:
        name = f"report-{manner.shard.replace('/', '-of-')}.jsonl"
    if manner.report is not None:
        made = Report(manner.report, output)
    else:
        made = Report.beside_others(output / OWN / name, output)
    with made as report:
        yield report


def _pool(manner: Manner, output: Path, rows: list[Row], watch: _Watch) -> Pool:
    if manner.ray is not None:
        from relight.engine.batch.ray import RayPool

        return RayPool(
            output,
            manner.ray,
            manner.workers,
            manner.gpus_each,
            untrusted=manner.untrusted,
        )
    if manner.devices is not None:
        devices = [name.strip() for name in manner.devices.split(",") if name.strip()]
        if not devices:
            raise InputError("devices is empty: give e.g. cuda:0,cuda:1", field="devices")
        return Processes(output, devices[: len(rows)], untrusted=manner.untrusted)
    worker = Worker(output, runner=Runner(say_model), untrusted=manner.untrusted)
    return Serial(worker, watch)


class _Watch:
    """A bar for the row that is done now."""

    def __init__(self) -> None:
        self._bar: Bar | None = None

    def __call__(self, row: Row) -> Callable[[Progress], None]:
        self.close()
        bar = self._bar = Bar(row.source.name.encode(errors="replace").decode())

        def update(progress: Progress) -> None:
            signals.check()
            bar.update(progress)

        return update

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.__exit__()


def _teller(report: Report, watch: _Watch, folder: Path) -> Callable[[Event], None]:
    def tell(event: Event) -> None:
        watch.close()
        report.add(event)
        log.info("%s: %s", event.row.source, event.status, extra=fields(**event.plain(folder)))
        said = f": {event.answer.message}" if event.answer.message else ""
        name = str(event.row.source).encode(errors="replace").decode()
        say(f"{event.status}: {name}{said}")

    return tell


def _dry_run(rows: list[Row], output: Path) -> int:
    """Print the plan of each row, and the sum."""
    from relight.engine.batch.plan import describe_all

    for line in describe_all(rows, output):
        print(line)  # noqa: T201
    return 0
