"""What people do, in a real browser: look, choose, preview, relight, compare, download, cancel."""

import json
import time
import zipfile
from pathlib import Path

import numpy as np

from relight import media
from tests.ui.conftest import CLIP, QUICK

TABS = ("Relight", "Upscale", "Batch", "History")


def _upload(page, file):
    page.set_input_files("#clip input[type=file]", file)


def _advanced(page, **settings):
    toggle = page.get_by_role("button", name="Advanced settings").first
    toggle.click()
    for name, value in settings.items():
        page.locator(f"#relight_{name} :is(input, textarea)").fill(value)
    toggle.click()


def _status(page, *words, seconds=90):
    """Wait until the status of the tab in view holds one of `words`; returns its text."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        text = page.locator(".status:visible").first.inner_text()
        if any(word in text for word in words):
            return text
        page.wait_for_timeout(100)
    raise AssertionError(f"{words} not told, but {text!r}")


def _idle(served, seconds):
    until = time.monotonic() + seconds
    while not served.studio.idle and time.monotonic() < until:
        time.sleep(0.05)
    return served.studio.idle


def _picture(page, selector):
    return page.locator(f"{selector} img").first.get_attribute("src")


def test_a_clip_is_previewed_relit_compared_and_downloaded(page, served, tmp_path):
    _upload(page, CLIP)
    page.wait_for_selector(".facts .name")
    facts = page.inner_text(".facts")
    assert "640 × 360" in facts and "3.0" in facts and "with sound" in facts
    page.get_by_role("button", name="Red neon").click()
    page.wait_for_function("document.querySelector('#prompt textarea').value.includes('red neon')")

    page.wait_for_timeout(500)
    left = _picture(page, "#look")
    page.get_by_label("↑ Top").check()
    page.wait_for_function(f"document.querySelector('#look img').src != {json.dumps(left)}")

    _advanced(page, **QUICK, frames="12")
    page.click("#relight_preview")
    _status(page, "This is the first second")
    assert page.locator(".compare").first.is_visible()
    page.click("#relight_go")
    _status(page, "Done in")

    before = _picture(page, ".compare")
    moment = page.locator("input[type=range]:visible").first
    moment.focus()
    moment.press("End")
    page.wait_for_function(f"document.querySelector('.compare img').src != {json.dumps(before)}")

    with page.expect_download() as got:
        page.get_by_role("button", name="Download the clip").first.click()
    file = tmp_path / "got.mp4"
    got.value.save_as(file)
    frames = list(media.read(file))
    source = list(media.read(CLIP, frames=12))
    assert len(frames) == 12 and frames[0].image.shape == (360, 640, 3)
    assert np.abs(frames[5].image.astype(int) - source[5].image).mean() > 1
    assert media.probe(file).has_audio
    with page.expect_download() as got:
        page.get_by_role("button", name="Download settings").first.click()
    settings = json.loads(Path(got.value.path()).read_text())["settings"]
    assert settings["light"] == "top" and settings["steps"] == 2
    assert settings["input"] == "big_buck_bunny.mp4"

    page.reload()
    page.wait_for_selector("#relight_go")
    page.get_by_role("tab", name="History").click()
    page.locator("#gallery button.thumbnail-item").first.click()
    assert "red neon" in _status(page, "Seed 7")
    page.click("#again")
    page.wait_for_function("document.querySelector('#prompt textarea').value.includes('red neon')")
    page.wait_for_selector(".facts .name:visible")
    assert page.get_by_label("↑ Top").is_checked()
    page.get_by_role("button", name="Advanced settings").first.click()
    assert page.locator("#relight_steps :is(input, textarea)").input_value() == "2"


def test_the_light_of_ones_own_picture_is_used(page, served, tmp_path):
    light = tmp_path / "light.png"
    with media.write(light, size=(64, 64), fps=1) as out:
        out.add(np.dstack([np.full((64, 64), v, np.uint8) for v in (255, 40, 40)]), 0)
    page.click("#relight_example")
    page.wait_for_selector(".facts .name")
    page.get_by_label("My picture").check()
    page.click("#relight_preview")
    page.get_by_text("no picture for the light yet").first.wait_for()
    page.wait_for_selector("#light_image input[type=file]", state="attached")
    page.set_input_files("#light_image input[type=file]", light)
    page.wait_for_selector("#light_image img")
    _advanced(page, **QUICK, frames="2")
    page.click("#relight_go")
    _status(page, "Done in")
    with page.expect_download() as got:
        page.get_by_role("button", name="Download settings").first.click()
    assert json.loads(Path(got.value.path()).read_text())["settings"]["light"] == "light.png"


def test_cancel_stops_the_machine_and_leaves_nothing(page, served):
    kept = set(served.results())
    page.click("#relight_example")
    page.wait_for_selector(".facts .name")
    page.click("#relight_go")
    _status(page, "Relighting")
    assert not served.studio.idle
    page.locator("#relight_cancel").click()
    _status(page, "Stopped")
    assert _idle(served, 10)
    assert set(served.results()) == kept
    assert (
        page.locator("#relight_go").is_enabled() and page.locator("#relight_cancel").is_disabled()
    )


def test_a_closed_page_stops_its_job(page, served):
    page.click("#relight_example")
    page.wait_for_selector(".facts .name")
    page.click("#relight_go")
    _status(page, "Relighting")
    page.goto("about:blank")
    assert _idle(served, 30)


def test_a_broken_clip_is_told_at_once_in_one_line_and_never_queued(page, served, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(bytes(range(256)) * 40)
    _upload(page, broken)
    page.wait_for_selector(".facts.bad")
    told = page.inner_text(".facts.bad")
    assert "broken.mp4" in told and "\n" not in told and "/" not in told.split("broken.mp4")[0]
    page.locator("#prompt textarea").fill("red light")
    page.click("#relight_go")
    page.wait_for_timeout(1500)
    assert served.studio.idle and page.locator("#relight_go").is_enabled()


def test_scripts_in_prompts_and_names_are_text(page, served, tmp_path):
    bad = "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>"
    clip = tmp_path / "<img src=x onerror=window.hacked=1>.mp4"
    clip.write_bytes(CLIP.read_bytes())
    _upload(page, clip)
    page.wait_for_selector(".facts .name")
    page.locator("#prompt textarea").fill(bad)
    _advanced(page, **QUICK, frames="2")
    page.click("#relight_go")
    _status(page, "Done in")
    page.get_by_role("tab", name="Batch").click()
    page.wait_for_timeout(300)
    page.get_by_role("tab", name="History").click()
    page.locator("#gallery button.thumbnail-item").first.click()
    assert "<script>" in _status(page, "Seed 7")
    assert page.evaluate("window.hacked") is None


def test_a_batch_goes_on_past_a_failure_and_gives_a_zip(page, served, tmp_path):
    page.locator("#prompt textarea").fill("a bunny, green light")
    _advanced(page, **QUICK, frames="2")
    names = ["one.mp4", "broken.mp4", "three.mp4"]
    for name in names:
        content = b"\0" * 2000 if name == "broken.mp4" else CLIP.read_bytes()
        (tmp_path / name).write_bytes(content)
    page.get_by_role("tab", name="Batch").click()
    page.wait_for_timeout(500)
    page.set_input_files("#batch_files input[type=file]", [tmp_path / name for name in names])
    page.locator("tr.waits").nth(2).wait_for()
    page.click("#batch_go")
    assert "1 failed" in _status(page, "2 of 3 done")
    assert "broken.mp4" in page.locator("tr.failed").inner_text()
    with page.expect_download() as got:
        page.locator("#batch_zip").click()
    with zipfile.ZipFile(got.value.path()) as packed:
        made = sorted(packed.namelist())
        assert made == ["01-one.json", "01-one.mp4", "02-three.json", "02-three.mp4"]
        packed.extract("02-three.mp4", tmp_path / "out")
    assert len(list(media.read(tmp_path / "out" / "02-three.mp4"))) == 2


def test_a_picture_is_upscaled_compared_and_downloaded(page, served, tmp_path):
    picture = tmp_path / "small.png"
    with media.write(picture, size=(72, 48), fps=1) as out:
        out.add(np.ascontiguousarray(next(media.read(CLIP)).image[100:148, 200:272]), 0)
    page.get_by_role("tab", name="Upscale").click()
    page.set_input_files("#upscale_clip input[type=file]", picture)
    page.get_by_text("72 × 48").first.wait_for()
    toggle = page.get_by_role("button", name="Advanced settings").filter(visible=True)
    toggle.click()
    page.locator("#upscale_steps :is(input, textarea)").fill("2")
    toggle.click()
    page.click("#upscale_preview")
    _status(page, "middle of the first frame. Press")
    page.get_by_label("3 ×").check()
    page.click("#upscale_go")
    _status(page, "Done in")
    with page.expect_download() as got:
        page.get_by_role("button", name="Download the picture").filter(visible=True).click()
    got.value.save_as(tmp_path / "got.png")
    larger = next(media.read(tmp_path / "got.png")).image
    assert larger.shape == (144, 216, 3) and larger.std() > 5
    with page.expect_download() as got:
        page.get_by_role("button", name="Download settings").filter(visible=True).click()
    settings = json.loads(Path(got.value.path()).read_text())["settings"]
    assert settings["scale"] == 3 and settings["input"] == "small.png"
    page.get_by_role("tab", name="History").click()
    page.locator("#gallery button.thumbnail-item").first.click()
    _status(page, "small.png")
    page.click("#again")
    page.get_by_text("72 × 48").first.wait_for()


def test_every_tab_fits_a_desk_and_a_phone(page):
    tabs = [t for t in page.get_by_role("tab").all_inner_texts() if t in TABS]
    assert len(tabs) >= 3
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 844})
        for tab in tabs:
            page.get_by_role("tab", name=tab, exact=True).first.click()
            page.wait_for_timeout(150)
            over = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert over <= 0, (tab, width)
            across = page.evaluate("document.querySelector('.gradio-container').offsetWidth")
            assert across == width, (tab, width)  # no tab makes the page jump


def test_everything_is_reached_by_keyboard(page):
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "(document.activeElement.closest('[id]:not([id^=component])') || {}).id || ''"
            )
        )
    assert {"relight_example", "prompt", "light", "relight_preview", "relight_go"} <= reached, (
        reached
    )
    page.locator("#relight_example").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".facts .name")
