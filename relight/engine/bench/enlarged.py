"""Pictures and clips made smaller by area, enlarged again by each way, and scored by the original.

So the truth is known. Everything goes through files, as a user's would: what reading, encoding and
starting a tool cost counts for all alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from relight import media, metrics
from relight.engine.bench import relit
from relight.engine.bench.cost import Cost, denoisers, measured
from relight.engine.bench.peers import Peer
from relight.engine.bench.relit import Row, Say, remembering
from relight.engine.prepare import is_moving
from relight.engine.resolve import Loaders
from relight.engine.run import run
from relight.jobs import UpscaleJob
from relight.media import Encoding
from relight.methods.back_projection import back_project, larger
from relight.types import Size

Images = np.ndarray
"""(frames, h, w, 3) uint8."""
ROUNDS = 3
"""Of back-projection, where bicubic is back-projected."""
LOSSLESS = Encoding(codec="ffv1")


@dataclass(frozen=True, kw_only=True)
class Task:
    """What all ways are given.

    Attributes:
        sources: pictures and clips. folder: where results are written.
        factor: how many times smaller the sources are made. side: longest side that is taken, from
            the middle. frames: of a clip. model, device, seed: as of an `UpscaleJob`.
        more: other settings of the jobs.
    """

    sources: tuple[Path, ...]
    folder: Path
    factor: int = 2
    side: int = 512
    frames: int = 8
    model: str = "auto"
    device: str = "auto"
    seed: int = 1
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Way:
    """One way of enlarging: a job's settings, or a function of arrays."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    make: Callable[[torch.Tensor, Size], torch.Tensor] | None = None


def bicubic(small: torch.Tensor, size: Size) -> torch.Tensor:
    """(n, 3, h, w) in [0, 1] -> (n, 3, *size): what every player does."""
    return larger(small, size)


def back_projected(small: torch.Tensor, size: Size) -> torch.Tensor:
    """Bicubic, made to agree with the small picture."""
    return back_project(larger(small, size), small, ROUNDS)


WAYS = (
    Way("bicubic", make=bicubic),
    Way("bicubic, back-projected", make=back_projected),
    Way("default"),
    Way("identity .8", {"identity": 0.8}),
    Way("identity 0", {"identity": 0.0}),
    Way("identity .8, guide bicubic", {"identity": 0.8, "guide": "bicubic"}),
    Way("paper", {"recipe": "paper"}),
)
"""What is compared: no model, the default, ever more of a diffusion model, that without a network
as guide, the published recipe."""


def compare(
    task: Task, ways: Sequence[Way | Peer] = WAYS, say: Say = lambda text: None
) -> list[Row]:
    """Enlarge each source by each way; a row of cost and scores each.

    Raises:
        RelightError: as of a run; a peer that fails; a source that is smaller than 2 x factor.
    """
    task.folder.mkdir(parents=True, exist_ok=True)
    loaders = remembering()
    rows = []
    for source in task.sources:
        truth, fps = read(source, task)
        small = np.stack([_by_area(image, task.factor) for image in truth])
        file = task.folder / f"{source.stem}_small{_ending(truth)}"
        write(file, small, fps)
        for way in ways:
            target = result_of(source, way.name, task, file.suffix)
            if isinstance(way, Peer):
                cost = _by_peer(way, file, target, fps)
            else:
                cost = _by_way(way, file, target, small, fps, task, loaders)
            result = np.stack([frame.image for frame in media.read(target)])
            found = scores(truth, _fitted(result, truth), small)
            rows.append({"clip": source.stem, "variant": way.name, **asdict(cost), **found})
            say(f"{source.stem}, {way.name}: {found['psnr']:.2f} dB")
    return rows


def read(source: Path, task: Task) -> tuple[Images, Fraction]:
    """The middle of the first frames of a source, sides multiples of the factor."""
    info = media.probe(source)
    images = np.stack([frame.image for frame in islice(media.read(source), task.frames)])
    height, width = (min(n, task.side) // task.factor * task.factor for n in images.shape[1:3])
    top, left = (images.shape[1] - height) // 2, (images.shape[2] - width) // 2
    return images[:, top : top + height, left : left + width], info.fps


def write(file: Path, images: Images, fps: Fraction) -> None:
    """One picture, or a lossless clip."""
    size = images.shape[2], images.shape[1]
    encoding = Encoding() if file.suffix == ".png" else LOSSLESS
    with media.write(file, size=size, fps=fps, encoding=encoding, overwrite=True) as out:
        for number, image in enumerate(images):
            out.add(np.ascontiguousarray(image), number / fps)


def scores(truth: Images, result: Images, small: Images) -> dict[str, float]:
    """How near a result is to the original, and how steady.

    `flicker` is over the original's own; `down` is the PSNR of the result made smaller.

    >>> still = np.random.default_rng(0).integers(0, 256, (1, 16, 16, 3)).astype(np.uint8)
    >>> small = still.reshape(1, 8, 2, 8, 2, 3).mean((2, 4)).round().astype(np.uint8)
    >>> found = scores(still, still, small)
    >>> found["psnr"], found["sharpness"], found["down"] > 50
    (inf, 1.0, True)
    """
    factor = truth.shape[1] // small.shape[1]
    again = np.stack([_by_area(image, factor) for image in result])
    found = {
        "psnr": metrics.psnr(result, truth),
        "down": metrics.psnr(again, small),
        "ssim": metrics.ssim(truth, result),
        "sharpness": metrics.sharpness(truth, result),
    }
    if len(truth) > 1:
        own = metrics.flicker(truth, truth)
        found["flicker"] = metrics.flicker(truth, result) / own if own else float("nan")
    return found


def means(rows: Sequence[Row]) -> list[Row]:
    """A row for each way: the means of the pictures, then those of the clips.

    >>> rows = [{"variant": "bicubic", "clip": name, "psnr": 30.0} for name in ("a", "b")]
    >>> [row["clip"] for row in means(rows)]
    ['2 pictures']
    """
    still, moving = [[row for row in rows if ("flicker" in row) == moves] for moves in (0, 1)]
    return [*relit.means(still, "picture"), *relit.means(moving)]


def _by_way(
    way: Way,
    file: Path,
    target: Path,
    small: Images,
    fps: Fraction,
    task: Task,
    loaders: Loaders,
) -> Cost:
    if way.make is not None:
        with measured() as cost:
            pixels = torch.from_numpy(small).permute(0, 3, 1, 2).float() / 255
            size = Size(small.shape[1] * task.factor, small.shape[2] * task.factor)
            made = way.make(pixels, size).clamp(0, 1)
            images = (made.permute(0, 2, 3, 1) * 255).round().byte().numpy()
            write(target, images, fps)
        return cost
    job = _job(way, file, target, task)
    models = loaders.load(job, is_moving(job, media.probe(file)))
    with measured(denoisers(models)) as cost:
        run(job, loaders=lambda: loaders)
    return cost


def _job(way: Way, file: Path, target: Path, task: Task) -> UpscaleJob:
    settings = {
        "scale": float(task.factor),
        "model": task.model,
        "device": task.device,
        "seed": task.seed,
        "resume": False,
        "overwrite": True,
        "codec": None if file.suffix == ".png" else "ffv1",
    }
    return UpscaleJob.make(
        input=file, output=target, **(settings | dict(task.more) | dict(way.settings))
    )


def _by_peer(peer: Peer, file: Path, target: Path, fps: Fraction) -> Cost:
    """A peer takes pictures: a clip is given to it frame by frame."""
    with measured() as cost:
        if file.suffix == ".png":
            target.unlink(missing_ok=True)
            peer.run(file, target)
            return cost
        made = []
        for number, frame in enumerate(media.read(file)):
            one = target.with_name(f"{target.stem}_{number:05d}_small.png")
            other = target.with_name(f"{target.stem}_{number:05d}.png")
            write(one, frame.image[None], fps)
            other.unlink(missing_ok=True)
            peer.run(one, other)
            made.append(next(iter(media.read(other))).image)
            one.unlink()
            other.unlink()
        write(target, np.stack(made), fps)
    return cost


def _by_area(image: np.ndarray, factor: int) -> np.ndarray:
    size = image.shape[1] // factor, image.shape[0] // factor
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _fitted(result: Images, truth: Images) -> Images:
    """A peer of a fixed factor may give another size."""
    if result.shape[1:3] == truth.shape[1:3]:
        return result
    size = truth.shape[2], truth.shape[1]
    return np.stack([cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in result])


def _ending(images: Images) -> str:
    return ".png" if len(images) == 1 else ".mkv"


def result_of(source: Path, name: str, task: Task, ending: str) -> Path:
    """Where the result of a way is written."""
    return task.folder / f"{source.stem}_{name.replace(' ', '_')}{ending}"


def sheet(task: Task, ways: Sequence[Way | Peer]) -> dict[str, list[np.ndarray]]:
    """Caption -> the middle frame of each way's result, and of the original, at full size."""
    rows = {}
    for source in task.sources:
        truth, _ = read(source, task)
        files = [result_of(source, way.name, task, _ending(truth)) for way in ways]
        shown = [[frame.image for frame in media.read(file)][len(truth) // 2] for file in files]
        caption = f"{source.stem}: " + " | ".join([*(way.name for way in ways), "original"])
        rows[caption] = [*shown, truth[len(truth) // 2]]
    return rows
