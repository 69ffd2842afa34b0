"""Files that a visitor has brought: kept in a folder of their own, known to the page by an id only.

    outputs/<visitor>/files/<id>/<name>

A page uploads to Gradio's cache and hands the place of the upload over once; from then on neither
page nor server speak of a path.
"""

from __future__ import annotations

import os
import re
import shutil
import time
import unicodedata
from pathlib import Path

from relight.errors import InputError, MediaError
from relight.ui.shelf import is_id, new_id

LONGEST_NAME = 120
"""Bytes of a file's name that are kept."""
KEPT_SECONDS = 24 * 3600
"""Files that were not used for a day are removed."""
FRESH_SECONDS = 600
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f/\\%*?"<>|{}\ud800-\udfff]')


class Files:
    """The files of one visitor.

    Args:
        root: the visitor's folder; made when the first file comes.
        uploads: the only folder that files are taken from.
    """

    def __init__(self, root: Path, uploads: Path) -> None:
        self.root, self.uploads = root / "files", uploads

    def take(self, path: object, name: str) -> str:
        """Take an upload over; the answer is its id.

        Raises:
            InputError: it is not an upload.
        """
        upload = self._upload(path)
        return self.copy(upload, name)

    def copy(self, upload: Path, name: str = "") -> str:
        """Keep a file that the server itself trusts; the answer is its id."""
        target = self.new_place(name or upload.name)
        try:
            place(upload, target)
        except OSError as error:
            shutil.rmtree(target.parent, ignore_errors=True)
            raise MediaError(f"{target.name} can't be stored ({error.strerror})") from None
        return target.parent.name

    def new_place(self, name: str) -> Path:
        """Where a new file of this name goes; its folder's name is its id."""
        folder = self.root / new_id()
        folder.mkdir(parents=True, mode=0o700)
        return folder / clean_name(name)

    def get(self, id: object) -> Path:
        """The file with this id.

        Raises:
            InputError: this visitor has none such.
        """
        if is_id(id):
            found = [file for file in (self.root / str(id)).glob("*") if file.is_file()]
            if len(found) == 1:
                if _age(found[0].parent) > FRESH_SECONDS:
                    os.utime(found[0].parent)  # it is in use
                return found[0]
        raise InputError("this file is not there any more: choose it again")

    def find(self, id: object) -> Path | None:
        """The file with this id, if there is one."""
        try:
            return self.get(id)
        except InputError:
            return None

    def drop(self, id: str) -> None:
        """Remove a file."""
        shutil.rmtree(self.get(id).parent, ignore_errors=True)

    def sweep(self) -> None:
        """Remove files that were not used for long."""
        for folder in self.root.glob("*"):
            if _age(folder) > KEPT_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)

    def _upload(self, path: object) -> Path:
        try:
            upload = Path(str(path)).resolve(strict=True)
            known = isinstance(path, str) and upload.is_relative_to(self.uploads.resolve())
            if known and upload.is_file():
                return upload
        except (OSError, ValueError, RuntimeError):
            pass
        raise InputError("this is not an upload: choose the file again")


def place(file: Path, target: Path) -> None:
    """A file at a second place: it outlives the first one there."""
    try:
        os.link(file.resolve(), target)
    except OSError:  # another disk
        shutil.copyfile(file, target)


def clean_name(name: str) -> str:
    """A visitor's file name, kept but for what a path or a shell would take for more.

    >>> clean_name("Ünser Film (1) [final].MOV"), clean_name("../../etc/passwd")
    ('Ünser Film (1) [final].MOV', 'passwd')
    """
    plain = unicodedata.normalize("NFC", name.replace("\\", "/").rsplit("/", 1)[-1])
    plain = _FORBIDDEN.sub("_", plain).strip().lstrip(".-~").strip()
    stem, dot, ending = plain.rpartition(".")
    stem, ending = (stem, ending) if dot and stem.strip() and len(ending) <= 5 else (plain, "")
    room = LONGEST_NAME - len(ending.encode()) - 1
    stem = stem.encode()[:room].decode(errors="ignore").strip() or "clip"
    return f"{stem}.{ending}" if ending else stem


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0
