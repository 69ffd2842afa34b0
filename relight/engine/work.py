"""The work folder of a run: a lock, a manifest, and one small file for each finished chunk.

It is stored beside the output (`.out.mp4.relight/`), so that the same command finds it again. Every
file appears whole or not at all: it is written under a temporary name and renamed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from relight.errors import BusyError, MediaError

if TYPE_CHECKING:
    import numpy as np
    from filelock import FileLock

LONGEST_NAME = 255
"""Bytes a file name may have on the common file systems."""
CHEAP = ("survey", "pairs", "small-", "reference-")
"""Beginnings of the names of what is quickly made anew."""
NAME = re.compile(r"\..+\.relight|(.*\.)?([0-9a-f]{8}|[0-9a-f]{16})\.relight", re.DOTALL)
"""Names of work folders."""
LOOK_S = 0.02
"""Seconds between two looks for a chunk that is not there yet."""

Arrays = Mapping[str, "np.ndarray"]


def work_folder(output: Path, given: Path | None = None) -> Path:
    """Where the run that writes `output` keeps its chunks: beside it, or in a folder of its own
    under `given`.

    >>> work_folder(Path("out.mp4")).as_posix()
    '.out.mp4.relight'
    """
    name = output.name
    if "%" in output.name:  # a sequence: its folder may not be there yet
        name = f"{output.parent.name}.{output.name}"
    if given is not None:  # there, outputs of many folders may be of one name
        place = output.parent.resolve() / output.name
        return given / _fitting(f"{name}.{_hashed(str(place), 8)}.relight")
    near = output.parent
    return (near if near.is_dir() else near.parent) / f".{_fitting(f'{name}.relight')}"


def is_work_name(name: str) -> bool:
    """Whether a folder may be of a run, by its name: beside the output, or in a folder given.

    >>> [is_work_name(f"{name}.relight") for name in (".a.mp4", "a.mp4.0123abcd", "a.mp4")]
    [True, True, False]
    """
    return NAME.fullmatch(name) is not None


def _fitting(name: str) -> str:
    """A name that a file can have, also after a dot."""
    long = len(os.fsencode(name)) >= LONGEST_NAME
    return f"{_hashed(name, 16)}.relight" if long else name


def _hashed(text: str, digits: int) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:digits]


class Work:
    """The chunks of one run on disk.

    Args:
        root: the folder; it need not exist yet.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder, which is made, for this run alone.

        Raises:
            BusyError: another run holds it. MediaError: it can't be made.
        """
        lock = self._acquire()
        try:
            yield
        finally:
            lock.release()

    def _acquire(self) -> FileLock:
        from filelock import FileLock, Timeout

        missing: OSError | None = None
        for _ in range(10):
            try:
                self.root.mkdir(parents=True, exist_ok=True)
                lock = FileLock(self.root / "lock")
                lock.acquire(timeout=0)
            except Timeout:
                raise BusyError(
                    f"another run is writing this output (it holds {self.root}): wait for it, or "
                    "give another name"
                ) from None
            except FileNotFoundError as error:
                missing = error  # the other run has just finished and removed it
                continue
            except OSError as error:
                raise self._unmade(error) from None
            if (self.root / "lock").exists():
                return lock
            lock.release()  # of a folder that was removed meanwhile
            missing = None
        if missing is not None:
            raise self._unmade(missing)
        raise BusyError(f"the work folder {self.root} can't be locked: try again")

    def _unmade(self, error: OSError) -> MediaError:
        return MediaError(
            f"the work folder {self.root} can't be made ({error.strerror}): give another with "
            "--work"
        )

    @property
    def held(self) -> bool:
        """Whether a run works in the folder now."""
        from filelock import FileLock, Timeout

        if not (self.root / "lock").exists():
            return False
        lock = FileLock(self.root / "lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        except OSError:
            return False
        lock.release()
        return False

    def path(self, name: str) -> Path:
        return self.root / f"{name}.safetensors"

    def has(self, name: str) -> bool:
        return self.path(name).exists()

    def save(self, name: str, arrays: Arrays) -> None:
        """Store arrays under a name, whole or not at all.

        Raises:
            MediaError: the disk is full, or the folder has gone.
        """
        import numpy as np
        from safetensors.numpy import save

        self.write(self.path(name), save({k: np.ascontiguousarray(v) for k, v in arrays.items()}))

    def load(self, name: str) -> dict[str, np.ndarray]:
        """What was saved under a name.

        Raises:
            MediaError: it is not there or damaged.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            return load_file(self.path(name))
        except (OSError, SafetensorError) as error:
            raise MediaError(
                f"{self.path(name)} can't be read ({error}): remove {self.root} and run again"
            ) from None

    def write(self, path: Path, content: bytes) -> None:
        """Write a file of this folder atomically."""
        part = path.with_name(f"{path.name}.{threading.get_native_id()}.part")
        try:
            part.write_bytes(content)
            os.replace(part, path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise MediaError(
                f"the work folder {self.root} can't be written ({error.strerror}): free some "
                "space, or give another with --work"
            ) from None

    def wait(self, name: str, check: Callable[[], None]) -> dict[str, np.ndarray]:
        """What is saved under a name, once it is there; `check` is called meanwhile, and may raise
        to stop the waiting."""
        while not self.has(name):
            check()
            time.sleep(LOOK_S)
        return self.load(name)

    def clear(self) -> None:
        """Remove all chunks and the manifest; the lock stays."""
        for file in self.root.iterdir():
            if file.name != "lock":
                file.unlink() if not file.is_dir() else shutil.rmtree(file)

    def remove(self) -> None:
        """Remove the folder and everything in it."""
        shutil.rmtree(self.root, ignore_errors=True)

    @property
    def has_chunks(self) -> bool:
        """Whether anything is stored that took a model."""
        return any(not file.name.startswith(CHEAP) for file in self.root.glob("*.safetensors"))
