"""A job's light, ready to be used."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from relight.lights.base import Light, parse_light

log = logging.getLogger(__name__)


def resolve(light: str | Light | Sequence[str | Light]) -> Light:
    """A job's light, its files checked; what may surprise is logged.

    Raises:
        InputError: one line that names the value and what to use.

    >>> light = resolve("point:x=.2,y=.3")
    >>> light.moving, light.level_map(90, 160, 2.5).shape
    (False, (90, 160, 3))
    """
    found = parse_light(light)
    found.check()
    for note in found.notes():
        log.warning("%s", note)
    return found
