"""Many inputs -> many jobs: names for the outputs, and what goes with which."""

from __future__ import annotations

from pathlib import Path

from relight.errors import InputError

MEDIA = {
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mpg", ".mpeg", ".gif"),
    *(".png", ".jpg", ".jpeg", ".webp"),
}
_WRITABLE = {".mp4", ".mov", ".mkv", ".webm", ".gif", ".png", ".jpg", ".jpeg", ".webp"}


def pair_up(inputs: list[Path], output: Path | None) -> list[tuple[Path, Path]]:
    """(input, output) for each clip among `inputs`: files, or folders of files (not deeper).

    One input file goes to `output`, or into it where it is a folder or ends with a slash; several
    need a folder, which is made. Names stay, endings that can't be written become .mp4.

    Raises:
        InputError: no output, an empty folder, or two inputs that would write one file.
    """
    if output is None:
        raise InputError("no output: add -o out.mp4, or -o DIR/ for several inputs")
    files = [file for given in inputs for file in _files(given)]
    into_folder = str(output).endswith("/") or output.is_dir() or len(files) > 1
    into_folder = into_folder or any(given.is_dir() for given in inputs)
    if not into_folder:
        return [(files[0], output)]
    if output.exists() and not output.is_dir():
        raise InputError(f"{len(files)} inputs need a folder as output, and {output} is a file")
    pairs = [(file, output / _name(file)) for file in files]
    taken: dict[Path, Path] = {}
    for file, target in pairs:
        if target in taken:
            raise InputError(f"{taken[target]} and {file} would both be written to {target}")
        taken[target] = file
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"can't make the folder {output}: {error.strerror}") from None
    return pairs


def _files(given: Path) -> list[Path]:
    if not given.is_dir():
        return [given]
    found = sorted(p for p in given.iterdir() if p.suffix.lower() in MEDIA and p.is_file())
    if not found:
        raise InputError(f"the folder {given} holds no clips or pictures")
    return found


def _name(file: Path) -> str:
    return file.name if file.suffix.lower() in _WRITABLE else file.stem + ".mp4"
