"""Numbered pictures as a clip: `f/%05d.png`, `f/*.png`, or a folder of them."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Generator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from relight.errors import InputError, MediaError
from relight.media import stills
from relight.media.clip import DEFAULT_FPS, Frame, VideoInfo
from relight.media.formats import PICTURES
from relight.media.options import Reading
from relight.media.pixels import fitted
from relight.media.places import is_sequence, numbered_files

_DIGITS = re.compile(r"(\d+)")


def is_clip(path: Path, how: Reading) -> bool:
    """Does `path` mean pictures that make a clip together?"""
    if path.is_dir():
        return how.as_clip
    return not path.exists() and (is_sequence(path) or glob.has_magic(path.name))


def beside(path: Path, fps: Fraction, *, tonemap: bool = False) -> Reading:
    """How a file that goes with a clip of `fps` is read: pictures that make a clip together are as
    fast as that one, others keep their own times."""
    plain = Reading(as_clip=True, tonemap=tonemap)
    return replace(plain, fps=float(fps)) if fps and is_clip(path, plain) else plain


def files_of(path: Path) -> list[Path]:
    """The pictures that a pattern or a folder means, in order.

    Raises InputError where there are none.
    """
    if path.is_dir():
        found = [file for file in path.iterdir() if file.suffix.lower() in PICTURES]
    elif is_sequence(path):
        found = numbered_files(path)
    else:
        found = list(path.parent.glob(path.name))
    shown = [file for file in found if not file.name.startswith(".") and file.is_file()]
    if not shown:
        raise InputError(f"{path}: there are no pictures of that name")
    return sorted(shown, key=_natural)


def _natural(file: Path) -> list[str | int]:
    """a2 before a10."""
    parts = _DIGITS.split(file.name)
    return [int(part) if i % 2 else part for i, part in enumerate(parts)]


def probe(path: Path, how: Reading) -> VideoInfo:
    """Describe a sequence: the size of its first picture, the depth of its deepest.

    Raises as `stills.probe` does.
    """
    files = files_of(path)
    first = _probed(files[0], how)
    # One of the others may be deeper, or the first that is transparent. OpenEXR is all there is.
    each = [first] if first.depth == 32 else [first, *(_probed(file, how) for file in files[1:])]
    rate = Fraction(how.fps).limit_denominator(1001) if how.fps else DEFAULT_FPS
    notes = [note for note in first.notes if note != "a single image"]
    if not how.fps:
        notes.append(f"pictures have no frame rate: {rate} a second; --fps sets it")
    if missing := _missing(path, files):
        notes.append(f"the numbers {missing} are missing; the next ones follow at once")
    return replace(
        first,
        path=path,
        fps=rate,
        duration=float(len(files) / rate),
        frames=len(files),
        notes=tuple(notes),
        kind="sequence",
        depth=max(info.depth for info in each),
        alpha=any(info.alpha for info in each),
        grey=all(info.grey for info in each),
        reading=how,
    )


def _probed(file: Path, how: Reading = Reading()) -> VideoInfo:  # noqa: B008 - frozen
    kind = stills.kind_of(file)
    if kind is None:
        raise MediaError(f"{file}: not a picture; a sequence is made of pictures")
    return stills.probe(file, kind, replace(how, fps=None, as_clip=False))


def _missing(path: Path, files: list[Path]) -> str:
    """The numbers left out between the first and the last, of a pattern."""
    if not is_sequence(path):
        return ""
    found = [int(_DIGITS.findall(file.stem)[-1]) for file in files]
    gaps = [(a + 1, b - 1) for a, b in pairwise(found) if b > a + 1]
    named = [str(a) if a == b else f"{a} to {b}" for a, b in gaps[:3]]
    return ", ".join(named) + (" ..." if len(gaps) > 3 else "")


def read(path: Path, how: Reading, on_note: Callable[[str], None]) -> Generator[Frame, None, None]:
    """Yield the pictures as frames, one in memory at a time; other sizes get bars."""
    rate = Fraction(how.fps).limit_denominator(1001) if how.fps else DEFAULT_FPS
    info, noted = _probed(files_of(path)[0], how), False
    size = (info.width, info.height)
    for index, file in enumerate(files_of(path)):
        kind = stills.kind_of(file)
        if kind is None:
            raise MediaError(f"{file}: not a picture; a sequence is made of pictures")
        frame = next(stills.read(file, kind, how))
        image, alpha = frame.image, frame.alpha
        if image.shape[1::-1] != size:
            if not noted:
                on_note(f"{file.name} and others are fitted into {size[0]}x{size[1]} with bars")
            noted = True
            image = fitted(image, size)
            alpha = None if alpha is None else fitted(alpha, size)
        yield Frame(image, index / rate, alpha, 1 / rate)
