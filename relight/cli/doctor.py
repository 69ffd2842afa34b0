"""`relight doctor`: what is installed here, and what is missing."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from relight.jobs.reading import json_of


def doctor(
    *,
    anonymous: Annotated[bool, Parameter(negative=())] = False,
    json_result: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Show versions, devices, memory, codecs and weights: relight doctor

    Parameters
    ----------
    anonymous
        Replace paths, and the names of the user and the machine: for a bug report.
    json_result
        Print JSON.
    """
    from relight.engine.doctor import examine, lines

    found = examine(hide=anonymous)
    text = json_of(found, indent=1).decode() if json_result else lines(found)
    print(text if isinstance(text, str) else "\n".join(text))  # noqa: T201
    return 0
