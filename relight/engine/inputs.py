"""Many inputs -> many jobs: names for the outputs, and what goes with which."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable
from pathlib import Path

from relight.errors import InputError
from relight.jobs.files import JOB_FILES
from relight.media.formats import READ, WRITTEN, format_of

_NAMED = 5  # files that are not read are named up to so many


def pair_up(
    inputs: list[Path],
    output: Path | None,
    *,
    as_clip: bool = False,
    fps: float | None = None,
    on_note: Callable[[str], None] = lambda note: None,
) -> list[tuple[Path, Path]]:
    """(input, output) for each clip among `inputs`: files, or folders of files (not deeper).

    One input file goes to `output`, or into it where it is a folder or ends with a slash; several
    need a folder, which is made. Names stay; extensions that can't be written become .mp4, or .png
    for pictures. Hidden files are passed over; others that are not read are named once.

    Args:
        as_clip: a folder is one input, a clip made of its pictures.
        fps: with a rate, several pictures are one clip too: f/*.png is, as the shell expands it.
        on_note: called with a line for people.

    Raises:
        InputError: no output, an empty folder, a pattern of clips, a file name where a folder is
            needed, an output that is its input, or two inputs that would write one file.
    """
    if output is None:
        raise InputError("no output: add -o out.mp4, or -o DIR/ for several inputs")
    if len(inputs) > 1 and (as_clip or fps):
        inputs = _one_clip(inputs)
    files = [file for given in inputs for file in _files(given, as_clip, on_note)]
    folders = [given for given in inputs if given.is_dir() and not as_clip]
    into_folder = str(output).endswith("/") or output.is_dir() or len(files) > 1 or bool(folders)
    if not into_folder:
        return [(files[0], output)]
    _check_folder(output, files, bool(folders))
    pairs = [(file, output / output_name(file)) for file in files]
    taken: dict[Path, Path] = {}
    for file, target in pairs:
        if target.exists() and file.exists() and os.path.samefile(target, file):
            raise InputError(f"{target} is the input itself: give another folder for the outputs")
        if target in taken:
            raise InputError(f"{taken[target]} and {file} would both be written to {target}")
        taken[target] = file
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"can't make the folder {output}: {error.strerror}") from None
    return pairs


def _one_clip(inputs: list[Path]) -> list[Path]:
    """Pictures of one folder as the pattern that a shell has expanded to them; others stay."""
    folders, endings = {file.parent for file in inputs}, {file.suffix for file in inputs}
    if len(folders) > 1 or len(endings) > 1 or not all(map(_is_picture, inputs)):
        return inputs
    (folder,), (ending,) = folders, endings
    names = [file.name for file in inputs]
    head = os.path.commonprefix(names).removesuffix(ending)  # noqa: RUF071 - characters are meant
    pattern = f"{glob.escape(head)}*{ending}"
    there = {file for file in folder.glob(pattern) if not file.name.startswith(".")}
    if there != set(inputs):
        raise InputError(
            f"{len(inputs)} pictures are not all of {folder / pattern}: for a clip of some, give "
            "them a folder of their own"
        )
    return [folder / pattern]


def _is_picture(file: Path) -> bool:
    known = format_of(file)
    return known is not None and known.kind == "picture" and file.is_file()


def _check_folder(output: Path, files: list[Path], from_folders: bool) -> None:
    """Refuse a file's name for a folder of outputs: no folder is ever called b.mp4."""
    if output.exists() and not output.is_dir():
        raise InputError(f"{_counted(files)} a folder as output, and {output} is a file")
    if not output.is_dir() and output.suffix.lower() in WRITTEN:
        hint = ""
        if from_folders or all(map(_is_picture, files)):
            option = "--as-clip" if from_folders else "--fps"
            hint = f", or {option} to make one clip of its pictures"
        raise InputError(
            f"{output} is the name of a file, and {_counted(files)} a folder: "
            f"give one (-o {output.stem}/){hint}"
        )


def _counted(files: list[Path]) -> str:
    return "a folder of inputs needs" if len(files) == 1 else f"{len(files)} inputs need"


def _files(given: Path, as_clip: bool, on_note: Callable[[str], None]) -> list[Path]:
    known = format_of(given)
    if glob.has_magic(given.name) and not given.exists() and (not known or known.kind != "picture"):
        raise InputError(
            f"{given} is a pattern: leave out its quotes, so that the shell fills it in, or use "
            "`relight batch`"
        )
    if not given.is_dir() or as_clip:
        return [given]
    # Hidden ones, among them the ._name that a Mac stores beside each file on foreign disks.
    there = sorted(path for path in given.iterdir() if not path.name.startswith("."))
    found = [path for path in there if path.suffix.lower() in READ and path.is_file()]
    rest = [path for path in there if path not in found and path.suffix.lower() not in JOB_FILES]
    if rest:
        names = ", ".join(path.name + "/" * path.is_dir() for path in rest[:_NAMED])
        more = f" and {len(rest) - _NAMED} more" if len(rest) > _NAMED else ""
        on_note(f"{given}: not read: {names}{more}")
    if not found:
        raise InputError(f"the folder {given} holds no clips or pictures")
    return found


def output_name(file: Path) -> str:
    """The name of an input's output in a folder."""
    if file.is_dir():
        return file.name + ".mp4"
    if not file.exists() and ("%" in file.name or glob.has_magic(file.name)):
        return (file.parent.name or "clip") + ".mp4"
    if file.suffix.lower() in WRITTEN:
        return file.name
    known = format_of(file)
    return file.stem + (".png" if known and known.kind == "picture" else ".mp4")
