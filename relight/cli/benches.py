"""The comparisons that `relight bench` offers: from its settings to a table and a sheet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relight.cli.terminal import say
from relight.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from relight.engine.bench.report import Column


SHOWN = 5
"""Frames of each result in a sheet."""


@dataclass
class Bench:
    """What a bench found: a table, and rows of pictures for a sheet.

    Attributes:
        name: of its files. rows: cost and scores. columns: of the table.
        sheet: caption -> frames. more: Markdown below the table.
    """

    name: str
    rows: list[dict[str, Any]]
    columns: Sequence[Column]
    sheet: dict[str, list[np.ndarray]] = field(default_factory=dict)
    more: str = ""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What all benches are given; see `bench`."""

    inputs: tuple[Path, ...]
    output: Path
    recipes: str
    prompt: str
    light: str
    frames: int
    model: str
    device: str
    seed: int
    peers: tuple[str, ...]
    factor: int
    more: dict[str, Any]

    @property
    def shared(self) -> dict[str, Any]:
        """What the tasks of relighting and of enlarging have in common."""
        names = ("frames", "model", "device", "seed")
        return {"folder": self.output, **{name: getattr(self, name) for name in names}}


def _recipes(settings: Settings) -> Bench:
    from relight.engine.bench.variants import recipes

    return _relit("recipes", settings, recipes(settings.recipes))


def _ablation(settings: Settings) -> Bench:
    from relight.engine.bench.variants import ablations

    variants = ablations(settings.recipes)
    made = _relit("ablation", settings, variants)
    made.more = "\n".join(f"- {variant.name}: {variant.about}" for variant in variants)
    return made


def _relit(name: str, settings: Settings, variants: list[Any]) -> Bench:
    from relight.engine.bench import relit, report
    from relight.engine.bench.sheet import spread

    task = relit.Task(
        clips=settings.inputs,
        prompt=settings.prompt,
        light=settings.light,
        more=settings.more,
        **settings.shared,
    )
    rows = relit.compare(task, variants, say)
    sheet = {}
    for clip in task.clips:
        sheet[f"{clip.stem}: source"] = spread(clip, SHOWN, task.frames)
        for variant in variants:
            sheet[f"{clip.stem}: {variant.name}"] = spread(task.job(clip, variant).output, SHOWN)
    return Bench(name, [*rows, *relit.means(rows)], report.RELIT, sheet)


def _upscale(settings: Settings) -> Bench:
    from relight.engine.bench import enlarged, report
    from relight.engine.bench.peers import Peer

    more = dict(settings.more)
    task = enlarged.Task(
        sources=settings.inputs,
        factor=settings.factor,
        side=more.pop("side", 512),
        more=more,
        **settings.shared,
    )
    ways = [*enlarged.WAYS, *(Peer.parse(text) for text in settings.peers)]
    rows = enlarged.compare(task, ways, say)
    sheet = enlarged.sheet(task, ways)
    return Bench("upscale", [*rows, *enlarged.means(rows)], report.ENLARGED, sheet)


def published_results(settings: Settings, folder: Path | None) -> Bench:
    """Published results beside our own, on the sources in `folder`."""
    from relight.engine.bench import published, report

    if folder is None or not folder.is_dir():
        raise InputError(f"there is no folder {folder}", path=folder)
    names = tuple(name.strip() for name in settings.recipes.split(","))
    found = published.score(folder, settings.output, model=settings.model, recipes=names, say=say)
    sheet = {
        f"{clip}: {caption}": frames
        for clip, rows in found.sheets.items()
        for caption, frames in rows.items()
    }
    return Bench("published", found.rows, report.RELIT, sheet)


def _scale(settings: Settings) -> Bench:
    from relight.engine.bench import scaling

    job = {
        "prompt": settings.prompt,
        "light": settings.light,
        "seed": settings.seed,
        "model": settings.model,
        "device": settings.device,
        **settings.more,
    }
    found = scaling.measure(settings.inputs[0], settings.output, job, say)
    return Bench("scale", found.rows, scaling.COLUMNS, more=found.text)


BENCHES: dict[str, Callable[[Settings], Bench]] = {
    "recipes": _recipes,
    "ablation": _ablation,
    "upscale": _upscale,
    "scale": _scale,
}
