"""Lines through measured points, as SVG and PNG. Needs matplotlib (extra `bench`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from relight.errors import ModelError

Points = Sequence[tuple[float, float]]
COLOURS = ("#2563eb", "#ea580c", "#16a34a", "#9333ea", "#64748b")
GREY = "#64748b"


@dataclass(frozen=True, kw_only=True)
class Plot:
    """One plot.

    Attributes:
        title, x, y: texts. points: name -> measured points. lines: name -> points of a line, drawn
            in the colour of the points of that name. log: both axes are logarithmic.
    """

    title: str
    x: str
    y: str
    points: Mapping[str, Points] = field(default_factory=dict)
    lines: Mapping[str, Points] = field(default_factory=dict)
    log: bool = False


def draw(plots: Sequence[Plot], path: Path) -> None:
    """Plots side by side, as `path`.svg and `path`.png.

    Raises:
        ModelError: matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure  # no window, no global state
    except ImportError:
        raise ModelError("plots need matplotlib: pip install 'relight[bench]'") from None
    figure = Figure(figsize=(5.2 * len(plots), 3.8), layout="constrained")
    for axes, plot in zip(figure.subplots(1, len(plots), squeeze=False)[0], plots, strict=True):
        names = list(dict.fromkeys([*plot.points, *plot.lines]))
        for name, colour in zip(names, COLOURS, strict=False):
            if name in plot.lines:
                axes.plot(*zip(*plot.lines[name], strict=True), color=colour, lw=1.2)
            if name in plot.points:
                axes.plot(*zip(*plot.points[name], strict=True), "o", color=colour, label=name)
            elif name:
                axes.lines[-1].set_label(name)
        axes.set(title=plot.title, xlabel=plot.x, ylabel=plot.y)
        if plot.log:
            axes.loglog()
        else:
            axes.set_ylim(bottom=0)
        axes.grid(True, color="#e5e7eb", lw=0.7)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=GREY)
        if len(names) > 1:
            axes.legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context({"svg.hashsalt": path.name}):  # the same rows, the same file
        figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})
    figure.savefig(path.with_suffix(".png"), dpi=110)
