"""docs/benchmarks.md and the tables of other texts, written from the figures of `relight bench`.

python -m examples.benchmarks [DIR ...]

DIR: output folders of `relight bench`, whose figures (.json) are taken over into docs/benchmarks
first. A table of the README or of docs/upscaling.md stands between `<!-- bench: NAME -->` and
`<!-- end of bench -->`.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from examples import upscale_unseen
from relight.engine.bench import report, scaling
from relight.engine.bench.report import Column

ROOT = Path(__file__).parent.parent
FIGURES = ROOT / "docs" / "benchmarks"
PICTURES = ROOT / "examples" / "pictures"
DOCUMENT = ROOT / "docs" / "benchmarks.md"
TEXTS = (ROOT / "README.md", ROOT / "docs" / "upscaling.md")
BLOCK = re.compile(r"(<!-- bench: ([a-z_]+) -->\n).*?(<!-- end of bench -->)", re.DOTALL)


@dataclass(frozen=True)
class Section:
    """A table: name of its figures, title, what is to be known, columns.

    `short`: the clips of the rows that texts show, a regular expression. `long`: "way: clip" of
    those that docs/benchmarks.md shows.
    """

    name: str
    title: str
    about: str
    columns: tuple[Column, ...]
    short: str = r"\d+ (clips?|pictures?)"
    long: str = ".*"


SECTIONS = (
    Section(
        "recipes",
        "Recipes compared",
        "One light, each clip by each recipe in turn. `frames` is IC-Light on every frame by "
        "itself, what the published systems start from; `best@0.73` is `best` at intensity .73, "
        "where its light is as strong as that of `paper`. A result that changes nothing has the "
        "source's own flicker and a structure of 1: read steadiness together with lean and change.",
        report.RELIT,
    ),
    Section(
        "ablation",
        "Ablations",
        "A recipe as it is, then with one setting or part changed at a time, beside other work.",
        report.RELIT,
    ),
    Section(
        "published",
        "Compared with published results",
        "Results that their authors published, on their own sources (not in this repository).",
        report.RELIT,
        short="hilight",
    ),
    Section(
        "upscale",
        "Upscaling",
        "Sources made smaller by area, enlarged again. PSNR to the original; made smaller: of the "
        "result to what it was made from; sharpness: gradient energy over the original's; flicker "
        "over the original's own. Everything goes through files, and seconds are the wall clock "
        "beside other work. Peers: `examples/guide_network/peers.py`; they start anew for each "
        "picture, and don't ship. The middle of the first frames of eight held-out clips, 256 x "
        "256 at their own resolution, and six frames of three of them.",
        report.ENLARGED,
        short=r"\d+ pictures",
    ),
    Section(
        "unseen",
        "Upscaling, on what nothing was chosen on",
        "Pictures and clips that neither the networks were trained on nor any setting was chosen "
        "on; the list in `examples/upscale_unseen.py` was written before anything was measured. "
        "Centre squares, 256 x 256 by area, halved by area; six frames of each clip. Some clips "
        "are sources of published results, not in this repository. CPU s are of one thread. Here "
        "are all means, and each source by the default and by waifu2x; the rest is in "
        "docs/benchmarks/unseen.json.",
        upscale_unseen.COLUMNS,
        short=r"\d+ (pictures|clips|camera moves)",
        long=r".*: \d+ (pictures|clips|camera moves)|(default|waifu2x photo): .*",
    ),
    Section(
        "scale",
        "Growth",
        "The sample clip over and over, forwards and backwards, each run a process of its own. "
        "The wall clock's seconds are from the job to its file, beside other work; what follows is "
        "of CPU seconds, and the hours are simulated.\n\n![CPU seconds and memory against frames, "
        "CPU seconds against megapixels](../examples/pictures/growth.png)",
        scaling.COLUMNS,
    ),
)


GPU = (
    "Networks at full size with random weights, one pass each, both halves of guidance in it, "
    "PyTorch's own attention. The peak is the data sheet's for dense half precision; the matrix "
    "product shows what of it the card gives. As stored, IC-Light's pass moves, adds up and "
    "normalises elements for as long as it multiplies matrices; `--compile`, which takes the UNet "
    "as a whole with its channels last, takes 30 % off. The goal of 45 % is missed all the same. "
    "Recipes and upscaling have random weights too, in float16. `fast` is the whole of a run and "
    "misses its goal of 5 s: while the card relights the keyframes, the processor finds the "
    "subject, which takes longer; to light and encode the frames comes after both. It relit three "
    "keyframes there; it would relight fewer now. Those of the "
    "H100, and `best`, `paper` and upscaling, are from before: the subject was found after the "
    "keyframes then, and the H100's `denoisers` were compiled block by block, if at all. Wan's "
    "pass by itself was not measured, nor xformers, whose wheel was not made for that PyTorch."
)


def figures(name: str) -> dict[str, Any] | None:
    """The stored figures of a bench; None where there are none."""
    file = FIGURES / f"{name}.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def on_a_gpu() -> list[str]:
    """What `examples.gpu_bench` has measured, where its figures are stored as gpu*.json."""
    parts = ["## On a GPU", GPU]
    for file in sorted(FIGURES.glob("gpu*.json")):
        made = json.loads(file.read_text(encoding="utf-8"))
        parts += [
            "\n".join(f"| {' | '.join(cells)} |" for cells in _cells(rows))
            for rows in made["tables"].values()
        ]
        of = f"{made['device']}, torch {made['torch']}, diffusers {made['diffusers']}"
        parts.append(f"`{made['command']}`: {of}")
    return parts if len(parts) > 2 else []


def _cells(rows: list[dict[str, str]]) -> list[list[str]]:
    return [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]


def document() -> str:
    """docs/benchmarks.md."""
    parts = [
        "# Benchmarks",
        "Written by `python -m examples.benchmarks` from the figures in `docs/benchmarks`, which "
        "`relight bench` has made: nothing here is typed by hand. `relight eval` explains the "
        "measures; all of them are functions of `relight.metrics`.",
    ]
    for section in SECTIONS:
        made = figures(section.name)
        if made is not None:
            rows = made["rows"]
            shown = [
                row
                for row in rows
                if re.fullmatch(section.long, f"{row.get('variant')}: {row.get('clip')}")
            ]
            table = report.table(shown, section.columns)
            how = f"`{made['command']}`: {report.said(made['machine'])}"
            parts += [f"## {section.title}", section.about, table, how]
            if section.name == "scale":
                parts.append(scaling.summary(rows))
    parts += on_a_gpu()
    return "\n\n".join(parts) + "\n"


def filled(text: str) -> str:
    """A text with its tables made anew: the rows that stand for all clips."""

    def block(found: re.Match[str]) -> str:
        name = found.group(2)
        section = next(section for section in SECTIONS if section.name == name)
        made = figures(name)
        rows = [] if made is None else made["rows"]
        few = [row for row in rows if re.fullmatch(section.short, str(row["clip"]))]
        table = report.table(few or rows, section.columns)
        return f"{found.group(1)}{table}\n{found.group(3)}"

    return BLOCK.sub(block, text)


def main() -> None:
    """Take figures over, and write the documents."""
    known = {section.name for section in SECTIONS}
    for folder in map(Path, sys.argv[1:]):
        for file in folder.glob("*.json"):
            if file.stem in known:
                report.save(FIGURES / file.name, file.read_text(encoding="utf-8"))
    report.save(DOCUMENT, document())
    if made := figures("scale"):
        scaling.plotted(made["rows"], PICTURES / "growth")
    for file in TEXTS:
        report.save(file, filled(file.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
