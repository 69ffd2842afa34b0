"""What is kept, and for how long: a quota for results, a day for what nobody needs any more."""

from __future__ import annotations

import contextlib
import logging
import shutil
import threading
import time
from pathlib import Path

from relight.ui.files import Files
from relight.ui.shelf import Entry, Shelf, is_id

log = logging.getLogger(__name__)

EVERY_SECONDS = 600
DAY_SECONDS = 24 * 3600


class Keeper:
    """Looks through the visitors' folders now and then.

    Args:
        outputs: folder of all visitors. quota: bytes of results that each may keep; the oldest are
            removed above it.
    """

    def __init__(self, outputs: Path, quota: int) -> None:
        self._outputs, self._quota = outputs, quota
        self._notes: dict[str, str] = {}
        self._over = threading.Event()

    def start(self) -> None:
        """Look now, and again until `stop`."""
        threading.Thread(target=self._loop, name="relight-keeper", daemon=True).start()

    def stop(self) -> None:
        self._over.set()

    def note(self, owner: str) -> str:
        """What was removed of a visitor, in words; "" if nothing was."""
        return self._notes.get(owner, "")

    def look(self) -> None:
        """Remove what is over its time, and the oldest results above the quota."""
        for folder in self._outputs.iterdir():
            if not is_id(folder.name) or not folder.is_dir():
                continue
            try:
                self._look_at(Shelf(folder))
                if time.time() - folder.stat().st_mtime > DAY_SECONDS:
                    with contextlib.suppress(OSError):  # it is not empty
                        folder.rmdir()
            except OSError as error:
                log.warning("%s can't be looked through: %s", folder, error)

    def _look_at(self, shelf: Shelf) -> None:
        shelf.sweep()
        Files(shelf.root, shelf.root).sweep()
        entries = shelf.entries()
        for entry in entries:
            if entry.caller == "api" and time.time() - entry.when > DAY_SECONDS:
                shutil.rmtree(entry.folder, ignore_errors=True)
        self._hold(shelf, [entry for entry in entries if entry.folder.is_dir()])

    def _hold(self, shelf: Shelf, entries: list[Entry]) -> None:
        """Keep the newest results that fit into the quota; the very newest always."""
        total, gone = 0, []
        for number, entry in enumerate(entries):
            total += entry.bytes
            if number and total > self._quota:
                gone.append(entry.name)
                total -= entry.bytes
                shutil.rmtree(entry.folder, ignore_errors=True)
        if gone:
            more = f" and {len(gone) - 1} more" if len(gone) > 1 else ""
            quota = f"{self._quota / 1e9:.0f} GB"
            self._notes[shelf.root.name] = f"{gone[0]}{more} was removed to stay within {quota}."

    def _loop(self) -> None:
        while not self._over.is_set():
            self.look()
            self._over.wait(EVERY_SECONDS)
