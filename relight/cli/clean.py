"""`relight clean`: removes what runs that were killed have left behind."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from relight.errors import InputError


def clean(
    folders: list[Path],
    /,
    *,
    dry_run: Annotated[bool, Parameter(name="--dry-run", negative=())] = False,
) -> int:
    """Remove what stopped runs have left: relight clean out/

    A run that was stopped then begins afresh: its finished chunks are gone, too. The files of runs
    that are still going are left alone.

    Parameters
    ----------
    folders
        Searched to any depth for work folders (.NAME.relight, and those under --work) and parts of
        outputs.
    dry_run
        Print what would be removed; remove nothing.
    """
    from relight.engine.clean import abandoned, remove
    from relight.engine.plan_text import size

    total = 0
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder} is not a folder")
        for left in list(abandoned(folder)):
            print(f"{left.path} ({size(left.size)}, {left.what})")  # noqa: T201
            total += left.size
            if not dry_run:
                remove(left)
    print(f"{size(total) if total else 'nothing'} {'to remove' if dry_run else 'removed'}")  # noqa: T201
    return 0
