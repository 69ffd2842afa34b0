"""Where a mask comes from, and how it is kept steady.

A mask is a matte: (frames, 1, h, w) in [0, 1], soft at its edges. `grabcut.py` finds the subject of
a clip with no network, or follows what `seeds.py` points out; `fine.py` gives it its thin parts.
`sam2.py` does both with SAM 2, `network.py` with a network of the user's own. `files.py` reads
masks that somebody else has made. `steady.py` averages along the flow and carries a matte to any
size.
"""

from relight.masks.cutting import Colours
from relight.masks.grabcut import CONTEXT, Subject, colours_of, find_subject
from relight.masks.seeds import Box, Click, Known, Seed
from relight.masks.steady import GATHER, guided, resized
from relight.masks.surface import subject_surface

__all__ = [
    "CONTEXT",
    "GATHER",
    "Box",
    "Click",
    "Colours",
    "Known",
    "Seed",
    "Subject",
    "colours_of",
    "find_subject",
    "guided",
    "resized",
    "subject_surface",
]
