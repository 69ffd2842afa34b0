"""Results that others published, scored beside our own on the same source.

The files belong to their authors: neither they nor sheets of them belong into a repository. `PAIRS`
says which files a folder may hold, and how a source and a result lie in them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from relight import media, metrics
from relight.engine import scoring
from relight.engine.bench.cost import Cost, denoisers, measured
from relight.engine.bench.relit import Row, Say, remembering
from relight.engine.bench.relit import row as scored_row
from relight.engine.prepare import is_moving
from relight.engine.run import run
from relight.engine.scoring import Pairs
from relight.errors import InputError
from relight.jobs import RelightJob

SHOWN = 5  # frames of each clip in a sheet
OURS = "this project"


@dataclass(frozen=True)
class Pair:
    """A published result and the clip it was made from."""

    clip: str
    method: str
    source: str
    result: str
    column: int | None = None  # of a grid of squares: sources in the upper row, results below
    prompt: str = ""  # empty where none was published
    side: str = "left"  # where none was published, the lean is good for differences only


def _hilight(method: str, result: str) -> Pair:
    return Pair("hilight", method, "hilight_input2.mp4", result, prompt="Warm orange light.")


def _grid(file: str, method: str, clips: tuple[str, ...]) -> list[Pair]:
    return [Pair(clip, method, file, file, column) for column, clip in enumerate(clips)]


PAIRS = (
    _hilight("LAV-AnimateDiff", "hilight_animatediff2.mp4"),
    _hilight("LAV-CogVideoX", "hilight_cog2.mp4"),
    _hilight("LAV-Wan", "hilight_wan2.mp4"),
    _hilight("TC-Light", "hilight_tclight2.mp4"),
    _hilight("Hi-Light", "hilight_hilight2.mp4"),
    *_grid("lav_full_1.mp4", "LAV-AnimateDiff", ("bear", "boat", "lucky cat", "cow")),
    *_grid("lav_cogvideox.mp4", "LAV-CogVideoX", ("city", "man", "lion")),
)


def frames(folder: Path, pair: Pair) -> Pairs:
    """The frames of a source and its published result, of one size."""
    infos = media.probe(folder / pair.source), media.probe(folder / pair.result)
    if pair.column is None:
        yield from _met(infos)
        return
    side = infos[0].height // 2
    left = pair.column * side
    for frame in media.read(folder / pair.source, conversion="ffmpeg"):
        column = frame.image[:, left : left + side]
        yield column[:side], column[side : 2 * side]


def chosen(met: Pairs, count: int) -> list[list[np.ndarray]]:
    """Source and result at SHOWN moments of `count` pairs."""
    at = {round(i * (count - 1) / (SHOWN - 1)) for i in range(SHOWN)}
    picked = [pair for number, pair in enumerate(met) if number in at]
    return [list(images) for images in zip(*picked, strict=True)]


def _met(infos: tuple[media.VideoInfo, media.VideoInfo]) -> Pairs:
    return scoring.pairs(infos, scoring.choose(infos))


@dataclass
class Published:
    """Scores of published results, and frames of them for sheets.

    Attributes:
        rows: a row of each result; `variant` is its method.
        sheets: clip -> caption -> frames, the source first.
    """

    rows: list[Row] = field(default_factory=list)
    sheets: dict[str, dict[str, list[np.ndarray]]] = field(default_factory=dict)


def score(
    folder: Path,
    work: Path,
    *,
    ours: bool = True,
    model: str = "auto",
    recipes: Sequence[str] = ("auto",),
    say: Say = lambda text: None,
) -> Published:
    """Score what a folder holds of `PAIRS`, and our own result where the prompt is known.

    Args:
        folder: of published files. work: where our own results are written.
        ours: relight the sources too. model, recipes: with what.

    Raises:
        InputError: the folder holds none of them.
    """
    here = [pair for pair in PAIRS if (folder / pair.result).is_file()]
    if not here:
        names = ", ".join(sorted({pair.result for pair in PAIRS}))
        raise InputError(f"{folder} holds none of {names}", path=folder)
    found = Published()
    work.mkdir(parents=True, exist_ok=True)
    relit = set()
    for pair in here:
        _add(found, pair, pair.method, lambda pair=pair: frames(folder, pair), say)
        if ours and pair.prompt and pair.column is None and pair.clip not in relit:
            relit.add(pair.clip)
            for recipe in recipes:
                _add_own(found, folder, pair, work, (model, recipe), say)
    return found


def _add(
    found: Published,
    pair: Pair,
    method: str,
    met: Callable[[], Pairs],
    say: Say,
    cost: Cost | None = None,
) -> None:
    """Score one result: a row of the table, a row of the clip's sheet."""
    scores = metrics.score(met(), light=pair.side)
    found.rows.append(scored_row(method, Path(pair.clip), scores, cost))
    say(f"{pair.clip}, {method}: lean {scores['lean']:+.2f}, warp SSIM {scores['warp_ssim']:.3f}")
    source, result = chosen(met(), int(scores["frames"]))
    sheet = found.sheets.setdefault(pair.clip, {"source": source})
    sheet[f"{method}: change {scores['change']:.0f}, lean {scores['lean']:+.2f}"] = result


def _add_own(
    found: Published, folder: Path, pair: Pair, work: Path, how: tuple[str, str], say: Say
) -> None:
    model, recipe = how
    job = RelightJob.make(
        input=folder / pair.source,
        output=work / f"{pair.clip}_{recipe}.mp4",
        prompt=pair.prompt,
        light=pair.side,
        model=model,
        recipe=recipe,
        seed=1,
        overwrite=True,
        resume=False,
    )
    loaders = remembering()
    models = loaders.load(job, is_moving(job, media.probe(job.input)))
    with measured(denoisers(models)) as cost:
        run(job, loaders=lambda: loaders)
    both = media.probe(job.input), media.probe(job.output)
    name = OURS if recipe == "auto" else f"{OURS}, {recipe}"
    _add(found, pair, name, lambda: _met(both), say, cost)
