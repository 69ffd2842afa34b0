"""Small line plots as SVG: each line in a panel of its own, over a common x axis."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT, LEFT, BELOW, ABOVE = 360, 230, 56, 40, 28
TICKS = 4


@dataclass
class Line:
    """Points of one quantity."""

    name: str
    x: list[float]
    y: list[float]


def plot(across: str, lines: list[Line]) -> str:
    """An SVG of panels side by side; `across` says what the x axis is.

    >>> plot("size", [Line("seconds", [1.0, 2.0], [3.0, 4.0])]).startswith("<svg")
    True
    """
    panels = "".join(
        f'<g transform="translate({i * WIDTH} 0)">{_panel(across, line)}</g>'
        for i, line in enumerate(lines)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{len(lines) * WIDTH}" height="{HEIGHT}" '
        f'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="white"/>'
        f"{panels}</svg>\n"
    )


def _panel(across: str, line: Line) -> str:
    right, bottom = WIDTH - 16, HEIGHT - BELOW
    low_x, high_x = min(line.x), max(line.x)
    low_y, high_y = _round_range(line.y)

    def place(x: float, y: float) -> tuple[float, float]:
        part = (x - low_x) / ((high_x - low_x) or 1)
        rise = (y - low_y) / ((high_y - low_y) or 1)
        return LEFT + part * (right - LEFT), bottom - rise * (bottom - ABOVE)

    points = [place(x, y) for x, y in zip(line.x, line.y, strict=True)]
    parts = [f'<text x="{LEFT}" y="16" font-weight="bold">{escape(line.name)}</text>']
    for i in range(TICKS + 1):
        y = low_y + (high_y - low_y) * i / TICKS
        _, at = place(low_x, y)
        parts.append(f'<line x1="{LEFT}" x2="{right}" y1="{at:.1f}" y2="{at:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{y:.4g}</text>')
        x = low_x + (high_x - low_x) * i / TICKS
        at, _ = place(x, low_y)
        parts.append(f'<text x="{at:.1f}" y="{bottom + 15}" text-anchor="middle">{x:.3g}</text>')
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    parts.append(f'<polyline points="{path}" fill="none" stroke="#2563eb" stroke-width="2"/>')
    parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#2563eb"/>' for x, y in points]
    middle = (LEFT + right) / 2
    label = escape(across)
    parts.append(f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">{label}</text>')
    return "".join(parts)


def _round_range(values: list[float]) -> tuple[float, float]:
    """The range of values, from 0 where that is near."""
    low, high = min(values), max(values)
    if low < 0.4 * high:
        low = 0.0
    margin = 0.08 * ((high - low) or 1)
    return (low if low == 0 else low - margin), high + margin
