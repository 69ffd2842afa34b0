"""Runs in a real browser: light, preview, relight, download; leave, come back, cancel."""

import json
import time
from pathlib import Path

import numpy as np
import pytest

from relight import media
from relight.ui.serve import Options, launch
from tests.ui.conftest import opened, ready, small_clip
from tests.ui.proxy import Proxy

from .browsing import bar, choose, idle, quick, result


@pytest.mark.slow
def test_a_clip_is_lit_previewed_relit_and_downloaded(page, served, short, tmp_path):
    choose(page, short)
    facts = page.inner_text("#relight_stage .facts")
    assert "toy [1].mp4" in facts and "96 × 64" in facts
    page.locator("[data-preset='Red neon']").click()
    page.wait_for_function("document.querySelector('#prompt textarea').value === 'red neon light'")
    page.locator("#prompt textarea").fill("a bunny, red neon light")
    quick(page)
    page.locator("#relight_seed :is(input, textarea)").fill("")
    assert "mini on cpu" in bar(page, "memory") and "96 × 64, 6 frames" in bar(page, "result")

    page.click("#relight_preview")
    told = result(page, "Preview of one frame")
    seed = page.locator("#relight_seed :is(input, textarea)").input_value()
    assert f"seed {seed}" in told and "not made yet" in told
    page.click("#relight_go")
    assert f"seed {seed}" in result(page, "done in")

    with page.expect_download() as got:
        page.get_by_role("link", name="Download the clip").first.click()
    assert got.value.suggested_filename == "toy [1]-relit.mp4"
    frames = list(media.read(got.value.path()))
    source = list(media.read(short))
    assert len(frames) == 6 and frames[0].image.shape == (64, 96, 3)
    assert np.abs(frames[3].image.astype(int) - source[3].image).mean() > 1
    with page.expect_download() as got:
        page.get_by_role("link", name="Download settings").first.click()
    settings = json.loads(Path(got.value.path()).read_text())["settings"]
    assert settings["light"] == "left:color=#ff3b3b" and settings["seed"] == int(seed)
    assert settings["input"] == "toy [1].mp4"

    wipe = page.locator("[data-result=relight] input.wipe")
    wipe.focus()
    wipe.press("Home")
    clip = page.locator("[data-result=relight] video.before")
    assert "100%" in clip.evaluate("v => v.style.clipPath")
    page.get_by_role("button", name="Play").first.click()
    page.wait_for_function("document.querySelector('video.after').currentTime > 0")
    both = page.evaluate(
        "['before', 'after'].map(c => document.querySelector(`video.${c}`).currentTime)"
    )
    assert abs(both[0] - both[1]) < 0.3

    page.get_by_role("tab", name="History").click()
    page.locator(".card").first.click()
    assert "toy [1].mp4" in page.inner_text(".detail .about")
    page.click("#delete")
    page.locator("#undo").click()
    page.locator(".card").first.click()
    page.click("#again")
    page.wait_for_selector("#relight_stage .facts .name:visible")
    assert page.inner_text("#relight_stage .facts .name") == "toy [1].mp4"
    page.wait_for_function("document.querySelector('#prompt textarea').value.includes('red neon')")
    page.wait_for_function("Relight.parts.relight.state.lights[0]?.settings.color === '#ff3b3b'")


@pytest.mark.slow
@pytest.mark.soak  # a run must outlast page loads, however busy the machine is
def test_a_run_outlives_reload_closed_page_and_cut_connection(profile, served, tmp_path):
    errors = []
    proxy = Proxy(int(served.url.rpartition(":")[2]))
    page = opened(profile, f"http://127.0.0.1:{proxy.port}", errors)
    clip = small_clip(tmp_path / "long.mp4", count=40)
    choose(page, clip)
    page.locator("#prompt textarea").fill("a bunny, green light")
    quick(page, relight_steps="200")  # a run that is still there after a reload
    page.wait_for_timeout(300)
    page.click("#relight_go")
    bar(page, "Relighting")
    page.reload()
    ready(page)
    assert page.inner_text("#relight_stage .facts .name") == "long.mp4"
    assert page.locator("#prompt textarea").input_value() == "a bunny, green light"
    bar(page, "Relighting", "Writing")
    assert not served.studio.idle
    proxy.cut()
    page.wait_for_timeout(3000)
    proxy.mend()
    page.close()
    again = opened(profile, f"http://127.0.0.1:{proxy.port}", errors)
    result(again, "done in")
    again.evaluate("localStorage.clear()")
    again.close()
    proxy.close()
    assert not errors


@pytest.mark.slow
@pytest.mark.soak  # a run must outlast page loads, however busy the machine is
def test_two_visitors_see_their_places_and_cancel(chromium, served, tmp_path):
    errors = []
    clip = small_clip(tmp_path / "a.mp4", count=40)
    contexts = [chromium.new_context(viewport={"width": 1280, "height": 900}) for _ in range(2)]
    first, second = (opened(context, served.url, errors) for context in contexts)
    for page in (first, second):
        choose(page, clip)
        page.locator("#prompt textarea").fill("blue light")
        quick(page, relight_steps="900")  # both are cancelled
    kept = set(served.results())
    first.click("#relight_go")
    bar(first, "Relighting", "Loading")
    begun = time.monotonic()
    second.click("#relight_go")
    bar(second, "Queued, 1 run ahead")
    assert time.monotonic() - begun < 20  # not after the first run
    second.click("#relight_go")
    bar(second, "1 more in the queue")
    for _ in range(2):
        second.locator("[data-bar=relight] button.stop").first.click()
        second.wait_for_timeout(500)
    bar(second, "Cancelled")
    first.get_by_role("button", name="Cancel Relight").first.click()
    bar(first, "Cancelled")
    assert idle(served) and set(served.results()) == kept
    for context in contexts:
        context.close()
    assert not errors


@pytest.mark.slow
@pytest.mark.soak
def test_a_restarted_studio_goes_on(chromium, tmp_path):
    errors, outputs = [], tmp_path / "out"
    served = launch(Options(outputs=outputs))
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = opened(context, served.address, errors)
    choose(page, small_clip(tmp_path / "b.mp4", count=40))
    page.locator("#prompt textarea").fill("red light")
    quick(page, relight_steps="200")  # a run that is still there after a reload
    page.click("#relight_go")
    bar(page, "Relighting")
    port = int(served.address.rstrip("/").rpartition(":")[2])
    served.close()
    again = launch(Options(outputs=outputs, port=port))
    page.goto(again.address)
    ready(page)
    result(page, "done in")
    assert page.inner_text("#relight_stage .facts .name") == "b.mp4"
    context.close()
    again.close()
