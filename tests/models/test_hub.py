"""Downloads, against a small server that speaks the hub's protocol on this machine."""

import hashlib
import json
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import huggingface_hub
import pytest
from PIL import Image

from relight.cli import main
from relight.errors import ModelError
from relight.models import files, hub
from relight.models.catalogue import CATALOGUE
from relight.models.entries import Source
from tests.conftest import TINY

COMMIT = "a" * 40
FILES = {path.name: path.read_bytes() for path in (TINY / "motion_adapter").iterdir()}
ENTRY = replace(
    CATALOGUE["animatediff"],
    sources=(Source(repo="some/adapter", revision=COMMIT, parts=("motion_adapter",), whole=True),),
)


class Hub(BaseHTTPRequestHandler):
    """Serves `FILES` as the repository some/adapter, with ranges."""

    protocol_version = "HTTP/1.1"
    refuse: tuple[int, str] | None = None
    cuts: list[int]
    ranges: list[str]
    fetched: list[str]

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self._answer(body=False)

    def do_GET(self):
        self._answer(body=True)

    def _answer(self, body):
        if self.refuse:
            status, code = self.refuse
            return self._send(status, b"{}", {"X-Error-Code": code, "X-Error-Message": code})
        path = self.path.split("?")[0]
        if path.startswith("/api/models/some/adapter/tree/"):
            listed = [
                {"type": "file", "path": name, "size": len(data), "oid": _etag(data)}
                for name, data in FILES.items()
            ]
            return self._send(200, json.dumps(listed).encode(), {})
        name = path.rsplit("/", 1)[-1]
        data = FILES[name]
        headers = {"ETag": f'"{_etag(data)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if not body:
            return self._send(200, data, headers, body=False)
        self.fetched.append(name)
        start = int(self.headers.get("Range", "bytes=0-")[6:].split("-")[0])
        if self.headers.get("Range"):
            self.ranges.append(self.headers["Range"])
        headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        cut = self.cuts.pop() if self.cuts and name.endswith(".safetensors") else None
        self._send(206 if start else 200, data[start:], headers, cut=cut)

    def _send(self, status, data, headers, body=True, cut=None):
        self.send_response(status)
        for key, value in {"Content-Length": len(data), **headers}.items():
            self.send_header(key, str(value))
        self.end_headers()
        if body:
            self.wfile.write(data[:cut])
        if cut is not None and cut < len(data):
            self.close_connection = True


def _etag(data):
    return hashlib.sha1(data).hexdigest()


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A hub on this machine, an empty cache, and the network allowed."""
    kind = type("Hub", (Hub,), {"ranges": [], "fetched": [], "cuts": []})
    served = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    constants = huggingface_hub.constants
    address = f"http://127.0.0.1:{served.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    template = address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setitem(CATALOGUE, "animatediff", ENTRY)
    huggingface_hub.utils.enable_progress_bars()  # a run in this process hides them
    yield kind
    served.shutdown()
    served.server_close()


def _refused(match):
    with pytest.raises(ModelError, match=match) as caught:
        hub.download(ENTRY)
    assert "\n" not in str(caught.value)


def test_a_download_is_complete_and_named_by_its_commit(server):
    assert not hub.is_here(ENTRY)
    hub.download(ENTRY)
    found = hub.locate(ENTRY)
    assert files.identify(found) == {"some/adapter": COMMIT}
    weights = found["motion_adapter"] / "diffusion_pytorch_model.safetensors"
    assert weights.read_bytes() == FILES[weights.name]


def test_a_broken_connection_is_picked_up_in_the_middle_of_a_file(server, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 1000)  # of 10 MB
    server.cuts = [3000]
    hub.download(ENTRY)
    assert hub.is_here(ENTRY) and "bytes=3000-" in server.ranges


@pytest.mark.slow
def test_a_download_that_broke_off_is_not_here_and_only_the_rest_is_fetched(server):
    server.cuts = [3000] * 20  # more often than the client tries again
    _refused("can't download some/adapter: .*run the same command again")
    assert not hub.is_here(ENTRY)
    server.cuts, server.fetched[:] = [], []
    hub.download(ENTRY)
    assert hub.is_here(ENTRY)
    assert server.fetched == ["diffusion_pytorch_model.safetensors"]


@pytest.mark.parametrize(
    "status, code, named",
    [
        (403, "GatedRepo", "access is refused .403.: accept its terms at https://huggingface.co"),
        (401, "RepoNotFound", "doesn't exist, or is private .401."),
        (404, "RepoNotFound", "doesn't exist, or is private .404."),
        (404, "RevisionNotFound", f"has no revision {COMMIT}"),
    ],
)
def test_why_the_hub_refuses_is_said_in_one_line(server, status, code, named):
    server.refuse = status, code
    _refused(named)


def test_offline_and_a_full_disk_are_named(server, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    _refused("HF_HUB_OFFLINE is set")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", full)
    _refused("the disk is full: make room, or set HF_HOME")


def test_a_run_never_downloads_and_says_the_command(server, tmp_path, capsys):
    Image.new("RGB", (32, 32)).save(tmp_path / "in.png")
    given = [str(tmp_path / "in.png"), "-o", str(tmp_path / "out.png"), "--prompt", "x"]
    assert main(["run", *given, "--device", "cpu", "--model", "animatediff"]) == 1
    said = capsys.readouterr().err
    assert "relight models download animatediff" in said and "Traceback" not in said
    assert not (tmp_path / "cache").exists() and not (tmp_path / "out.png").exists()


def test_the_command_downloads_and_shows_a_bar(server, capfd):
    assert main(["models", "download", "animatediff"]) == 0
    out, err = capfd.readouterr()
    assert "animatediff: here" in out and "%" in err
