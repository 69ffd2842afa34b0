"""The attack list, over HTTP, against the studio as it is served."""

import json
from pathlib import Path

import httpx
import pytest

from relight.ui.runs import new_run
from relight.ui.serve import Options, launch, logins
from relight.ui.shelf import Entry, Shelf, new_id
from tests.samples import CLIP
from tests.ui.conftest import LIMIT

HERE = Path(__file__).resolve()


@pytest.fixture(scope="module")
def web(served):
    with httpx.Client(base_url=served.url, timeout=60) as client:
        yield client


def _upload(web, content, name="clip.mp4"):
    answer = web.post("/gradio_api/upload", files={"files": (name, content)})
    assert answer.status_code == 200, answer.text
    return answer.json()[0]


def _file(path):
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def _parameters(web, endpoint="/relight"):
    info = web.get("/gradio_api/info").json()
    return info["named_endpoints"][endpoint]["parameters"]


def _call(web, endpoint="relight", **given):
    """POST a call with defaults for what is not given; returns the answer to the POST."""
    given = {"prompt": "red light", "model": "mini", "steps": 2, "relight_steps": 2, **given}
    data = [given.get(p["parameter_name"], p.get("parameter_default")) for p in _parameters(web)]
    return web.post(f"/gradio_api/call/{endpoint}", json={"data": data})


def _refused(answer, *words):
    """Not accepted, told in plain words, without a traceback and without this server's paths."""
    assert answer.status_code in (400, 403, 413, 422), (answer.status_code, answer.text)
    assert "Traceback" not in answer.text
    for word in words:
        assert word in answer.text, answer.text


PATHS = [
    "/etc/passwd",
    "//etc/passwd",
    "/proc/self/environ",
    "/../../../../etc/passwd",
    "..%2f..%2f..%2f..%2fetc/passwd",
    "%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "C:\\Windows\\win.ini",
    "~/.ssh/id_rsa",
    str(HERE),
    str(HERE.parents[2] / "pyproject.toml"),
]
ADDRESSES = [
    "http://169.254.169.254/latest/meta-data/",
    "http://127.0.0.1:1/",
    "https://example.com/clip.mp4",
    "file:///etc/passwd",
    "ftp://example.com/x",
    "gopher://x/1",
]


@pytest.mark.parametrize("path", PATHS)
def test_no_file_of_the_server_is_served(web, path):
    answer = web.get(f"/gradio_api/file={path}")
    assert answer.status_code in (403, 404) and "root:" not in answer.text


def test_not_even_the_servers_own_secret_is(web, served):
    assert (served.outputs / ".secret").is_file()
    for path in (served.outputs / ".secret", served.outputs / "x" / ".." / ".secret"):
        assert web.get(f"/gradio_api/file={path}").status_code == 403
    assert web.get(f"/gradio_api/file={served.outputs}").status_code == 403  # no listing


@pytest.mark.parametrize("address", ADDRESSES)
def test_addresses_are_never_followed(web, address):
    for way in ("file=", "file/", "proxy="):
        assert web.get(f"/gradio_api/{way}{address}").status_code in (403, 404)
    _refused(_call(web, clip=_file(address)), "upload")
    _refused(_call(web, clip={**_file("x.mp4"), "path": f" {address}"}))


@pytest.mark.parametrize(
    "path", ["/etc/passwd", str(CLIP), str(HERE), "../../../etc/passwd", "/dev/zero", "", "x\0y"]
)
def test_a_path_of_the_server_is_no_upload(web, served, path):
    answer = _call(web, clip=_file(path))
    _refused(answer)
    assert "root:" not in answer.text and served.studio.idle


def test_a_link_in_an_upload_leads_nowhere(web):
    name = "../../../../tmp/evil.mp4"
    path = _upload(web, CLIP.read_bytes(), name)
    assert ".." not in path and Path(path).name == "evil.mp4" and "relight-test-" in path


def test_an_upload_that_is_too_large_is_cut_off(web):
    answer = web.post("/gradio_api/upload", files={"files": ("big.mp4", b"\0" * (LIMIT + 100_000))})
    assert answer.status_code == 413


def test_a_call_that_is_too_large_or_no_json_is_refused(web):
    url = "/gradio_api/call/relight"
    assert web.post(url, content=b'["' + b"x" * 5_000_000 + b'"]').status_code == 413
    assert web.post(url, content=b"[" * 100_000).status_code == 400
    assert web.post(url, content=b"{").status_code == 400
    body = json.dumps({"data": [_file(ADDRESSES[0])]})
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x"):
        answer = web.post(url, content=body, headers={"content-type": kind})
        assert answer.status_code in (400, 403, 415, 422), kind


BAD_VALUES = {
    "a folder as model": {"model": "/tmp"},
    "a hub name as model": {"model": "evil/weights"},
    "a path as light": {"light": "/etc/passwd"},
    "a light of a path": {"light": "image:/etc/passwd + left"},
    "a file here as light": {"light": "pyproject.toml"},
    "a path as mask": {"mask": "/etc/passwd"},
    "a file here as mask": {"mask": "pyproject.toml"},
    "a click that is none": {"mask": "click:up"},
    "a light that is none": {"light": "sideways"},
    "steps beyond the end": {"steps": 10**9},
    "steps that are text": {"steps": "many"},
    "an unknown quality": {"quality": "Ultra"},
    "no prompt": {"prompt": " "},
    "an endless prompt": {"prompt": "light " * 1000},
    "strength out of range": {"strength": 7},
    "a light that is not there": {"light": "image"},
    "a recipe of the user's": {"recipe": "__import__"},
    "a format that is none": {"format": ".exe"},
}


@pytest.mark.parametrize("case", BAD_VALUES)
def test_bad_values_are_refused_before_they_queue(web, served, case):
    clip = _upload(web, CLIP.read_bytes())
    _refused(_call(web, clip=_file(clip), **BAD_VALUES[case]))
    assert served.studio.idle


BAD_FILES = {
    "random bytes": bytes(range(256)) * 40,
    "half a clip": CLIP.read_bytes()[:9000],
    "a list of other files": f"ffconcat version 1.0\nfile '{CLIP}'\n".encode(),
    "a playlist": f"#EXTM3U\n#EXTINF:1,\nfile://{CLIP}\n".encode(),
    "a page": b"<html><script>alert(1)</script></html>",
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_files_are_refused_before_they_queue(web, case):
    clip = _upload(web, BAD_FILES[case])
    answer = _call(web, clip=_file(clip))
    _refused(answer, "clip.mp4")
    assert str(Path(clip).parent) not in answer.text


def test_no_parameter_is_a_path_a_device_or_an_output(web):
    for endpoint in ("/relight", "/preview"):
        names = {p["parameter_name"] for p in _parameters(web, endpoint)}
        assert {"clip", "prompt", "light", "steps", "seed"} <= names
        assert not names & {"input", "output", "overwrite", "device", "dtype", "memory", "request"}


@pytest.fixture
def anns(served):
    """A visitor's id, a result of hers, and a file she has brought."""
    ann = new_id()
    shelf = Shelf(served.outputs / ann)
    folder = shelf.new_folder()
    (folder / "relit.mp4").write_bytes(CLIP.read_bytes())
    parts = {"source": "relit.mp4", "output": "relit.mp4", "job": "entry.json"}
    entry = shelf.add(
        Entry(folder=folder, kind="relight", name="x", settings={"prompt": "anns secret"}, **parts)
    )
    return ann, entry, served.studio.files(ann).copy(CLIP, "anns secret.mp4")


def test_private_events_tell_one_user_nothing_of_another(web, anns):
    """Raw calls of the page's own events, with another visitor's ids: as if they were not there."""
    ann, entry, file = anns
    config = web.get("/config").json()
    types = {c["id"]: c["type"] for c in config["components"]}
    browser = next(c["id"] for c in config["components"] if c["type"] == "browserstate")
    events = [e for e in config["dependencies"] if browser in e["inputs"] and e["backend_fn"]]
    assert len(events) >= 8
    staged = {"clip": {"id": file, "name": "x"}, "lights": [{"word": "left"}]}
    texts = []
    for event in events:
        for claim in (new_id(), f"../{ann[:31]}", [ann], {"id": ann}, None):
            values = {"html": staged, "browserstate": [staged]}
            data = [
                claim if id == browser else values.get(types[id], entry.id)
                for id in event["inputs"]
            ]
            body = {"data": data, "fn_index": event["id"], "session_hash": new_id()[:10]}
            body["event_data"] = {"id": entry.id}
            web.post("/gradio_api/queue/join", json=body)
            with web.stream(
                "GET", "/gradio_api/queue/data", params={"session_hash": body["session_hash"]}
            ) as stream:
                for line in stream.iter_lines():
                    texts.append(line)
                    if "process_completed" in line or "close_stream" in line:
                        break
    seen = "\n".join(texts)
    assert seen and "anns secret" not in seen and ann not in seen
    assert Shelf(entry.folder.parent).get(entry.id)  # and nobody has deleted it


def _ask(web, name, /, **given):
    """Call a server function of the page's components, the first of that name."""
    config = web.get("/config").json()
    id = next(c["id"] for c in config["components"] if name in c["props"].get("server_fns", ()))
    body = {"data": given, "component_id": id, "session_hash": "x", "fn_name": name}
    answer = web.post("/gradio_api/component_server", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_pages_own_calls_tell_one_visitor_nothing_of_another(web, served, anns):
    ann, entry, file = anns
    run = new_run(served.outputs / ann, kind="relight", what="make", name="anns secret", order={})
    run.state = "failed"
    run.save()
    served.studio.runs._runs[run.id] = run
    assert [one["name"] for one in _ask(web, "look", who=ann)["runs"]] == ["anns secret"]
    for who in (new_id(), None, [ann], f"{ann}/", {"who": ann}, f"../{ann}"):
        assert _ask(web, "look", who=who)["runs"] == []
        assert _ask(web, "entries", who=who)["entries"] == []
        for name in ("live", "cancel", "dismiss", "remove", "restore"):
            said = _ask(web, name, who=who, id=run.id if name in ("live", "cancel") else entry.id)
            assert "error" in said and "secret" not in str(said), name
        said = _ask(web, "frame", who=who, clip=file, moment=0)
        assert "choose it again" in said["error"]
        said = _ask(web, "zip", who=who, batch=new_id())
        assert "not there any more" in said["error"]
    assert Shelf(served.outputs / ann).get(entry.id) and run.folder.exists()
    assert "url" in _ask(web, "frame", who=ann, clip=file, moment=0)


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", str(CLIP), str(HERE), "../../etc/passwd", "/dev/zero", "", "x\0y", None, 5],
)
@pytest.mark.parametrize("name", ["take", "keep"])
def test_the_stage_takes_uploads_only(web, name, path):
    said = _ask(web, name, who=new_id(), path=path, name="x.mp4")
    assert said == {"error": "this is not an upload: choose the file again"}


@pytest.mark.parametrize(
    "lights",
    [
        [{"word": "image", "settings": {"path": "/etc/passwd"}}],
        [{"word": "image", "settings": {"path": {"id": "../../x"}}}],
        [{"word": "point", "settings": {"x": "1e999"}}],
        [{"word": "point"}] * 1000,
        [[]],
        "left",
    ],
    ids=["path", "id", "endless", "many", "list", "text"],
)
def test_a_light_from_a_browser_is_checked(web, anns, lights):
    ann, _, file = anns
    said = _ask(web, "frame", who=ann, clip=file, moment=0, lights=lights)
    assert set(said) == {"error"} and "root:" not in said["error"] and "/" not in said["error"]


def test_a_clip_that_is_none_is_told_and_not_kept(web, served):
    who = new_id()
    path = _upload(web, bytes(range(256)) * 40)
    said = _ask(web, "take", who=who, path=path, name="Mein Film.MOV")
    assert "Mein Film.MOV" in said["error"] and "/" not in said["error"].split("Mein")[0]
    assert not list((served.outputs / who).rglob("*.MOV"))


def test_an_upload_from_another_site_is_refused(web, served):
    sent = {"files": ("a.mp4", b"x")}
    for origin in ("https://evil.example", "null", "http://127.0.0.1.evil.example"):
        answer = web.post("/gradio_api/upload", files=sent, headers={"origin": origin})
        assert answer.status_code == 403, origin
    for headers in ({"origin": served.url}, {}):
        assert web.post("/gradio_api/upload", files=sent, headers=headers).status_code == 200
    answer = web.post("/gradio_api/upload", files=sent, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403


def test_a_download_has_its_name_and_no_more(web, anns):
    _, entry, _ = anns
    file = f"/gradio_api/file={entry.path(entry.output)}"
    for name, wanted in (
        ("Ünser [1].mp4", "%C3%9Cnser%20%5B1%5D.mp4"),
        ("../../x\r\nset-cookie: a=b", "x__set-cookie%3A%20a%3Db"),
    ):
        answer = web.get(file, params={"as": name})
        assert answer.headers["content-disposition"] == f"attachment; filename*=UTF-8''{wanted}"
        assert "set-cookie" not in answer.headers
    assert "filename*=UTF-8" not in web.get(file).headers.get("content-disposition", "")


def test_only_this_computers_names_are_answered_to(web):
    for host in ("evil.example", "evil.example:7860", "localhost.evil.example", ""):
        assert web.get("/config", headers={"host": host}).status_code in (400, 403)
    assert web.get("/config", headers={"host": "localhost:7860"}).status_code == 200


def test_other_sites_may_not_call(web):
    answer = web.get("/config", headers={"origin": "https://evil.example"})
    assert answer.headers.get("access-control-allow-origin") != "https://evil.example"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"


def test_the_queue_is_bounded():
    from relight.ui import app, store

    assert 0 < app.WAITING <= 100 and 0 < store.MOST <= store.WAITING <= 1000


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    """A studio with two logins."""
    here = launch(
        Options(outputs=tmp_path_factory.mktemp("locked"), auth=("ann:apple", "bob:pear"))
    )
    yield here.address.rstrip("/")
    here.close()


def test_without_a_login_nothing_is_told(locked):
    with httpx.Client(base_url=locked, timeout=30) as web:
        for path in ("config", "gradio_api/info", f"gradio_api/file={CLIP}", "gradio_api/mcp/"):
            assert web.get(f"/{path}").status_code in (401, 403, 404), path
        assert web.post("/gradio_api/call/relight", json={"data": []}).status_code == 401
        assert web.post("/gradio_api/queue/join", json={"data": []}).status_code in (401, 422)
        assert web.post("/gradio_api/upload", files={"files": ("a", b"x")}).status_code == 401
        assert web.post("/gradio_api/mcp/", json=MCP_HELLO).status_code in (401, 404, 405)
        assert "Describe the light" not in web.get("/").text
        body = {"data": {"who": "x"}, "component_id": 1, "session_hash": "x", "fn_name": "look"}
        assert web.post("/gradio_api/component_server", json=body).status_code == 401
        wrong = web.post("/login", data={"username": "ann", "password": "pear"})
        assert wrong.status_code == 400
        right = web.post("/login", data={"username": "ann", "password": "apple"})
        assert right.status_code == 200 and web.get("/config").status_code == 200
        bob = new_id()
        taken = _ask(web, "example", who=bob)  # a login is who one is, whatever is claimed
        assert "clip" in taken and "error" not in _ask(web, "frame", clip=taken["clip"]["id"])
    with httpx.Client(base_url=locked, timeout=30) as other:
        other.post("/login", data={"username": "bob", "password": "pear"})
        assert "error" in _ask(other, "frame", who=bob, clip=taken["clip"]["id"])


MCP_HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-03-26",
        "capabilities": {},
        "clientInfo": {"name": "x", "version": "1"},
    },
}


def test_the_defaults_are_the_careful_ones():
    options = Options()
    assert options.local and options.host == "127.0.0.1" and not options.share
    assert not Options(host="0.0.0.0").local and not Options(share=True).local
    assert logins(("a:b:c",)) == [("a", "b:c")]
    for wrong in ("ann", ":", "ann:", ":pw"):
        with pytest.raises(ValueError, match="NAME:PASSWORD"):
            logins((wrong,))


def test_uploads_are_deleted_on_a_schedule(web, served):
    from relight.ui import app

    frequency, age = app.CACHE_SECONDS
    assert frequency <= 3600 and age <= 24 * 3600
    assert json.loads(web.get("/config").text)["max_file_size"] == LIMIT
