"""`relight ui`: the studio."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def ui(
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    auth: list[str] | None = None,
    share: Annotated[bool, Parameter(negative=())] = False,
    max_file_size: str = "2gb",
    outputs: Path = Path("out/studio"),
    quota_gb: float = 20.0,
) -> int:
    """Open the studio, an app in the browser: relight ui

    Parameters
    ----------
    host
        Address to listen at; 0.0.0.0 lets other machines in: give --auth then.
    port
        The port; default: the first free one from 7860.
    auth
        NAME:PASSWORD that is asked for; may be given several times.
    share
        Make a public link through Gradio's servers, for 72 hours.
    max_file_size
        Largest upload, e.g. 500mb.
    outputs
        Folder of the results.
    quota_gb
        Gigabytes of results that each visitor may keep; above it the oldest are removed.
    """
    from relight.ui.serve import Options as Serving
    from relight.ui.serve import serve

    serve(
        Serving(
            host=host,
            port=port,
            auth=tuple(auth or ()),
            share=share,
            max_file_size=max_file_size,
            outputs=outputs,
            quota_gb=quota_gb,
        )
    )
    return 0
