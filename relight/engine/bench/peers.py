"""Other people's tools, by a command line template: `name=command {in} {out}`."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

from relight.errors import InputError, RelightError

LIMIT_S = 3600
"""After so many seconds a peer is given up."""


@dataclass(frozen=True)
class Peer:
    """A tool that makes a file from a file.

    Attributes:
        name: in the table. command: its words; {in} and {out} stand for the files.
    """

    name: str
    command: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Peer:
        """A template as it is typed.

        >>> Peer.parse("copy=cp {in} {out}")
        Peer(name='copy', command=('cp', '{in}', '{out}'))
        """
        name, equals, command = text.partition("=")
        try:
            words = tuple(shlex.split(command))
        except ValueError as error:
            raise InputError(f"peer {text!r}: {error}", field="peer", value=text) from None
        whole = " ".join(words)
        if not equals or not name.strip() or "{in}" not in whole or "{out}" not in whole:
            raise InputError(
                f"peer is {text!r}: write it as 'name=command {{in}} {{out}}'",
                field="peer",
                value=text,
            )
        return cls(name.strip(), words)

    def run(self, source: Path, target: Path) -> None:
        """Make `target` from `source`.

        Raises:
            RelightError: the command is not there, fails, takes too long, or writes nothing.
        """
        words = [w.replace("{in}", str(source)).replace("{out}", str(target)) for w in self.command]
        try:
            done = subprocess.run(
                words, capture_output=True, text=True, errors="replace", timeout=LIMIT_S
            )
        except OSError as error:
            raise RelightError(f"peer {self.name}: {words[0]}: {error.strerror}") from None
        except subprocess.TimeoutExpired:
            raise RelightError(f"peer {self.name} took more than {LIMIT_S} s") from None
        if done.returncode or not target.exists():
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise RelightError(f"peer {self.name} made no {target.name}: {last[:200]}")
