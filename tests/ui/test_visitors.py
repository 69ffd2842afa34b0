"""What one visitor learns of another, and what nobody learns without a login: nothing."""

import httpx
import pytest

from relight.ui.runs import new_run
from relight.ui.serve import Options, launch
from relight.ui.shelf import Shelf, new_id
from tests.samples import CLIP

from .calling import ask


@pytest.mark.slow
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


@pytest.mark.slow
def test_the_pages_own_calls_tell_one_visitor_nothing_of_another(web, served, anns):
    ann, entry, file = anns
    run = new_run(served.outputs / ann, kind="relight", what="make", name="anns secret", order={})
    run.state = "failed"
    run.save()
    served.studio.runs._runs[run.id] = run
    assert [one["name"] for one in ask(web, "look", who=ann)["runs"]] == ["anns secret"]
    for who in (new_id(), None, [ann], f"{ann}/", {"who": ann}, f"../{ann}"):
        assert ask(web, "look", who=who)["runs"] == []
        assert ask(web, "entries", who=who)["entries"] == []
        for name in ("live", "cancel", "dismiss", "remove", "restore"):
            said = ask(web, name, who=who, id=run.id if name in ("live", "cancel") else entry.id)
            assert "error" in said and "secret" not in str(said), name
        said = ask(web, "frame", who=who, clip=file, moment=0)
        assert "choose it again" in said["error"]
        said = ask(web, "zip", who=who, batch=new_id())
        assert "not there any more" in said["error"]
    assert Shelf(served.outputs / ann).get(entry.id) and run.folder.exists()
    assert "url" in ask(web, "frame", who=ann, clip=file, moment=0)


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
        taken = ask(web, "example", who=bob)  # a login is who one is, whatever is claimed
        assert "clip" in taken and "error" not in ask(web, "frame", clip=taken["clip"]["id"])
    with httpx.Client(base_url=locked, timeout=30) as other:
        other.post("/login", data={"username": "bob", "password": "pear"})
        assert "error" in ask(other, "frame", who=bob, clip=taken["clip"]["id"])


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
