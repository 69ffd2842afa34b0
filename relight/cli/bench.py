"""`relight bench`: recipes, ablations, published results and upscalers compared."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from relight.cli.benches import BENCHES, Bench, Settings, published_results
from relight.errors import InputError

PROMPT = "warm orange light"
USUAL = {"prompt": PROMPT, "light": "left", "frames": 16, "factor": 2, "device": "auto", "seed": 1}
FLAGS = {
    "ablation": "--ablate",
    "upscale": "--upscale",
    "published": "--published",
    "scale": "--scale",
}
UNREAD = {
    "recipes": ("factor",),
    "ablation": ("factor",),
    "upscale": ("recipes", "prompt", "light"),
    "published": ("inputs", "prompt", "light", "frames", "factor", "device", "seed", "set"),
    "scale": ("recipes", "frames", "factor"),
}
"""What a comparison doesn't read."""


def bench(
    inputs: list[Path] | None = None,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    recipes: str | None = None,
    ablate: Annotated[bool, Parameter(negative=())] = False,
    upscale: Annotated[bool, Parameter(negative=())] = False,
    published: Path | None = None,
    scale: Annotated[bool, Parameter(negative=())] = False,
    peer: list[str] | None = None,
    prompt: str = PROMPT,
    light: str = "left",
    frames: int = 16,
    factor: int = 2,
    model: str = "auto",
    device: str = "auto",
    seed: int = 1,
    settings: Annotated[list[str] | None, Parameter(name="--set")] = None,
    overwrite: Annotated[bool, Parameter(name=["--overwrite", "-y"], negative=())] = False,
) -> int:
    """Compare recipes on your clips: relight bench a.mp4 b.mp4 -o bench

    Writes a table (.md), the figures (.json) and a sheet of frames (.png) into the output folder.

    Parameters
    ----------
    inputs
        Clips; with --upscale also pictures.
    output
        Folder for the tables and results.
    recipes
        Some of fast, best, paper and frames (IC-Light on each frame by itself), with commas
        between; best@0.7 is best at intensity .7 [default: all; with --ablate fast; with
        --published auto].
    ablate
        Instead, change one setting or part of the recipe at a time.
    upscale
        Instead, make the inputs smaller and compare ways of enlarging them again.
    published
        Instead, score a folder of published results beside our own on the same sources.
    scale
        Instead, measure seconds and memory against length and size, with plots.
    peer
        Another upscaler to compare: 'name=command {in} {out}'; may be given several times.
    prompt, light, frames, model, device, seed
        As of relight run.
    factor
        How many times smaller the inputs are made with --upscale.
    settings
        NAME=VALUE, another setting of the jobs, e.g. --set side=256; may be given several times.
        With --upscale, side is the longest one that is taken of the inputs.
    overwrite
        Write into a folder that holds something, and replace what has the same names.
    """
    asked = {"ablation": ablate, "upscale": upscale, "published": published, "scale": scale}
    names = [name for name, value in asked.items() if value]
    if len(names) > 1:
        raise InputError("give one of --ablate, --upscale, --published and --scale")
    name = names[0] if names else "recipes"
    free = {"inputs": inputs, "recipes": recipes, "prompt": prompt, "light": light}
    free |= {"frames": frames, "factor": factor, "device": device, "seed": seed, "set": settings}
    _refuse_unread(name, free)
    given = Settings(
        inputs=tuple(inputs or ()),
        output=output,
        recipes=recipes
        or ("auto" if published else "fast" if ablate else "fast,best,paper,frames"),
        prompt=prompt,
        light=light,
        frames=frames,
        model=model,
        device=device,
        seed=seed,
        peers=tuple(peer or ()),
        factor=factor,
        more=dict(_setting(text) for text in settings or ()),
    )
    _check(given, name, overwrite)
    made = published_results(given, published) if name == "published" else BENCHES[name](given)
    _write(made, given)
    return 0


def _refuse_unread(name: str, given: dict[str, Any]) -> None:
    """Refuse options that a comparison doesn't read, where they aren't left at their defaults."""
    for option in UNREAD[name]:
        if given[option] not in (None, USUAL.get(option)):
            comparison = "the comparison of recipes" if name == "recipes" else FLAGS[name]
            said = "clips have" if option == "inputs" else f"--{option} has"
            raise InputError(f"{said} no effect with {comparison}: leave it out", field=option)


def _setting(text: str) -> tuple[str, Any]:
    """NAME=VALUE, the value as a job file's."""
    from relight.jobs.reading import read_yaml

    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise InputError(f"--set {text!r}: write it as NAME=VALUE", field="set", value=text)
    try:
        return name.strip().replace("-", "_"), read_yaml(value, Path("--set"))
    except InputError:
        raise InputError(f"--set {text!r}: its value is no YAML", field="set", value=text) from None


def _check(settings: Settings, name: str, overwrite: bool) -> None:
    """Refuse what can be refused before any work."""
    from relight import media

    if name != "published" and not settings.inputs:
        raise InputError("no clip was given: relight bench CLIP... -o DIR")
    if name == "scale" and len(settings.inputs) > 1:
        raise InputError(f"--scale measures one clip, not {len(settings.inputs)}: give one")
    taken: dict[str, Path] = {}
    for clip in settings.inputs:  # results, rows and sheets are called by it
        other = taken.setdefault(clip.stem, clip)
        if other is not clip:
            raise InputError(f"{other} and {clip} would be called {clip.stem}: rename one")
    if name == "upscale" and not 2 <= settings.factor <= 16:
        raise InputError(f"factor should be 2 to 16, not {settings.factor}", field="factor")
    if settings.peers and name != "upscale":
        raise InputError("a peer is compared with --upscale")
    if settings.output.exists() and not settings.output.is_dir():
        raise InputError(f"{settings.output} is a file: give a folder", path=settings.output)
    if settings.output.is_dir() and any(settings.output.iterdir()) and not overwrite:
        raise InputError(
            f"{settings.output} is not empty: give another folder, or --overwrite",
            path=settings.output,
        )
    for path in settings.inputs:
        media.probe(path)


def _write(made: Bench, settings: Settings) -> None:
    """The table, the figures, the sheet."""
    from relight.engine.bench import report
    from relight.engine.bench.sheet import contact_sheet

    command = shlex.join(_command(made.name, settings))
    text = report.table(made.rows, made.columns)
    parts = [text, made.more, f"`{command}`: {report.said(report.machine())}"]
    base = settings.output / made.name
    report.save(base.with_suffix(".json"), report.as_json(made.rows, command))
    report.save(base.with_suffix(".md"), "\n\n".join(part for part in parts if part) + "\n")
    if made.sheet:
        contact_sheet(made.sheet).save(base.with_suffix(".png"))
    print(text)  # noqa: T201


def _command(name: str, settings: Settings) -> list[str]:
    """The command that makes a bench again, with the names of files only."""
    words = ["relight", "bench", *(path.name for path in settings.inputs)]
    words += {
        "recipes": ["--recipes", settings.recipes],
        "ablation": ["--ablate", "--recipes", settings.recipes],
        "upscale": ["--upscale", "--factor", str(settings.factor)],
        "published": ["--published", "DIR"],
        "scale": ["--scale"],
    }[name]
    if name in ("recipes", "ablation", "scale"):
        words += ["--prompt", settings.prompt, "--light", settings.light]
    if name in ("recipes", "ablation", "upscale"):
        words += ["--frames", str(settings.frames)]
    words += [
        word for name, value in settings.more.items() for word in ("--set", f"{name}={value}")
    ]
    for peer in settings.peers:  # their commands name places of this machine
        words += ["--peer", f"{peer.partition('=')[0]}=... {{in}} {{out}}"]
    return [*words, "--model", Path(settings.model).name, "-o", "DIR"]
