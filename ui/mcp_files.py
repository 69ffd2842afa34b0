"""Files for assistants: the tools take what the studio's own upload gave.

Gradio's tools fetch files by URL, and refuse this computer's own for safety. So the path or the
address of an upload, which an assistant gets from `/gradio_api/upload`, is recognised here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from gradio_client import handle_file

ADDRESS = "/gradio_api/file="


def accept_uploads(page: Any, uploads: Path) -> None:
    """Let the MCP tools of a page take files of its upload folder by path or address."""
    server = getattr(page, "mcp_server_obj", None)
    if server is not None:
        server.convert_strings_to_filedata = converting(
            server.convert_strings_to_filedata, uploads.resolve()
        )


def converting(others: Callable[..., Any], uploads: Path) -> Callable[..., Any]:
    """Gradio's conversion of a call's files, after our own: positions that name an upload.

    >>> convert = converting(lambda value, positions: (value, positions), Path("/nowhere"))
    >>> convert({"clip": "/etc/passwd"}, [["clip"]])
    ({'clip': '/etc/passwd'}, [['clip']])
    """

    def convert(value: Any, positions: list[list[str | int]]) -> Any:
        left = []
        for position in positions:
            holder: Any = value
            try:
                for key in position[:-1]:
                    holder = holder[key]
                file = _upload(holder[position[-1]], uploads)
            except (KeyError, IndexError, TypeError):  # a parameter that is not given
                file = None
            if file is None:
                left.append(position)
            else:
                holder[position[-1]] = handle_file(str(file))
        return others(value, left)

    return convert


def _upload(text: Any, uploads: Path) -> Path | None:
    """The upload that a text names, by its path or by its address here."""
    if not isinstance(text, str) or text.startswith("data:"):
        return None
    if text.startswith(("http://", "https://")):
        if ADDRESS not in text:
            return None
        text = unquote(text.partition(ADDRESS)[2])
    try:
        file = Path(text).resolve(strict=True)
    except (OSError, ValueError, RuntimeError):
        return None
    return file if file.is_relative_to(uploads) and file.is_file() else None
