"""Where an output goes: one file or a numbered sequence, hidden until it is whole."""

import errno
import os
import re
import secrets
import shutil
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path

from relight.errors import MediaError
from relight.media.formats import NUMBERED

_ENDINGS = "|".join(re.escape(extension) for extension in NUMBERED)
# One number and no other % in the name: "%d.png", "shot_%05d.exr".
_NUMBERED = re.compile(rf"([^%]*)%(?:0[1-9])?d([^%]*(?i:{_ENDINGS}))")


def is_sequence(path: Path) -> bool:
    """Does `path` stand for numbered pictures (`frames/%05d.png`)?"""
    return bool(_NUMBERED.fullmatch(path.name))


def first_file(path: Path) -> Path:
    """The first picture of a sequence, `frames/00001.png`; any other path as it is."""
    return path.with_name(path.name % 1) if is_sequence(path) else path


def numbered_files(path: Path) -> list[Path]:
    """Every file that belongs to the sequence `path` by its name, whatever its number."""
    named = _NUMBERED.fullmatch(path.name)
    if named is None or not path.parent.is_dir():
        return []
    head, tail = named.groups()
    numbered = re.compile(re.escape(head) + r"([0-9]+)" + re.escape(tail))
    found = ((name, numbered.fullmatch(name)) for name in os.listdir(path.parent))
    names = [
        name
        for name, match in found
        if match and len(match[1]) < 20 and path.name % int(match[1]) == name
    ]
    return [path.parent / name for name in sorted(names)]


class Place(ABC):
    """Where an output goes; writers write to `part`, a hidden name that only this run knows."""

    def __init__(self, path: Path, scratch: Path | None = None) -> None:
        self.path = path
        self.folder = path.parent
        self.near = self.folder  # the folder that is there already; the part is made in it
        self.scratch = scratch
        self.part = _part(path, scratch)

    @abstractmethod
    def taken(self) -> list[Path]:
        """What is there now under the names that this output uses."""

    @abstractmethod
    def move_in(self) -> None:
        """Give the finished part its own name, in the place of what was there."""

    def remove(self) -> None:
        """Remove the part, if there is one."""
        _remove(self.part)


class File(Place):
    """One file."""

    def taken(self) -> list[Path]:
        return [self.path] if os.path.lexists(self.path) else []

    def move_in(self) -> None:
        _move(self.part, self.path)


class Sequence(Place):
    """Numbered pictures in a folder, which is made where its parent is there.

    The part is a folder: in the pictures' own one, or beside that while it is not made yet.
    """

    def __init__(self, path: Path, scratch: Path | None = None) -> None:
        super().__init__(path, scratch)
        if not os.path.lexists(self.folder):
            self.near = self.folder.parent
            self.part = _part(self.folder, scratch)

    def taken(self) -> list[Path]:
        """Every picture that belongs to the sequence by its name, whatever its number."""
        return numbered_files(self.path)

    def move_in(self) -> None:
        """All pictures or none: whatever stops the moving, it is taken back."""
        if not os.path.lexists(self.folder):
            _move(self.part, self.folder)
            return
        if self.scratch is not None:  # a file system of its own, perhaps: come beside them first
            near = _part(self.path, None)
            _move(self.part, near)
            self.part = near
        new, old = sorted(self.part.iterdir()), self.part / "old"
        old.mkdir()
        moves = [(file, old / file.name) for file in self.taken()]
        moves += [(file, self.folder / file.name) for file in new]
        done = []
        try:
            for here, there in moves:
                os.rename(here, there)
                done.append((here, there))
        except BaseException:
            for here, there in reversed(done):
                os.rename(there, here)
            raise
        self.remove()


def place(path: Path, scratch: Path | None = None) -> Place:
    """The place that `path` means; its part is made in `scratch`, or beside it."""
    return Sequence(path, scratch) if is_sequence(path) else File(path, scratch)


def _move(part: Path, path: Path) -> None:
    """Rename a file, or a folder of files; from another file system, by a copy beside the target,
    so that it appears whole."""
    try:
        os.replace(part, path)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        copy = _part(path, None)
        try:
            _copy(part, copy)
            os.replace(copy, path)
        finally:
            _remove(copy)
        _remove(part)


def _copy(part: Path, copy: Path) -> None:
    if not part.is_dir():
        shutil.copyfile(part, copy)
        return
    copy.mkdir()
    for file in part.iterdir():
        shutil.copyfile(file, copy / file.name)


def _remove(part: Path) -> None:
    if part.is_dir():
        shutil.rmtree(part, ignore_errors=True)
    else:
        part.unlink(missing_ok=True)


def _part(path: Path, scratch: Path | None) -> Path:
    """A hidden name in `scratch` or beside `path`; random: two runs never write into one file."""
    ending = f".{secrets.token_hex(3)}.part{path.suffix}"
    stem = os.fsencode(path.stem)[: 250 - len(ending)].decode(errors="ignore")  # names: 255 bytes
    # Absolute, so that no part of a name ("a:b.mp4") is taken for a protocol.
    folder = path.absolute().parent if scratch is None else scratch.absolute()
    return folder / f".{stem}{ending}"


def check_folder(folder: Path, path: Path) -> None:
    """Raise MediaError where a folder takes no file, which was to be `path`."""
    try:
        with tempfile.TemporaryFile(dir=folder):  # rights alone do not tell: read-only disks
            pass
    except OSError as error:
        raise MediaError(
            f"{path} cannot be written ({error.strerror}): choose another folder"
        ) from None
