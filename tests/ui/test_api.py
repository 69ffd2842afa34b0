"""The endpoints for programs: what gradio_client and an MCP client get is a real, relit clip."""

import asyncio
import base64
import json
import subprocess
import sys
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file

from relight import media
from relight.cli import main
from relight.jobs import RelightJob, UpscaleJob
from relight.ui import controls
from relight.ui.keeper import DAY_SECONDS
from relight.ui.shelf import Shelf, write_json
from tests.samples import CLIP
from tests.ui.conftest import QUICK

NUMBERS = {name: int(value) for name, value in QUICK.items()}


@pytest.fixture(scope="module")
def client(served, tmp_path_factory):
    client = Client(served.url, download_files=tmp_path_factory.mktemp("got"), verbose=False)
    yield client
    client.close()


def _relight(client, clip=CLIP, **settings):
    given = {"prompt": "a bunny, red neon light", "model": "mini", **NUMBERS, **settings}
    return client.predict(clip=handle_file(clip), api_name="/relight", **given)


def test_the_parameters_are_the_fields_of_the_job(client):
    told = client.view_api(print_info=False, return_format="dict")["named_endpoints"]
    assert set(told) == {"/relight", "/preview", "/upscale", "/results"}
    for endpoint, job, wanted in (
        ("/relight", RelightJob, {"clip", "prompt"}),
        ("/preview", RelightJob, {"clip", "prompt"}),
        ("/upscale", UpscaleJob, {"clip"}),
    ):
        parameters = {p["parameter_name"]: p for p in told[endpoint]["parameters"]}
        assert set(controls.open_fields(job)) <= set(parameters)
        needed = {n for n, p in parameters.items() if not p["parameter_has_default"]}
        assert needed == wanted


@pytest.mark.slow
def test_a_clip_is_relit_and_its_settings_run_on_the_command_line(client, tmp_path, monkeypatch):
    made, job = _relight(client, frames=8, light="point:x=.8,color=#ffb060 + top")
    frames = list(media.read(made))
    source = list(media.read(CLIP, frames=8))
    assert len(frames) == 8 and frames[0].image.shape == source[0].image.shape
    assert np.abs(frames[4].image.astype(int) - source[4].image).mean() > 1
    assert media.probe(made).has_audio
    settings = json.loads(Path(job).read_text())["settings"]
    assert (
        settings["seed"] == 7
        and settings["light"] == "point:x=0.8,color=#ffb060 + top"
        and "/" not in settings["input"]
    )
    (tmp_path / settings["input"]).write_bytes(CLIP.read_bytes())
    monkeypatch.chdir(tmp_path)
    assert main(["run", job]) == 0
    assert (tmp_path / settings["output"]).read_bytes() == Path(made).read_bytes()


@pytest.mark.slow
def test_a_picture_in_gives_a_picture_out(client, short, tmp_path):
    picture = tmp_path / "small.png"
    with media.write(picture, size=(64, 40), fps=1) as out:
        out.add(np.ascontiguousarray(next(media.read(CLIP)).image[100:140, 200:264]), 0)
    made, _ = _relight(client, picture)
    assert made.endswith(".png") and next(media.read(made)).image.shape == (40, 64, 3)
    given = {"prompt": "moonlight", "model": "mini", **NUMBERS, "start": 0.5}
    made, _ = client.predict(clip=handle_file(short), api_name="/preview", **given)
    assert made.endswith(".png") and next(media.read(made)).image.shape == (64, 96, 3)


@pytest.mark.slow
def test_what_a_program_made_is_kept_for_a_day(client, served, short):
    made, _ = _relight(client, short)
    listed, files = client.predict(api_name="/results")
    assert listed[0]["clip"] == "toy [1].mp4" and listed[0]["settings"]["seed"] == 7
    assert Path(files[0]).read_bytes() == Path(made).read_bytes() and len(files) == len(listed)
    stranger = Client(served.url, verbose=False)
    assert stranger.predict(api_name="/results") == ([], [])
    stranger.close()
    entries = [e for f in served.outputs.iterdir() if f.is_dir() for e in Shelf(f).entries()]
    own = [entry for entry in entries if entry.caller == "api"]
    assert own and all(entry.settings["prompt"] for entry in own)
    first = own[0]
    plain = {**first.plain(), "when": time.time() - DAY_SECONDS - 1}
    write_json(first.folder / "entry.json", plain)
    served.studio.keeper.look()
    assert not first.folder.exists() and all(e.folder.exists() for e in own[1:])


@pytest.mark.slow
def test_a_picture_is_upscaled_and_its_settings_run_on_the_command_line(
    client, tmp_path, monkeypatch
):
    small = tmp_path / "small.png"
    with media.write(small, size=(64, 40), fps=1) as out:
        out.add(np.ascontiguousarray(next(media.read(CLIP)).image[100:140, 200:264]), 0)
    given = {"model": "mini", "steps": 2, "seed": 3, "scale": 1.5}
    made, job = client.predict(clip=handle_file(small), api_name="/upscale", **given)
    assert next(media.read(made)).image.shape == (60, 96, 3)
    monkeypatch.chdir(tmp_path)
    assert main(["upscale", job]) == 0
    output = json.loads(Path(job).read_text())["settings"]["output"]
    assert (tmp_path / output).read_bytes() == Path(made).read_bytes()


@pytest.mark.slow
def test_errors_reach_a_program_in_one_line(client, served, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"\0" * 3000)
    with pytest.raises(Exception, match=r"broken\.mp4") as caught:
        client.predict(clip=handle_file(broken), prompt="x", api_name="/relight")
    assert "Traceback" not in str(caught.value) and "relight-test-" not in str(caught.value)
    with pytest.raises(Exception, match="past the end"):
        _relight(client, start=99)
    parameters = httpx.get(f"{served.url}/gradio_api/info").json()["named_endpoints"]["/relight"]
    defaults = {p["parameter_name"]: p["parameter_default"] for p in parameters["parameters"]}
    path = httpx.post(
        f"{served.url}/gradio_api/upload", files={"files": ("a.mp4", CLIP.read_bytes())}
    ).json()[0]
    given = {"clip": {"path": path, "meta": {"_type": "gradio.FileData"}}, "prompt": "x"}
    for field, value in (("scene", "x" * 3000), ("light", "sideways"), ("start", 99)):
        data = list({**defaults, **given, field: value}.values())
        answer = httpx.post(f"{served.url}/gradio_api/call/relight", json={"data": data})
        assert answer.status_code == 422, answer.text
        said = answer.json()["detail"]
        faulty = [one["parameter_name"] for one in said if one.get("is_valid") is False]
        assert faulty == [field], said


@pytest.mark.slow
def test_an_mcp_client_finds_the_tools_and_gets_a_preview(served, short):
    pytest.importorskip("mcp")
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    path = httpx.post(
        f"{served.url}/gradio_api/upload", files={"files": ("a.mp4", short.read_bytes())}
    ).json()[0]
    clip = "data:video/mp4;base64," + base64.b64encode(short.read_bytes()).decode()

    async def talk():
        async with (
            streamablehttp_client(f"{served.url}/gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = {tool.name: tool for tool in (await session.list_tools()).tools}
            given = {"clip": clip, "prompt": "red light", "model": "mini", **NUMBERS}
            answer = await session.call_tool("preview", given)
            uploaded = await session.call_tool("preview", {**given, "clip": path})
            address = f"{served.url}/gradio_api/file={path}"
            by_address = await session.call_tool("preview", {**given, "clip": address})
            other = await session.call_tool("preview", {**given, "clip": "/etc/passwd"})
            bad = await session.call_tool(
                "preview", {**given, "clip": "http://169.254.169.254/x.mp4"}
            )
            return tools, [answer, uploaded, by_address], [bad, other]

    tools, good, bad = asyncio.run(talk())
    assert set(tools) == {"relight", "preview", "upscale", "results"}
    properties = tools["relight"].inputSchema["properties"]
    assert "steps" in properties and all(one.get("description") for one in properties.values())
    for answer in good:
        assert not answer.isError and "relit.png" in str(answer.content), answer.content
    assert all(answer.isError for answer in bad)


@pytest.mark.slow
def test_the_first_paint_loads_neither_torch_nor_a_model():
    code = (
        "import sys; from pathlib import Path; from relight.ui.app import build;"
        "from relight.ui.studio import Studio; import tempfile;"
        "build(Studio(Path(tempfile.mkdtemp())), Path('x.mp4'));"
        "sys.exit(any(m in sys.modules for m in ('torch', 'diffusers', 'transformers')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_command_says_what_is_missing(capsys, monkeypatch):
    monkeypatch.setattr("relight.ui.serve.find_spec", lambda name: None)
    assert main(["ui"]) == 2
    line = capsys.readouterr().err.strip()
    assert line == "relight: the studio needs Gradio: pip install 'relight[ui]'"
    assert main(["ui", "--auth", "ann"]) == 2


@pytest.mark.slow
@pytest.mark.soak
def test_fifty_calls_at_once_are_bounded_and_answered(served, short):
    upload = {"files": ("a.mp4", short.read_bytes())}
    path = httpx.post(f"{served.url}/gradio_api/upload", files=upload).json()[0]
    info = httpx.get(f"{served.url}/gradio_api/info").json()["named_endpoints"]["/preview"]
    given = {"clip": {"path": path, "meta": {"_type": "gradio.FileData"}}, "prompt": "red light"}
    given |= {"model": "mini", **NUMBERS}
    data = [given.get(p["parameter_name"], p["parameter_default"]) for p in info["parameters"]]

    async def call(web):
        answer = await web.post("/gradio_api/call/preview", json={"data": data})
        if answer.status_code != 200:
            return answer.text
        event = answer.json()["event_id"]
        async with web.stream("GET", f"/gradio_api/call/preview/{event}") as stream:
            return "".join([line async for line in stream.aiter_lines()])

    async def all_of_them():
        limits = httpx.Limits(max_connections=60)
        async with httpx.AsyncClient(base_url=served.url, timeout=300, limits=limits) as web:
            answers = asyncio.gather(*(call(web) for _ in range(50)))
            looks = []
            while not answers.done():
                begun = time.monotonic()
                await web.get("/theme.css")
                looks.append(time.monotonic() - begun)
                await asyncio.sleep(0.5)
            return await answers, looks

    answers, looks = asyncio.run(all_of_them())
    assert len(answers) == 50 and all(
        "relit.png" in one or "queue" in one.lower() for one in answers
    )
    assert sum("relit.png" in one for one in answers) >= 20
    assert len(looks) > 5 and max(looks) < 20  # nobody else waits for them
