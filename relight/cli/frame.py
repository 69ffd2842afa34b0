"""`relight frame`: one frame of a clip as a picture, to be relit in any editor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from relight.cli.options import ReadingOptions, reading_of


def frame(
    clip: Path,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    at: float | None = None,
    reading: Annotated[ReadingOptions, Parameter(name="*")] = ReadingOptions(),  # noqa: B008
    overwrite: Annotated[bool, Parameter(name=["--overwrite", "-y"], negative=())] = False,
) -> int:
    """Export one frame to relight in an editor: relight frame clip.mp4 -o frame.png --at 1.5

    Parameters
    ----------
    clip
        A video, or pictures that make a clip.
    output
        The picture: .png, .jpg or .webp, full size, sRGB.
    at
        Seconds from the start; default: the middle, from where light is carried least far.
    overwrite
        Replace the picture if it exists.
    """
    from relight.media.frame_export import export_frame

    time = export_frame(clip, output, seconds=at, how=reading_of(reading), overwrite=overwrite)
    print(f"{output}: the frame at {float(time):.3f} s")  # noqa: T201
    return 0
