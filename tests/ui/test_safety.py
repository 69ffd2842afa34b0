"""The attack list, over HTTP, against the studio as it is served."""

import json
from pathlib import Path

import pytest

from relight.ui.serve import Options, logins
from relight.ui.shelf import new_id
from tests.samples import CLIP
from tests.ui.conftest import LIMIT

from .calling import ask, call, file, parameters, refused, upload

HERE = Path(__file__).resolve()


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
    refused(call(web, clip=file(address)), "upload")
    refused(call(web, clip={**file("x.mp4"), "path": f" {address}"}))


@pytest.mark.parametrize(
    "path", ["/etc/passwd", str(CLIP), str(HERE), "../../../etc/passwd", "/dev/zero", "", "x\0y"]
)
def test_a_path_of_the_server_is_no_upload(web, served, path):
    answer = call(web, clip=file(path))
    refused(answer)
    assert "root:" not in answer.text and served.studio.idle


def test_a_link_in_an_upload_leads_nowhere(web):
    name = "../../../../tmp/evil.mp4"
    path = upload(web, CLIP.read_bytes(), name)
    assert ".." not in path and Path(path).name == "evil.mp4" and "relight-test-" in path


def test_an_upload_that_is_too_large_is_cut_off(web):
    answer = web.post("/gradio_api/upload", files={"files": ("big.mp4", b"\0" * (LIMIT + 100_000))})
    assert answer.status_code == 413


def test_a_call_that_is_too_large_or_no_json_is_refused(web):
    url = "/gradio_api/call/relight"
    assert web.post(url, content=b'["' + b"x" * 5_000_000 + b'"]').status_code == 413
    assert web.post(url, content=b"[" * 100_000).status_code == 400
    assert web.post(url, content=b"{").status_code == 400
    body = json.dumps({"data": [file(ADDRESSES[0])]})
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
    clip = upload(web, CLIP.read_bytes())
    refused(call(web, clip=file(clip), **BAD_VALUES[case]))
    assert served.studio.idle


BAD_FILES = {
    "random bytes": bytes(range(256)) * 40,
    "half a clip": CLIP.read_bytes()[:9000],
    "a list of other files": f"ffconcat version 1.0\nfile '{CLIP}'\n".encode(),
    "a playlist": f"#EXTM3U\n#EXTINF:1,\nfile://{CLIP}\n".encode(),
    "a page": b"<html><script>alert(1)</script></html>",
}


@pytest.mark.slow
@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_files_are_refused_before_they_queue(web, case):
    clip = upload(web, BAD_FILES[case])
    answer = call(web, clip=file(clip))
    refused(answer, "clip.mp4")
    assert str(Path(clip).parent) not in answer.text


def test_no_parameter_is_a_path_a_device_or_an_output(web):
    for endpoint in ("/relight", "/preview"):
        names = {p["parameter_name"] for p in parameters(web, endpoint)}
        assert {"clip", "prompt", "light", "steps", "seed"} <= names
        assert not names & {"input", "output", "overwrite", "device", "dtype", "memory", "request"}


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", str(CLIP), str(HERE), "../../etc/passwd", "/dev/zero", "", "x\0y", None, 5],
)
@pytest.mark.parametrize("name", ["take", "keep"])
def test_the_stage_takes_uploads_only(web, name, path):
    said = ask(web, name, who=new_id(), path=path, name="x.mp4")
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
    said = ask(web, "frame", who=ann, clip=file, moment=0, lights=lights)
    assert set(said) == {"error"} and "root:" not in said["error"] and "/" not in said["error"]


def test_a_clip_that_is_none_is_told_and_not_kept(web, served):
    who = new_id()
    path = upload(web, bytes(range(256)) * 40)
    said = ask(web, "take", who=who, path=path, name="Mein Film.MOV")
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
