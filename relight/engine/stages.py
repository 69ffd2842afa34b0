"""The stages of a run, as its progress counts them: each by the seconds it is thought to take."""

from __future__ import annotations

from collections.abc import Mapping

from relight.engine.expected import Amounts, expected
from relight.engine.progress import Units


def units_of(
    amounts: Amounts, rates: Mapping[str, float], done: Mapping[str, int] | None = None
) -> dict[str, Units]:
    """The units of each stage.

    Args:
        rates: see `expected`. done: units of each stage that are done; None: of none.

    >>> units = units_of(Amounts(frames=4, megapixels=1.0), {"pace": 1.0})
    >>> units["survey"].total, units["survey"].cost, units["survey"].done
    (4, 0.012, 0)
    """
    seconds, done = expected(amounts, rates), done or {}
    return {
        stage: Units(
            total=total,
            cost=seconds.get(stage, 0.0) / total if total else 0.0,
            done=done.get(stage, 0),
        )
        for stage, total in amounts.units.items()
    }
