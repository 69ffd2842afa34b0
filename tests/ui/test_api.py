"""The endpoints for programs: what gradio_client and an MCP client get is a real, relit clip."""

import asyncio
import base64
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file

from relight import media
from relight.cli import main
from relight.jobs import RelightJob, UpscaleJob
from relight.ui import controls
from tests.ui.conftest import CLIP, QUICK

NUMBERS = {name: int(value) for name, value in QUICK.items()}


@pytest.fixture(scope="module")
def client(served, tmp_path_factory):
    client = Client(served.url, download_files=tmp_path_factory.mktemp("got"), verbose=False)
    yield client
    client.close()


def _relight(client, **settings):
    given = {"prompt": "a bunny, red neon light", "model": "mini", **NUMBERS, **settings}
    return client.predict(clip=handle_file(CLIP), api_name="/relight", **given)


def test_the_parameters_are_the_fields_of_the_job(client):
    told = client.view_api(print_info=False, return_format="dict")["named_endpoints"]
    assert set(told) == {"/relight", "/preview", "/upscale"}
    for endpoint, job, wanted in (
        ("/relight", RelightJob, {"clip", "prompt"}),
        ("/preview", RelightJob, {"clip", "prompt"}),
        ("/upscale", UpscaleJob, {"clip"}),
    ):
        parameters = {p["parameter_name"]: p for p in told[endpoint]["parameters"]}
        assert set(controls.open_fields(job)) <= set(parameters)
        needed = {n for n, p in parameters.items() if not p["parameter_has_default"]}
        assert needed == wanted


def test_a_clip_is_relit_and_its_settings_run_on_the_command_line(client, tmp_path, monkeypatch):
    made, job = _relight(client, frames=8, light="right")
    made = made["video"] if isinstance(made, dict) else made
    frames = list(media.read(made))
    source = list(media.read(CLIP, frames=8))
    assert len(frames) == 8 and frames[0].image.shape == source[0].image.shape
    assert np.abs(frames[4].image.astype(int) - source[4].image).mean() > 1
    assert media.probe(made).has_audio
    settings = json.loads(Path(job).read_text())["settings"]
    assert settings["seed"] == 7 and settings["light"] == "right" and "/" not in settings["input"]
    (tmp_path / settings["input"]).write_bytes(CLIP.read_bytes())
    monkeypatch.chdir(tmp_path)
    assert main(["run", job]) == 0
    assert (tmp_path / settings["output"]).read_bytes() == Path(made).read_bytes()


def test_a_preview_is_the_first_second_in_a_small_size(client):
    made, _ = client.predict(
        clip=handle_file(CLIP),
        prompt="moonlight",
        model="mini",
        **NUMBERS,
        api_name="/preview",
    )
    info = media.probe(made["video"] if isinstance(made, dict) else made)
    assert info.height <= 360 and 0.9 <= info.duration <= 1.1


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


def test_errors_reach_a_program_in_one_line(client, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"\0" * 3000)
    with pytest.raises(Exception, match=r"broken\.mp4") as caught:
        client.predict(clip=handle_file(broken), prompt="x", api_name="/relight")
    assert "Traceback" not in str(caught.value) and "relight-test-" not in str(caught.value)
    with pytest.raises(Exception, match="past the end"):
        _relight(client, start=99)


def test_an_mcp_client_finds_the_tools_and_gets_a_preview(served, tmp_path):
    pytest.importorskip("mcp")
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    short = tmp_path / "short.mp4"
    with media.write(short, size=(64, 48), fps=8) as out:
        for frame in media.read(CLIP, frames=4):
            out.add(np.ascontiguousarray(frame.image[:48, :64]), frame.time)
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
            bad = await session.call_tool(
                "preview", {**given, "clip": "http://169.254.169.254/x.mp4"}
            )
            return tools, answer, bad

    tools, answer, bad = asyncio.run(talk())
    assert set(tools) == {"relight", "preview", "upscale"}
    assert "steps" in tools["relight"].inputSchema["properties"]
    assert not answer.isError and "relit.mp4" in str(answer.content), answer.content
    assert bad.isError


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
