"""A contact sheet: rows of frames with captions, as one PNG.

python -m examples.contact_sheet sheet.png source.mp4 relit.mp4
"""

from __future__ import annotations

import sys
from pathlib import Path

from relight.engine.bench.sheet import contact_sheet, spread


def main() -> None:
    """Write a sheet of the clips named on the command line."""
    target, *clips = sys.argv[1:]
    contact_sheet({Path(clip).stem: spread(clip, 5) for clip in clips}).save(target)


if __name__ == "__main__":
    main()
