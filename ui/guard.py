"""The door of the studio: what no browser needs is refused before Gradio sees it.

Gradio fetches files by URL for whoever asks (through the server, as `/file=https://...` or as the
path of an input). The studio takes uploads only, so a URL is never followed; and while it serves
this computer alone, only this computer's own names are answered to (DNS rebinding).
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any
from urllib.parse import parse_qs, quote, unquote

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from relight.ui.files import clean_name

BODY_LIMIT = 4_000_000
"""Bytes of a call's JSON: settings and file names, never files."""

TOOL_LIMIT = 36_000_000
"""Bytes of an assistant's call, which may hold a file of 25 MB as text."""
LARGE = 200_000
"""Bytes of JSON above which it is read in a thread, so that nobody else waits for it."""

_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+:/")
_OWN_NAMES = {"localhost", "127.0.0.1", "[::1]"}
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),  # addresses of results are secrets
    (b"x-frame-options", b"SAMEORIGIN"),
]


class Guard:
    """ASGI middleware.

    Args:
        app: what it stands before.
        local: answer only to this computer's own names.
    """

    def __init__(self, app: ASGIApp, local: bool) -> None:
        self.app, self.local = app, local

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if self.local and _host(scope) not in _OWN_NAMES:
            await _refuse(403, "this studio answers to localhost only", scope, receive, send)
            return
        if _SCHEME.search(unquote(scope["path"])):
            await _refuse(403, "addresses are not followed: upload the file", scope, receive, send)
            return
        if scope["method"] == "POST" and _from_elsewhere(scope):
            await _refuse(403, "another site may not send anything here", scope, receive, send)
            return
        if scope["method"] == "POST" and _is_json(scope):
            limit = TOOL_LIMIT if "/gradio_api/mcp" in scope["path"] else BODY_LIMIT
            body = await _body(receive, limit)
            if body is None:
                said = f"the call is larger than {limit} bytes: upload files first"
                await _refuse(413, said, scope, receive, send)
                return
            in_thread = len(body) > LARGE
            reason = await asyncio.to_thread(_fault, body) if in_thread else _fault(body)
            if reason:
                await _refuse(*reason, scope, receive, send)
                return
            receive = _again(body, receive)
        await self.app(scope, receive, _with_headers(send, _saved_as(scope)))


def _fault(body: bytes) -> tuple[int, str] | None:
    """Why a call is refused: not JSON, or a file given by its address."""
    try:
        data = json.loads(body or b"null")
    except (ValueError, RecursionError):
        return 400, "the call is not JSON"
    if _names_address(data):
        return 403, "a file is given by an address: upload it first"
    return None


def _names_address(data: Any) -> bool:
    """Whether any file in `data` (a mapping with a path) is behind a URL."""
    pending = [data]
    while pending:
        one = pending.pop()
        if isinstance(one, dict):
            path = one.get("path")
            if isinstance(path, str) and _SCHEME.match(path.strip()):
                return True
            pending.extend(one.values())
        elif isinstance(one, list):
            pending.extend(one)
    return False


async def _body(receive: Receive, limit: int) -> bytes | None:
    """The whole body, or None where it is too large."""
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            return None
        more = message.get("more_body", False)
    return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body once more, then what really comes."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _saved_as(scope: Scope) -> bytes | None:
    """The header that names a download: files are stored under plain names, and have others for
    people, which the page gives as `?as=NAME`."""
    if "/gradio_api/file=" not in scope["path"]:
        return None
    name = parse_qs(scope["query_string"].decode("latin-1")).get("as", [""])[0]
    quoted_name = quote(clean_name(name), safe="")
    return f"attachment; filename*=UTF-8''{quoted_name}".encode() if name else None


def _with_headers(send: Send, saved_as: bytes | None = None) -> Send:
    async def headed(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            if saved_as is not None and message["status"] in (200, 206):
                headers = [one for one in headers if one[0].lower() != b"content-disposition"]
                headers.append((b"content-disposition", saved_as))
            message = {**message, "headers": [*headers, *_HEADERS]}
        await send(message)

    return headed


def _host(scope: Scope) -> str:
    host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
    return re.sub(r":\d+$", "", host)


def _from_elsewhere(scope: Scope) -> bool:
    """Whether a page of another site sends this (programs send no Origin)."""
    headers = dict(scope["headers"])
    site = headers.get(b"sec-fetch-site")  # what browsers say, whatever proxies stand between
    if site is not None:
        return site not in (b"same-origin", b"none")
    origin = headers.get(b"origin")
    if origin is None:
        return False
    host = headers.get(b"x-forwarded-host", headers.get(b"host", b""))
    return origin.partition(b"://")[2] != host


def _is_json(scope: Scope) -> bool:
    kind = dict(scope["headers"]).get(b"content-type", b"").decode("latin-1")
    # A form is not taken for JSON by what lies behind, whatever it holds.
    return not kind.startswith(("multipart/", "application/x-www-form-urlencoded"))


async def _refuse(status: int, reason: str, scope: Scope, receive: Receive, send: Send) -> None:
    await JSONResponse({"detail": reason}, status)(scope, receive, send)
