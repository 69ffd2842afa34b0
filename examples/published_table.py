"""Published results scored against their sources, with this project's own beside them.

    python -m examples.published_table DIR OUT [--ours] [--model mini]

DIR holds clips that other projects published (see PAIRS; what is not there is left out). They
belong to their authors, so neither they nor OUT belong into a repository. Writes OUT/table.md,
OUT/scores.json and a sheet of each source and its results; `--ours` relights each source whose
prompt is known, with default settings, and scores that too.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from examples.contact_sheet import contact_sheet
from relight import media, metrics
from relight.engine import scoring
from relight.engine.scoring import Pairs

COLUMNS = ("warp_ssim", "flicker", "lean", "structure", "change", "light_stability")
SHOWN = 5  # frames of each clip in a sheet


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


def own_result(folder: Path, pair: Pair, out: Path, model: str) -> Path:
    """The pair's source relit by this project, with default settings."""
    import relight

    target = out / f"{pair.clip}_ours.mp4"
    options = {"prompt": pair.prompt, "light": pair.side, "model": model}
    relight.relight_video(folder / pair.source, target, overwrite=True, **options)
    return target


def table(rows: list[dict]) -> str:
    """The scores as Markdown; of flicker, the source's own in brackets."""
    names = ("clip", "method", "frames", *COLUMNS)
    lines = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    for row in rows:
        cells = {name: f"{row[name]:.3f}" for name in COLUMNS}
        cells["flicker"] = f"{row['flicker']:.2f} ({row['flicker_source']:.2f})"
        cells |= {"lean": f"{row['lean']:+.2f}", "change": f"{row['change']:.0f}"}
        shown = " | ".join(cells[name] for name in COLUMNS)
        lines.append(f"| {row['clip']} | {row['method']} | {row['frames']:.0f} | {shown} |")
    return "\n".join(lines)


def chosen(met: Pairs, count: int) -> list[list[np.ndarray]]:
    """Source and result at SHOWN moments of `count` pairs."""
    at = {round(i * (count - 1) / (SHOWN - 1)) for i in range(SHOWN)}
    picked = [pair for number, pair in enumerate(met) if number in at]
    return [list(images) for images in zip(*picked, strict=True)]


def _met(infos: tuple[media.VideoInfo, media.VideoInfo]) -> Pairs:
    return scoring.pairs(infos, scoring.choose(infos))


def _add(
    rows: list[dict], sheets: dict[str, dict], pair: Pair, method: str, met: Callable[[], Pairs]
) -> None:
    """Score one result: a row of the table, a row of the clip's sheet."""
    found = metrics.score(met(), light=pair.side)
    rows.append({"clip": pair.clip, "method": method, **found})
    print(table(rows[-1:]).splitlines()[-1], flush=True)
    source, result = chosen(met(), int(found["frames"]))
    sheet = sheets.setdefault(pair.clip, {"source": source})
    sheet[f"{method}: change {found['change']:.0f}, lean {found['lean']:+.2f}"] = result


def _plain(value: str | float) -> str | float | None:
    """As JSON has it: nan and infinity are null."""
    return value if isinstance(value, str) or math.isfinite(value) else None


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--ours", action="store_true", help="relight the sources too: minutes each")
    parser.add_argument("--model", default="mini")
    args = parser.parse_args(arguments)
    here = [pair for pair in PAIRS if (args.folder / pair.result).is_file()]
    if not here:
        parser.error(f"{args.folder} holds none of {', '.join(sorted({p.result for p in PAIRS}))}")
    args.out.mkdir(parents=True, exist_ok=True)
    rows, sheets, relit = [], {}, set()
    for pair in here:
        _add(rows, sheets, pair, pair.method, lambda pair=pair: frames(args.folder, pair))
        if args.ours and pair.prompt and pair.column is None and pair.clip not in relit:
            relit.add(pair.clip)
            files = args.folder / pair.source, own_result(args.folder, pair, args.out, args.model)
            infos = tuple(media.probe(file) for file in files)
            _add(rows, sheets, pair, "this project", lambda infos=infos: _met(infos))
    (args.out / "table.md").write_text(table(rows) + "\n", encoding="utf-8")
    plain = [{k: _plain(v) for k, v in row.items()} for row in rows]
    (args.out / "scores.json").write_text(json.dumps(plain, indent=1), encoding="utf-8")
    for clip, sheet in sheets.items():
        contact_sheet(sheet).save(args.out / f"{clip.replace(' ', '_')}.png")


if __name__ == "__main__":
    main()
