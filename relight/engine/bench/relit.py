"""Clips relit by each variant, one after the other with the weights loaded once, and scored."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from relight import media
from relight.engine.bench.cost import Cost, denoisers, measured
from relight.engine.bench.variants import FRAMES, Variant
from relight.engine.framed import framing_of
from relight.engine.prepare import is_moving
from relight.engine.resolve import Loaders, Models, resolve
from relight.engine.run import run
from relight.engine.scoring import evaluate
from relight.errors import InputError
from relight.jobs import ModelRelightJob, RelightJob
from relight.lights import parse_light
from relight.media import to_uint8
from relight.models.loader import load_model, load_upscaler
from relight.relighters.ic_light import ICLight, ICLightPipeline

Row = dict[str, Any]
Say = Callable[[str], object]


@dataclass(frozen=True, kw_only=True)
class Task:
    """What all variants are given.

    Attributes:
        clips: sources. folder: where results are written, as CLIP_VARIANT.mp4.
        prompt, light, seed, frames, model, device: as of a `RelightJob`. more: other settings.
    """

    clips: tuple[Path, ...]
    folder: Path
    prompt: str
    light: str = "left"
    seed: int = 1
    frames: int | None = 16
    model: str = "auto"
    device: str = "auto"
    more: Mapping[str, Any] = field(default_factory=dict)

    def job(self, clip: Path, variant: Variant) -> RelightJob:
        """A variant's job on a clip."""
        name = re.sub(r"[ ,]+", "_", variant.name)
        settings = {
            "prompt": self.prompt,
            "light": self.light,
            "seed": self.seed,
            "frames": self.frames,
            "model": self.model,
            "device": self.device,
            "resume": False,
            "overwrite": True,
            **self.more,
            **variant.settings,
        }
        if settings.get("recipe") == FRAMES:
            settings["recipe"] = "paper"  # whose sizes and steps it takes
        output = self.folder / f"{clip.stem}_{name}.mp4"
        return RelightJob.make(input=clip, output=output, **settings)


def compare(task: Task, variants: Sequence[Variant], say: Say = lambda text: None) -> list[Row]:
    """Relight each clip by each variant in turn; a row of cost and scores each.

    Args:
        task: what all are given. variants: what differs. say: called with a line for each result.

    Raises:
        RelightError: as of a run.
    """
    task.folder.mkdir(parents=True, exist_ok=True)
    loaders = remembering()
    rows = []
    for clip in task.clips:
        for variant in variants:
            job = task.job(clip, variant)
            info = media.probe(clip)
            models = loaders.load(job, is_moving(job, info))
            lit = None if models.relighting is None else models.to_relight
            with variant.applied(lit):
                cost = _run(job, variant, models, loaders)
            found = evaluate(clip, job.output, light=_side(task.light), prompt=task.prompt)
            rows.append(row(variant.name, clip, found.values, cost))
            say(f"{clip.stem}, {variant.name}: {cost.cpu_seconds:.1f} CPU s")
    return rows


def row(variant: str, clip: Path, scores: dict[str, float], cost: Cost | None) -> Row:
    """Scores and cost of one result as plain values."""
    spent = {} if cost is None else asdict(cost)
    return {"clip": clip.stem, "variant": variant, **spent, **scores}


def means(rows: Sequence[Row], kind: str = "clip") -> Iterator[Row]:
    """A row for each variant, of several clips (or another kind): the mean of every number.

    >>> rows = [{"variant": "fast", "clip": "a", "lean": 1.0}]
    >>> list(means([*rows, {"variant": "fast", "clip": "b", "lean": 2.0}]))
    [{'variant': 'fast', 'clip': '2 clips', 'lean': 1.5}]
    """
    if len({row["clip"] for row in rows}) < 2:
        return
    for variant in dict.fromkeys(row["variant"] for row in rows):
        own = [row for row in rows if row["variant"] == variant]
        numbers = {
            name: float(np.mean([row[name] for row in own if name in row]))
            for name in own[0]
            if name not in ("variant", "clip")
        }
        count = f"{len(own)} {kind}" + ("s" if len(own) != 1 else "")
        yield {"variant": variant, "clip": count, **numbers}


def remembering() -> Loaders:
    """Loaders that load each model once, and whole: for all recipes."""
    whole = functools.lru_cache(maxsize=None)(load_model)
    return Loaders(
        relighting=lambda name, compute, *, video: whole(name, compute),
        upscaling=functools.lru_cache(maxsize=None)(load_upscaler),
    )


def _run(job: RelightJob, variant: Variant, models: Models, loaders: Loaders) -> Cost:
    device = models.relighting.compute.device if models.relighting else "cpu"
    with measured(denoisers(models), device) as cost:
        if variant.settings.get("recipe") == FRAMES:
            frame_by_frame(job, models)
        else:
            run(job, loaders=lambda: loaders)
    return cost


def frame_by_frame(job: RelightJob, models: Models) -> None:
    """IC-Light on each frame with a noise of its own; the model's own pixels, enlarged."""
    info = media.probe(job.input)
    model = models.to_relight
    if not isinstance(model.relighter, ICLightPipeline):
        raise InputError(
            f"{FRAMES} is IC-Light's: {model.name} has another relighter", field="model"
        )
    asked = resolve(job, models, info)
    assert isinstance(asked, ModelRelightJob), "it has a model"
    framing = framing_of(asked, model, info)
    prepare = functools.partial(
        ICLight(pipe=model.relighter, gamma=0.0).prepare,
        asked.prompt,
        size=(framing.padded_height, framing.padded_width),
        light=asked.light,
        steps=asked.relight_steps,
    )
    moving = parse_light(asked.light).moving  # such a light is another in each frame
    session = None if moving else prepare()
    size = info.width, info.height
    with media.write(job.output, size=size, fps=info.fps, overwrite=True) as out:
        for number, frame in enumerate(media.read(job.input, frames=job.frames)):
            image = framing.pad(framing.scale(frame.image)[None])
            pixels = torch.from_numpy(image).permute(0, 3, 1, 2).float() / 127.5 - 1
            noise = torch.Generator("cpu").manual_seed(asked.seed + number)
            at = session or prepare(seconds=[float(frame.time)])
            relit = framing.cut(at(pixels, noise=noise)).cpu().float()
            relit = torch.nn.functional.interpolate(
                relit, (info.height, info.width), mode="bicubic"
            )
            values = (relit[0].permute(1, 2, 0) / 2 + 0.5).clamp(0, 1)
            out.add(to_uint8(values.numpy()), frame.time)


def _side(light: str) -> str | None:
    from relight.metrics.lean import SIDES

    return light if light in SIDES else None
