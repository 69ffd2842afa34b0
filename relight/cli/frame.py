"""`relight frame`: one frame of a clip as a picture, to be relit in any editor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def frame(
    clip: Path,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    at: float | None = None,
    overwrite: Annotated[bool, Parameter(name=["--overwrite", "-y"], negative=())] = False,
) -> int:
    """Export one frame to relight in an editor: relight frame clip.mp4 -o frame.png --at 1.5

    Parameters
    ----------
    clip
        A video.
    output
        The picture: .png, .jpg or .webp, full size, sRGB.
    at
        Seconds from the start; default: the middle, from where light is carried least far.
    overwrite
        Replace the picture if it exists.
    """
    from relight.media.frame_export import export_frame

    time = export_frame(clip, output, seconds=at, overwrite=overwrite)
    print(f"{output}: the frame at {float(time):.3f} s")  # noqa: T201
    return 0
