"""The tables of docs/light.md by clip, written from the scores of `examples.light_sheet`.

python -m examples.light_tables [NAME=DIR ...]

NAME: "tuned", "held_out" or "unseen", a table between `<!-- lights: NAME -->` and
`<!-- end of lights -->`. DIR: an output folder of `examples.light_sheet`, whose scores are taken
over into docs/benchmarks first.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from examples.light_sheet import Row

ROOT = Path(__file__).parent.parent
FIGURES = ROOT / "docs" / "benchmarks"
DOCUMENT = ROOT / "docs" / "light.md"
BLOCK = re.compile(r"(<!-- lights: (\w+) -->\n).*?(<!-- end of lights -->)", re.DOTALL)
HEADER = "| clip | runs | lean, mean | least | change | structure | flicker | most | hue error |"


def main(argv: Sequence[str] | None = None) -> None:
    """Take scores over, and write every table."""
    for given in sys.argv[1:] if argv is None else argv:
        name, folder = given.split("=", 1)
        shutil.copyfile(Path(folder) / "scores.json", figures(name))
    DOCUMENT.write_text(written(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")


def figures(name: str) -> Path:
    """Where the scores of a table are kept."""
    return FIGURES / f"lights_{name}.json"


def written(text: str) -> str:
    """A text with its tables made from the figures."""
    return BLOCK.sub(lambda found: f"{found[1]}{table(found[2])}{found[3]}", text)


def table(name: str) -> str:
    """Clip by clip, then all of them."""
    rows: list[Row] = json.loads(figures(name).read_text(encoding="utf-8"))
    clips = {str(row["clip"]): [one for one in rows if one["clip"] == row["clip"]] for row in rows}
    lines = [line(clip, some) for clip, some in clips.items()]
    return "\n".join([HEADER, "|" + "---|" * 9, *lines, line("all", rows)]) + "\n"


def line(name: str, rows: Sequence[Row]) -> str:
    """Means and the worst of some runs, in Markdown."""
    lean, change, structure, flicker, hue = (
        np.array([row[column] for row in rows], float)
        for column in ("lean", "change", "structure", "flicker", "hue_error")
    )
    return (
        f"| {name.replace('_', ' ')} | {len(rows)} | {lean.mean():+.2f} | {lean.min():+.2f} | "
        f"{change.mean():.0f} | {structure.mean():.3f} | {flicker.mean():.2f} | "
        f"{flicker.max():.2f} | {np.nanmean(hue):.0f} |"
    )


if __name__ == "__main__":
    main()
