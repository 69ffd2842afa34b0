"""What all parts of the app share: where results lie, who is who, which model is in memory."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from relight.errors import RelightError
from relight.models.catalogue import CATALOGUE, UPSCALERS
from relight.models.hub import is_here
from relight.ui.runs import Run, free_memory
from relight.ui.shelf import Shelf, is_id, new_id


class Studio:
    """The state of one server.

    Args:
        outputs: folder of the results; made when needed.
    """

    def __init__(self, outputs: Path) -> None:
        self.outputs = outputs.absolute()
        self.outputs.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._secret = self._server_secret()
        self._running: dict[str, Run] = {}
        self._device = threading.Lock()
        self._loaded: tuple[Any, Any] | None = None

    @property
    def secret_file(self) -> Path:
        return self.outputs / ".secret"

    def user(self, browser: object, request: gr.Request | None) -> str:
        """The id of the user of a request.

        With logins it is derived from the login, whatever the browser claims; without, it is the
        random id that the browser keeps, or a new one where it has none.
        """
        login = getattr(request, "username", None)
        if login:
            return hmac.new(self._secret, login.encode(), hashlib.sha256).hexdigest()[:32]
        return browser if isinstance(browser, str) and is_id(browser) else new_id()

    def shelf(self, browser: object, request: gr.Request | None) -> Shelf:
        return Shelf(self.outputs / self.user(browser, request))

    def models(self, kind: str) -> list[str]:
        """Names a user may choose: those whose weights are here. Nobody downloads from the app."""
        known = UPSCALERS if kind == "upscale" else CATALOGUE
        return ["auto", *(name for name, entry in known.items() if is_here(entry))]

    def start(self, session: str | None, work: Callable[..., Any]) -> Run:
        """Start a job for a browser tab; `stop` of the same tab ends it."""
        run: Run = Run(work, self._device)
        self._running = {key: one for key, one in self._running.items() if one.alive}
        self._running[session or new_id()] = run
        return run

    @property
    def idle(self) -> bool:
        """Whether no job is computing now."""
        return not self._device.locked()

    def stop(self, session: str | None) -> bool:
        """Stop what a tab has running; says whether there was anything."""
        run = self._running.pop(session or "", None)
        if run is None or not run.alive:
            return False
        run.stop()
        return True

    def close(self, seconds: float = 20.0) -> None:
        """Stop everything that runs, and wait for it: threads that compute must not be cut off."""
        runs = list(self._running.values())
        for run in runs:
            run.stop()
        for run in runs:
            run.join(seconds)

    def keep(self, load: Callable[..., Any]) -> Callable[..., Any]:
        """`load` that remembers its last model, and frees it before another one is loaded."""

        def kept(*wanted: Any, **named: Any) -> Any:
            key = (load, wanted, named)
            if self._loaded is None or self._loaded[0] != key:
                self._loaded = None
                free_memory()
                self._loaded = (key, load(*wanted, **named))
            return self._loaded[1]

        return kept

    def _server_secret(self) -> bytes:
        """Kept over restarts, so that a login finds its results again."""
        if not self.secret_file.exists():
            self.secret_file.touch(mode=0o600)
            self.secret_file.write_bytes(secrets.token_bytes(32))
        return self.secret_file.read_bytes()


def one_line(error: BaseException, *files: Path) -> str:
    """An error for the user's eye: one line, with file names instead of this server's paths."""
    if not isinstance(error, RelightError):
        return f"something went wrong here ({type(error).__name__}); the server's log says more"
    text = " ".join(str(error).split())
    for file in files:
        text = text.replace(str(file), file.name).replace(f"{file.parent}/", "")
    return re.sub(r"[\x00-\x1f\x7f]", "", text)[:400]
