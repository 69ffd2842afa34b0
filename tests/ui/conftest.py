"""A studio served by real code on a free port, and a real browser where this machine has one."""

import atexit
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

os.environ["GRADIO_TEMP_DIR"] = tempfile.mkdtemp(prefix="relight-test-")  # before gradio's import

import httpx
import numpy as np
import pytest

from relight import media
from relight.ui.serve import Options, launch
from relight.ui.shelf import Entry, Shelf, new_id
from relight.ui.studio import Studio
from tests.samples import CLIP

atexit.register(shutil.rmtree, os.environ["GRADIO_TEMP_DIR"], ignore_errors=True)

QUICK = {"steps": "2", "relight_steps": "2", "side": "64", "seed": "7"}
"""Settings that make the mini model answer within seconds."""
LIMIT = 2_000_000


@dataclass(frozen=True)
class Served:
    url: str
    outputs: Path
    studio: Studio

    def results(self) -> list[Path]:
        """Everything stored in anybody's folder, but for brought files."""
        return [p for p in self.outputs.glob("*/*/*") if p.parent.name != "files"]


def small_clip(path, count=6, size=(96, 64)):
    """A few frames of the example, small, at 8 frames a second."""
    with media.write(path, size=size, fps=8) as out:
        for i, frame in enumerate(media.read(CLIP, frames=count)):
            out.add(np.ascontiguousarray(frame.image[: size[1] * 4 : 4, : size[0] * 4 : 4]), i / 8)
    return path


@pytest.fixture(scope="session")
def short(tmp_path_factory):
    """A clip that is relit within two seconds."""
    return small_clip(tmp_path_factory.mktemp("short") / "toy [1].mp4")


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """The studio as `relight ui` serves it, with uploads limited to 2 MB."""
    outputs = tmp_path_factory.mktemp("studio")
    here = launch(Options(outputs=outputs, max_file_size=f"{LIMIT}b"))
    yield Served(here.address.rstrip("/"), outputs, here.studio)
    here.close()


@pytest.fixture(scope="module")
def web(served):
    """An HTTP client of it."""
    with httpx.Client(base_url=served.url, timeout=60) as client:
        yield client


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


@pytest.fixture(scope="module")  # Playwright keeps an event loop running in this thread
def chromium():
    """A real browser; its tests are skipped where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def profile(chromium):
    """A browser profile: pages of it share the cache, so that only the first is slow."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    yield context
    context.close()


def opened(context, url, errors):
    """A page of the studio that is ready for a visitor."""
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(url)
    ready(page)
    return page


def ready(page):
    page.wait_for_function("window.Relight && Relight.ready && Relight.who")


@pytest.fixture
def page(profile, served):
    """The studio as a new visitor finds it, in a desktop's size; no script error is let through."""
    errors = []
    page = opened(profile, served.url, errors)
    yield page
    page.goto(f"{served.url}/theme.css")
    page.evaluate("localStorage.clear()")
    page.close()
    assert not errors
