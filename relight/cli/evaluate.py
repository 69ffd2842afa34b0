"""`relight eval`: score results against their sources, as a table, JSON or CSV."""

from __future__ import annotations

import csv
import io
import math
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from relight.cli.options import ReadingOptions, reading_of
from relight.cli.terminal import say
from relight.errors import InputError, MediaError, RelightError
from relight.jobs.reading import json_of
from relight.media.formats import READ
from relight.media.places import check_folder

if TYPE_CHECKING:
    from relight.engine.scoring import Scores

UNCHANGED = 2.0  # levels of change: what encoding alone may cost


def evaluate(
    source: Path,
    result: Path,
    /,
    *,
    light: str | None = None,
    prompt: str | None = None,
    match: Literal["auto", "time", "index"] = "auto",
    fit: Literal["auto", "stretch", "crop"] = "auto",
    start: float = 0.0,
    csv_file: Annotated[Path | None, Parameter(name="--csv")] = None,
    overwrite: Annotated[bool, Parameter(name=["--overwrite", "-y"], negative=())] = False,
    json_result: Annotated[bool, Parameter(name="--json", negative=())] = False,
    reading: Annotated[ReadingOptions, Parameter(name="*")] = ReadingOptions(),  # noqa: B008
) -> int:
    """Score a result against its source: relight eval in.mp4 out.mp4 --light left

    Parameters
    ----------
    source
        The clip or picture that was relit, or a folder of them; --as-clip, --fps and --tonemap
        as it was relit with.
    result
        What was made of it, or a folder: files pair up by name (bear.mp4 and bear.mp4, or
        bear_left.mp4); with one source, every file of the folder is a result of it. Numbered
        pictures have the source's frame rate.
    light
        Side the light was asked from (left, right, top, bottom), for the lean.
    prompt
        Prompt of the light: its colour word is compared with the colour of the added light.
    match
        Pair frames by time or by number; auto: by time, unless the rates differ and the
        numbers fit better.
    fit
        A result of another shape shows the whole source (stretch) or its middle (crop); auto:
        whichever fits better.
    start
        Where in the source the result begins, in seconds.
    csv_file
        Write the scores to this file, one row per pair.
    overwrite
        Replace the CSV file if it exists.
    json_result
        Print JSON on stdout, one line per pair.
    """
    from relight.engine.scoring import check_light

    check_light(light)
    _check_csv(csv_file, overwrite)
    how = reading_of(reading)
    met = [(source, result)] if how.as_clip else _pair_up(source, result)
    options = {"light": light, "prompt": prompt, "match": match, "fit": fit, "start": start}
    options["how"] = how
    rows, failures = [], 0
    for one, other in met:
        try:
            row = _row(_scored(one, other, options), light, prompt)
        except RelightError as error:
            if len(met) == 1:
                raise
            failures += 1
            say(f"relight: {other}: {error}")
            continue
        rows.append(row)
        print(json_of(row).decode() if json_result else _text(row))  # noqa: T201
    if csv_file is not None and rows:
        _write_csv(csv_file, rows)
    return 1 if failures else 0


def _scored(source: Path, result: Path, options: dict[str, Any]) -> Scores:
    """One pair, with a bar on a terminal while it takes."""
    from tqdm import tqdm

    from relight.engine.scoring import evaluate

    with tqdm(desc=result.name, unit=" frames", leave=False, disable=None) as bar:
        return evaluate(source, result, on_frame=lambda count: bar.update(count - bar.n), **options)


def _pair_up(source: Path, result: Path) -> list[tuple[Path, Path]]:
    """The pairs that two paths mean, each a file or a folder."""
    if not result.is_dir():
        if source.is_dir():
            raise InputError(f"{source} is a folder and {result} is not: give two folders or files")
        return [(source, result)]
    results = _files(result)
    if not source.is_dir():
        return [(source, file) for file in results]
    sources = _files(source)
    met = []
    for file in results:
        fitting = [one for one in sources if _is_of(file.stem, one.stem)]
        if fitting:
            met.append((max(fitting, key=lambda one: len(one.stem)), file))
        else:
            say(f"relight: {file}: no source of that name in {source}")
    if not met:
        raise InputError(f"no file of {result} has the name of one in {source}")
    return met


def _is_of(result: str, source: str) -> bool:
    """Is `result` the name `source`, or that name with more after a mark?"""
    rest = result.removeprefix(source)
    return rest == "" or (rest != result and rest[0] in "_-. ")


def _files(folder: Path) -> list[Path]:
    found = sorted(p for p in folder.iterdir() if p.suffix.lower() in READ and p.is_file())
    if not found:
        raise InputError(f"the folder {folder} holds no clips or pictures")
    return found


def _row(scores: Scores, light: str | None, prompt: str | None) -> dict[str, Any]:
    """Scores as JSON has them: what does not apply, or is infinite, is null."""
    values = {k: v if math.isfinite(v) else None for k, v in scores.values.items()}
    values["frames"] = int(scores.values["frames"])
    return {
        "source": str(scores.source),
        "result": str(scores.result),
        "width": scores.size[0],
        "height": scores.size[1],
        "light": light,
        "prompt": prompt,
        "match": scores.way.match,
        "fit": scores.way.fit,
        **dict(sorted(values.items())),
        "notes": list(scores.notes),
        "summary": _summary(values, light),
    }


def _summary(values: dict[str, Any], light: str | None) -> str:
    """In words: what was changed, and beside every consistency score what it was paid with."""
    lean = values["lean"]
    paid = f"change {values['change']:.0f}" + ("" if lean is None else f", lean {lean:+.2f}")
    kept = []
    for name, label in (
        ("warp_ssim", "warp SSIM"),
        ("flicker", "flicker"),
        ("structure", "structure"),
        ("light_stability", "light stability"),
    ):
        own = values.get(name + "_source")
        if values[name] is not None:
            beside = paid if own is None else f"{paid}; source {own:.3f}"
            kept.append(f"{label} {values[name]:.3f} [{beside}]")
    side = "" if lean is None else f" and moved {lean:+.2f} stops to the {light}"
    done = f"The light was changed by {values['change']:.0f} levels{side}"
    if values["change"] < UNCHANGED:
        done = f"Almost nothing was changed ({values['change']:.1f} levels)"
    return f"{done}: {', '.join(kept)}. Doing nothing has the source's scores and wins nothing."


def _text(row: dict[str, Any]) -> str:
    """The table a terminal shows."""
    from relight.metrics import MEASURES

    size = f"{row['frames']} frames, {row['width']}x{row['height']}"
    lines = [f"{row['result']} against {row['source']}: {size}"]
    lines += [f"note: {note}" for note in row["notes"]]
    form = "  {:20} {:>10} {:>10}  {:7} {}"
    lines.append(form.format("", "result", "source", "better", ""))
    for measure in MEASURES:
        value, own = row.get(measure.name), row.get(measure.name + "_source")
        if value is None and measure.name != "psnr":
            continue
        about = f"{measure.unit}: {measure.about}" if measure.unit else measure.about
        shown = "equal" if value is None else _number(value)
        own = "" if own is None else _number(own)
        lines.append(form.format(measure.name, shown, own, measure.better, about).rstrip())
    return "\n".join([*lines, row["summary"]])


def _number(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.2e}" if 0 < abs(value) < 0.001 else f"{value:.4f}"


def _check_csv(path: Path | None, overwrite: bool) -> None:
    """Refuse a CSV file that can't be written, before any work."""
    if path is None:
        return
    if path.is_dir():
        raise InputError(f"{path} is a folder: give a file name for --csv")
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists: give another name, or --overwrite")
    if not path.absolute().parent.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent}; make it first")
    check_folder(path.absolute().parent, path)


def _write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    """All rows or no file."""
    text = io.StringIO()
    # A pair of one frame has no measures of motion, which others have.
    names = dict.fromkeys(name for row in rows for name in row)
    names = [name for name in names if name not in ("notes", "summary")]
    writer = csv.DictWriter(text, names, extrasaction="ignore", restval="")
    writer.writeheader()
    writer.writerows(rows)
    part = None
    try:
        handle, part = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(text.getvalue().encode(errors="backslashreplace"))
        os.chmod(part, 0o644)
        os.replace(part, path)
    except OSError as error:
        if part is not None:
            Path(part).unlink(missing_ok=True)
        raise MediaError(f"{path} cannot be written ({error.strerror}): choose another") from None
