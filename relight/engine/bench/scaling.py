"""`relight bench --scale`: growth measured and fitted, and a cluster simulated from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relight.engine.bench import growth
from relight.engine.bench.cluster import Cluster, simulated
from relight.engine.bench.plots import Plot, draw
from relight.engine.bench.relit import Row, Say
from relight.engine.bench.report import Column
from relight.engine.plan_text import many

WORKERS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
HOUR = 3600 * 30
"""Frames of an hour at 30 a second."""
CHUNK = 240
"""Frames that one worker lights and encodes at a time, in the simulation."""
COLUMNS = (
    Column("clip", "clip"),
    Column("frames", "frames"),
    Column("size", "size"),
    Column("seconds", "s", ".1f"),
    Column("cpu_seconds", "CPU s", ".1f"),
    Column("peak_mb", "peak MB", ".0f"),
)


@dataclass(frozen=True)
class Scaling:
    """Measured rows, and what follows from them as Markdown."""

    rows: list[Row]
    text: str


def measure(clip: Path, folder: Path, job: dict[str, Any], say: Say = lambda text: None) -> Scaling:
    """Relight copies of a clip of every length and size, fit, simulate, and plot.

    Writes folder/growth.svg and .png, and folder/cluster.svg and .png.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cases = [(frames, growth.SIZES[0]) for frames in growth.LENGTHS]
    cases += [(growth.LENGTHS[0], size) for size in growth.SIZES[1:]]
    rows = []
    for frames, size in cases:
        found = growth.measure(clip, folder, frames, size, **job)
        rows.append(found | {"clip": clip.stem, "size": f"{size[0]}x{size[1]}"})
        say(f"{frames} frames of {size[0]}x{size[1]}: {found['seconds']:.1f} s")
    plotted(rows, folder / "growth")
    _, _, by_frames, by_pixels, _ = _fits(rows)
    draw([_cluster_plot(hour(by_frames, by_pixels))], folder / "cluster")
    return Scaling(rows, summary(rows))


def plotted(rows: list[Row], path: Path) -> None:
    """Writes path.svg and .png: CPU time and memory against frames, CPU time against pixels."""
    lengths, sizes, by_frames, by_pixels, _ = _fits(rows)
    draw(_growth_plots(lengths, sizes, by_frames, by_pixels), path)


def summary(rows: list[Row]) -> str:
    """What follows from measured rows, as Markdown."""
    _, _, by_frames, by_pixels, memory = _fits(rows)
    return _text(by_frames, by_pixels, memory, hour(by_frames, by_pixels))


def _fits(rows: list[Row]) -> tuple[list[Row], list[Row], growth.Fit, growth.Fit, growth.Fit]:
    """Rows by length and by size; CPU seconds by frames and by megapixels, memory by frames.

    CPU seconds, as the wall clock also shows what else a machine does.
    """
    lengths, sizes = rows[: len(growth.LENGTHS)], [rows[0], *rows[len(growth.LENGTHS) :]]
    by_frames = growth.fit([r["frames"] for r in lengths], [r["cpu_seconds"] for r in lengths])
    by_pixels = growth.fit([megapixels(r) for r in sizes], [r["cpu_seconds"] for r in sizes])
    memory = growth.fit([r["frames"] for r in lengths], [r["peak_mb"] for r in lengths])
    return lengths, sizes, by_frames, by_pixels, memory


def megapixels(row: Row) -> float:
    """Of all frames of a row."""
    return row["frames"] * row["width"] * row["height"] / 1e6


def hour(by_frames: growth.Fit, by_pixels: growth.Fit) -> dict[int, float]:
    """Workers -> hours for one hour of 1080p at 30 frames a second.

    A frame takes what the model needs for it and what its pixels need; a chunk is a share of them.
    """
    small, large = 640 * 360 / 1e6, 1920 * 1080 / 1e6
    each = by_frames.slope + by_pixels.slope * (large - small)
    chunks = [each * CHUNK] * (HOUR // CHUNK)
    start = max(by_frames.constant, 0.0)
    return {
        count: simulated(chunks, Cluster(workers=count, start_s=start)) / 3600 for count in WORKERS
    }


def _growth_plots(
    lengths: list[Row], sizes: list[Row], by_frames: growth.Fit, by_pixels: growth.Fit
) -> list[Plot]:
    frames = [row["frames"] for row in lengths]
    pixels = [megapixels(row) for row in sizes]
    return [
        Plot(
            title=f"CPU seconds: {by_frames.constant:.1f} + {by_frames.slope:.3f} x frames",
            x=f"frames of {lengths[0]['size']}",
            y="CPU seconds",
            points={"": [(row["frames"], row["cpu_seconds"]) for row in lengths]},
            lines={"": [(n, by_frames.at(n)) for n in (0, max(frames))]},
        ),
        Plot(
            title="peak memory by length",
            x=f"frames of {lengths[0]['size']}",
            y="peak MB",
            points={"": [(row["frames"], row["peak_mb"]) for row in lengths]},
            lines={"": [(row["frames"], row["peak_mb"]) for row in lengths]},
        ),
        Plot(
            title=f"CPU seconds: {by_pixels.constant:.1f} + {by_pixels.slope:.3f} x megapixels",
            x=f"megapixels of {sizes[0]['frames']} frames, 360p to 2160p",
            y="CPU seconds",
            points={"": [(megapixels(row), row["cpu_seconds"]) for row in sizes]},
            lines={"": [(n, by_pixels.at(n)) for n in (0, max(pixels))]},
        ),
    ]


def _cluster_plot(hours: dict[int, float]) -> Plot:
    ideal = hours[1]
    return Plot(
        title="one hour of 1080p, simulated",
        x="workers",
        y="hours",
        points={"with starts, stragglers and losses": list(hours.items())},
        lines={
            "with starts, stragglers and losses": list(hours.items()),
            "ideal": [(count, ideal / count) for count in hours],
        },
        log=True,
    )


def _text(
    by_frames: growth.Fit, by_pixels: growth.Fit, memory: growth.Fit, hours: dict[int, float]
) -> str:
    lines = [
        f"- CPU seconds at {growth.SIZES[0][0]}x{growth.SIZES[0][1]}: {by_frames.constant:.1f} + "
        f"{by_frames.slope:.3f} a frame",
        f"- CPU seconds of {growth.LENGTHS[0]} frames: {by_pixels.constant:.1f} + "
        f"{by_pixels.slope:.3f} a megapixel",
        f"- memory: {memory.constant:.0f} MB + {memory.slope:.3f} MB a frame",
        "- one hour of 1080p, 30 frames a second, on workers of one core, simulated with a start "
        "of each worker, times spread by 20 % and one chunk in a thousand lost: "
        + ", ".join(f"{many(count, 'worker')} {value:.1f} h" for count, value in hours.items()),
    ]
    return "\n".join(lines)
