"""Serving the studio: what `relight ui` does once its options are read."""

from __future__ import annotations

import atexit
import math
import os
import shutil
import socket
import sys
import tempfile
import threading
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from relight.errors import InputError

if TYPE_CHECKING:
    from gradio import Blocks

    from relight.ui.studio import Studio

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "clips" / "big_buck_bunny.mp4"


def logins(pairs: tuple[str, ...]) -> list[tuple[str, str]]:
    """`name:password` texts as pairs.

    Raises:
        InputError: one of them is not of that form.
    """
    parts = [pair.partition(":") for pair in pairs]
    found = [(name, password) for name, _, password in parts]
    if not all(name and password for name, password in found):
        raise InputError("--auth is NAME:PASSWORD, both of them given")
    return found


@dataclass(frozen=True, kw_only=True)
class Options:
    """How the studio is served.

    Attributes:
        host, port: where it listens; the first free port from 7860 where none is given.
        auth: `name:password` texts; none: no login. share: a public link by Gradio's servers.
        max_file_size: of an upload, e.g. "500mb". outputs: folder of the results.
        quota_gb: gigabytes of results that each visitor may keep; above it the oldest go.
    """

    host: str = "127.0.0.1"
    port: int | None = None
    auth: tuple[str, ...] = ()
    share: bool = False
    max_file_size: str = "2gb"
    outputs: Path = Path("out/studio")
    quota_gb: float = 20.0

    @property
    def local(self) -> bool:
        """Whether only this computer can reach it."""
        return self.host in LOOPBACK and not self.share


def serve(options: Options) -> None:
    """Serve the studio until interrupted.

    Raises:
        InputError: Gradio is not installed, or an option is wrong.
    """
    served = launch(options)
    _tell(served.address, open_to_all=not options.local and not options.auth)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        print("relight: the studio is closed", file=sys.stderr)  # noqa: T201
    finally:
        served.close()


@dataclass(frozen=True)
class Served:
    """A studio that is being served at `address`."""

    page: Blocks
    studio: Studio
    address: str

    def close(self) -> None:
        self.studio.close()
        self.page.close(verbose=False)


def launch(options: Options) -> Served:
    """Start serving and come back.

    Raises:
        InputError: Gradio is not installed, or an option is wrong.
    """
    _check_address(options.host, options.port)
    if not 0 < options.quota_gb < math.inf:
        raise InputError(f"--quota-gb should be above 0, not {options.quota_gb}")
    if find_spec("gradio") is None:
        raise InputError("the studio needs Gradio: pip install 'relight[ui]'")
    users = logins(options.auth)
    _set_environment()
    from starlette.middleware import Middleware

    from relight.ui import theme
    from relight.ui.app import build, warm
    from relight.ui.guard import Guard
    from relight.ui.mcp_files import accept_uploads

    studio = _studio(options)
    page = build(studio, EXAMPLE)
    warm()
    studio.keeper.start()
    try:
        _, address, public = page.launch(
            server_name=options.host,
            server_port=options.port,
            share=options.share,
            auth=users or None,
            max_file_size=options.max_file_size,
            allowed_paths=[str(studio.outputs), str(EXAMPLE)],
            blocked_paths=[str(studio.secret_file)],
            mcp_server=find_spec("mcp") is not None and not users,  # it knows no logins
            app_kwargs={"middleware": [Middleware(Guard, local=options.local)]},
            theme=theme.theme(),
            head=theme.page(),
            footer_links=["api"],
            prevent_thread_lock=True,
            show_error=False,
            ssr_mode=False,
            quiet=True,
        )
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"the studio can't be served: {reason}") from None
    accept_uploads(page, Path(os.environ["GRADIO_TEMP_DIR"]))
    return Served(page, studio, public or address)


def _studio(options: Options) -> Studio:
    """Where the studio keeps what it makes, within the limits that were given."""
    from gradio.utils import _parse_file_size

    from relight.ui.studio import Studio

    try:
        limit = _parse_file_size(options.max_file_size) or 0
    except ValueError:
        limit = 0
    if limit <= 0:
        raise InputError(f"--max-file-size is like 500mb, not {options.max_file_size}")
    try:
        return Studio(options.outputs, limit, int(options.quota_gb * 1e9))
    except OSError as error:
        raise InputError(
            f"can't write to {options.outputs} ({error.strerror}): give --outputs"
        ) from None


def _check_address(host: str, port: int | None) -> None:
    """Refuse what nothing can listen at, before Gradio, which would try for ever."""
    if port is not None and not 0 < port < 2**16:
        raise InputError(f"--port should be 1 to 65535, not {port}")
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, proto) as listener:
            listener.bind(address)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "no name of a machine"
        raise InputError(
            f"--host {host} is no address of this machine ({reason}): use 127.0.0.1 or 0.0.0.0"
        ) from None


def _set_environment() -> None:
    """Before Gradio is imported: no calls home, and an upload cache that nobody else reads."""
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ.setdefault("DIFFUSERS_DISABLE_REMOTE_CODE", "true")
    if "GRADIO_TEMP_DIR" not in os.environ:
        cache = tempfile.mkdtemp(prefix="relight-studio-")
        os.environ["GRADIO_TEMP_DIR"] = cache
        atexit.register(shutil.rmtree, cache, ignore_errors=True)


def _tell(address: str, open_to_all: bool) -> None:
    print(f"relight: the studio is at {address} (stop with Ctrl+C)", file=sys.stderr)  # noqa: T201
    if open_to_all:
        print(  # noqa: T201
            "relight: everybody who reaches this machine can use it: --auth NAME:PASSWORD",
            file=sys.stderr,
        )
