"""Raw calls to a served studio, over HTTP."""


def upload(web, content, name="clip.mp4"):
    answer = web.post("/gradio_api/upload", files={"files": (name, content)})
    assert answer.status_code == 200, answer.text
    return answer.json()[0]


def file(path):
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def parameters(web, endpoint="/relight"):
    info = web.get("/gradio_api/info").json()
    return info["named_endpoints"][endpoint]["parameters"]


def call(web, endpoint="relight", **given):
    """POST a call with defaults for what is not given; returns the answer to the POST."""
    given = {"prompt": "red light", "model": "mini", "steps": 2, "relight_steps": 2, **given}
    data = [given.get(p["parameter_name"], p.get("parameter_default")) for p in parameters(web)]
    return web.post(f"/gradio_api/call/{endpoint}", json={"data": data})


def refused(answer, *words):
    """Not accepted, told in plain words, without a traceback and without this server's paths."""
    assert answer.status_code in (400, 403, 413, 422), (answer.status_code, answer.text)
    assert "Traceback" not in answer.text
    for word in words:
        assert word in answer.text, answer.text


def ask(web, name, /, **given):
    """Call a server function of the page's components, the first of that name."""
    config = web.get("/config").json()
    id = next(c["id"] for c in config["components"] if name in c["props"].get("server_fns", ()))
    body = {"data": given, "component_id": id, "session_hash": "x", "fn_name": name}
    answer = web.post("/gradio_api/component_server", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()
