"""What all parts of the app share: where results are stored, who is who, the runs."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.requests import Request

from relight.models.catalogue import CATALOGUE, UPSCALERS
from relight.models.hub import is_here
from relight.ui import work
from relight.ui.files import Files
from relight.ui.keeper import Keeper
from relight.ui.memory import LastModel
from relight.ui.orders import Order
from relight.ui.runs import Run, new_run
from relight.ui.shelf import Shelf, is_id, new_id
from relight.ui.store import Store

SECRET_BYTES = 32
QUOTA = 20_000_000_000


class Studio:
    """The state of one server.

    Args:
        outputs: folder of the results; made when needed.
        upload_limit: bytes of an upload; None: any.
        quota: bytes of results that each visitor may keep.
    """

    def __init__(self, outputs: Path, upload_limit: int | None = None, quota: int = QUOTA) -> None:
        self.outputs = outputs.absolute()
        self.outputs.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.upload_limit = upload_limit
        self._secret = self._server_secret()
        self.loaded = {False: LastModel(), True: LastModel()}  # of large and of small runs
        self.keeper = Keeper(self.outputs, quota)
        self.runs = Store(self.outputs, self._perform, work.explain, self._small)

    @property
    def secret_file(self) -> Path:
        return self.outputs / ".secret"

    def user(self, browser: object, request: Any) -> str:
        """The id of the visitor of a request.

        With logins it is derived from the login, whatever the browser claims; without, it is the
        random id that the browser keeps, or a new one where it has none.
        """
        login = login_of(request)
        if login:
            return hmac.new(self._secret, login.encode(), hashlib.sha256).hexdigest()[:32]
        return browser if isinstance(browser, str) and is_id(browser) else new_id()

    def caller(self, request: Any) -> str:
        """The id of a program: of its login, or else of its session, which is random too.

        Nobody browses what it has made; the calls of one session find it again for a day.
        """
        session = getattr(request, "session_hash", None)
        if login_of(request) or not session:
            return self.user(None, request)
        return hmac.new(self._secret, f"session {session}".encode(), hashlib.sha256).hexdigest()[
            :32
        ]

    def shelf(self, browser: object, request: Any) -> Shelf:
        return Shelf(self.outputs / self.user(browser, request))

    @property
    def idle(self) -> bool:
        """Whether nothing is computed or waits."""
        return self.runs.idle

    def files(self, owner: str) -> Files:
        """The files that a visitor has brought."""
        return Files(self.outputs / owner, Path(os.environ["GRADIO_TEMP_DIR"]))

    def models(self, kind: str) -> list[str]:
        """Names a visitor may choose: those whose weights are here. Nobody downloads from the
        app."""
        known = UPSCALERS if kind == "upscale" else CATALOGUE
        return ["auto", *(name for name, entry in known.items() if is_here(entry))]

    def enqueue(self, owner: str, order: Order, what: str, **how: Any) -> Run:
        """Put an order in the queue; its files are kept with the run.

        Raises:
            BusyError: the queue is full. InputError: a file is gone.
        """
        run = new_run(
            self.outputs / owner, kind=order.kind, what=what, name=order.name, order={}, **how
        )
        run.order = work.enqueue_files(order, run.folder).plain()
        return self.runs.add(run)

    def close(self, seconds: float = 20.0) -> None:
        """Stop computing, and wait for it: threads that compute must not be cut off."""
        self.keeper.stop()
        self.runs.close(seconds)

    def _perform(self, run: Run, tell: Any) -> Any:
        return work.perform(run, tell, self.loaded[run.small])

    def _small(self, run: Run) -> bool:
        """Whether a run is one frame with the embedded model, which is small enough to be there
        twice."""
        if run.what != "preview":
            return False
        model = run.order.get("settings", {}).get("model") or "auto"
        return model == "mini" or (model == "auto" and self.models(run.kind) == ["auto", "mini"])

    def _server_secret(self) -> bytes:
        """Kept over restarts, so that a login finds its results again."""
        file = self.secret_file
        if not file.exists() or file.stat().st_size != SECRET_BYTES:
            part = file.with_name(".secret.part")
            part.unlink(missing_ok=True)
            part.touch(mode=0o600)
            part.write_bytes(secrets.token_bytes(SECRET_BYTES))
            part.replace(file)
        return file.read_bytes()


def login_of(request: Any) -> str | None:
    """The login of a request: Gradio's own, or a plain one that a component's server function gets.

    For the latter it is read as Gradio reads it, off the cookie of its login page.
    """
    if request is None:
        return None
    if isinstance(request, Request) and not isinstance(request, gr.Request):
        app = request.scope.get("app")
        names = (f"access-token{how}-{getattr(app, 'cookie_id', '')}" for how in ("", "-unsecure"))
        tokens = [request.cookies.get(name) for name in names]
        known = getattr(app, "tokens", {})
        return next((known[token] for token in tokens if token in known), None)
    return getattr(request, "username", None)


def one_line(error: BaseException, *files: Path) -> str:
    """An error for the visitor's eye."""
    return work.one_line(error, *files)
