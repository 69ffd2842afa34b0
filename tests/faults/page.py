"""Writes docs/faults.md from the table: python -m tests.faults.page"""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from pathlib import Path

from tests.faults.table import FAULTS, Fault

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
HEAD = """# Faults

What can go wrong, what is done about it, and what the user sees. An error is one line without a
traceback, with an exit code that is not 0; no partial output ever has the name of a whole one. This
page is made from the table in `tests/faults/table.py` (`python -m tests.faults.page`), whose test
makes the faults for real.
"""


def page() -> str:
    """The page as it should be."""
    parts, number = [HEAD], 0
    for title, faults in FAULTS.items():
        parts.append(f"\n## {title}\n\n| | fault | what is done | what the user sees | tested |\n")
        parts.append("|---|---|---|---|---|\n")
        for fault in faults:
            number += 1
            cells = (str(number), fault.fault, fault.done, fault.seen, _tested(fault))
            parts.append(f"| {' | '.join(cell.replace('|', ' or ') for cell in cells)} |\n")
    return "".join(parts)


@functools.cache
def files_of_tests() -> dict[str, list[str]]:
    """The name of each test -> the files, below tests/, that it is in."""
    root, found = Path(__file__).parents[1], defaultdict(list)
    for file in sorted(root.rglob("test_*.py")):
        for name in re.findall(r"^def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE):
            found[name].append(str(file.relative_to(root)))
    return dict(found)


def _tested(fault: Fault) -> str:
    ways = ["for real, by the table"] if fault.make else []
    ways += [f"`{files_of_tests()[test][0]}`" for test in fault.tests]
    ways += [f"not: {fault.untested}"] if fault.untested else []
    return ", ".join(dict.fromkeys(ways))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
