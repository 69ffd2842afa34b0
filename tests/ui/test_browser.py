"""What people do, in a real browser: choose, light, preview, relight, leave, come back, cancel."""

import json
import time
from pathlib import Path

import numpy as np
import pytest

from relight import media
from relight.ui.serve import Options, launch
from tests.ui.conftest import QUICK, opened, ready, small_clip
from tests.ui.proxy import Proxy

TABS = ("Relight", "Upscale", "Batch", "History")


def _choose(page, file, tab="relight"):
    page.set_input_files(f"#{tab}_stage input[type=file]", file)
    page.wait_for_selector(f"#{tab}_stage .facts .name")


def _quick(page, **more):
    """Settings that make a run short, typed into the advanced settings."""
    toggle = page.get_by_role("button", name="Advanced").filter(visible=True)
    toggle.click()
    for name, value in {**QUICK, **more}.items():
        page.locator(f"#relight_{name} :is(input, textarea)").fill(value)
    toggle.click()


def _bar(page, *words, tab="relight", seconds=150):
    """Wait until the bar of a tab holds one of `words`; returns its text."""
    until = time.monotonic() + seconds
    text = ""
    while time.monotonic() < until:
        text = page.inner_text(f"[data-bar={tab}]")
        if any(word in text for word in words):
            return text
        page.wait_for_timeout(60)
    raise AssertionError(f"{words} not told, but {text!r}")


def _result(page, words, tab="relight"):
    page.wait_for_function(
        "([tab, words]) => document.querySelector(`[data-result=${tab}]`)"
        ".innerText.includes(words)",
        arg=[tab, words],
        timeout=240_000,
    )
    return page.inner_text(f"[data-result={tab}]")


def _settled(page, selector):
    """The address of a picture once it has stopped changing."""
    seen, now = None, page.locator(selector).get_attribute("src")
    while seen != now:
        seen = now
        page.wait_for_timeout(700)
        now = page.locator(selector).get_attribute("src")
    return now


def _idle(served, seconds=20):
    until = time.monotonic() + seconds
    while not served.studio.idle and time.monotonic() < until:
        time.sleep(0.05)
    return served.studio.idle


def test_a_clip_is_lit_previewed_relit_and_downloaded(page, served, short, tmp_path):
    _choose(page, short)
    facts = page.inner_text("#relight_stage .facts")
    assert "toy [1].mp4" in facts and "96 × 64" in facts
    page.locator("[data-preset='Red neon']").click()
    page.wait_for_function("document.querySelector('#prompt textarea').value === 'red neon light'")
    page.locator("#prompt textarea").fill("a bunny, red neon light")
    _quick(page)
    page.locator("#relight_seed :is(input, textarea)").fill("")
    assert "mini on cpu" in _bar(page, "memory") and "96 × 64, 6 frames" in _bar(page, "result")

    page.click("#relight_preview")
    told = _result(page, "Preview of one frame")
    seed = page.locator("#relight_seed :is(input, textarea)").input_value()
    assert f"seed {seed}" in told and "not made yet" in told
    page.click("#relight_go")
    assert f"seed {seed}" in _result(page, "done in")

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


@pytest.mark.slow  # a run must outlast page loads, however busy the machine is
def test_a_run_outlives_reload_closed_page_and_cut_connection(profile, served, tmp_path):
    errors = []
    proxy = Proxy(int(served.url.rpartition(":")[2]))
    page = opened(profile, f"http://127.0.0.1:{proxy.port}", errors)
    clip = small_clip(tmp_path / "long.mp4", count=40)
    _choose(page, clip)
    page.locator("#prompt textarea").fill("a bunny, green light")
    _quick(page, relight_steps="200")  # a run that is still there after a reload
    page.wait_for_timeout(300)
    page.click("#relight_go")
    _bar(page, "Relighting")
    page.reload()
    ready(page)
    assert page.inner_text("#relight_stage .facts .name") == "long.mp4"
    assert page.locator("#prompt textarea").input_value() == "a bunny, green light"
    _bar(page, "Relighting", "Writing")
    assert not served.studio.idle
    proxy.cut()
    page.wait_for_timeout(3000)
    proxy.mend()
    page.close()
    again = opened(profile, f"http://127.0.0.1:{proxy.port}", errors)
    _result(again, "done in")
    again.evaluate("localStorage.clear()")
    again.close()
    proxy.close()
    assert not errors


@pytest.mark.slow  # a run must outlast page loads, however busy the machine is
def test_two_visitors_see_their_places_and_cancel(chromium, served, tmp_path):
    errors = []
    clip = small_clip(tmp_path / "a.mp4", count=40)
    contexts = [chromium.new_context(viewport={"width": 1280, "height": 900}) for _ in range(2)]
    first, second = (opened(context, served.url, errors) for context in contexts)
    for page in (first, second):
        _choose(page, clip)
        page.locator("#prompt textarea").fill("blue light")
        _quick(page, relight_steps="900")  # both are cancelled
    kept = set(served.results())
    first.click("#relight_go")
    _bar(first, "Relighting", "Loading")
    begun = time.monotonic()
    second.click("#relight_go")
    _bar(second, "Queued, 1 run ahead")
    assert time.monotonic() - begun < 20  # not after the first run
    second.click("#relight_go")
    _bar(second, "1 more in the queue")
    for _ in range(2):
        second.locator("[data-bar=relight] button.stop").first.click()
        second.wait_for_timeout(500)
    _bar(second, "Cancelled")
    first.get_by_role("button", name="Cancel Relight").first.click()
    _bar(first, "Cancelled")
    assert _idle(served) and set(served.results()) == kept
    for context in contexts:
        context.close()
    assert not errors


@pytest.mark.slow
def test_a_restarted_studio_goes_on(chromium, tmp_path):
    errors, outputs = [], tmp_path / "out"
    served = launch(Options(outputs=outputs))
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = opened(context, served.address, errors)
    _choose(page, small_clip(tmp_path / "b.mp4", count=40))
    page.locator("#prompt textarea").fill("red light")
    _quick(page, relight_steps="200")  # a run that is still there after a reload
    page.click("#relight_go")
    _bar(page, "Relighting")
    port = int(served.address.rstrip("/").rpartition(":")[2])
    served.close()
    again = launch(Options(outputs=outputs, port=port))
    page.goto(again.address)
    ready(page)
    _result(page, "done in")
    assert page.inner_text("#relight_stage .facts .name") == "b.mp4"
    context.close()
    again.close()


COVERED = """() => {
  const bad = [];
  for (const bar of document.querySelectorAll('.actions')) {
    if (!bar.offsetParent) continue;
    for (const node of [bar, ...bar.querySelectorAll('button, .barbody > *')]) {
      const box = node.getBoundingClientRect();
      if (!box.width || !box.height) continue;
      for (const [fx, fy] of [[.5, .5], [.02, .1], [.98, .9], [.3, .1]]) {
        const x = box.left + fx * box.width, y = box.top + fy * box.height;
        if (x < 0 || y < 0 || x >= innerWidth || y >= innerHeight) {
          if (node.tagName === 'BUTTON' && fx === .5) bad.push(['outside', node.innerText]);
          continue;
        }
        const top = document.elementFromPoint(x, y);
        if (!bar.contains(top)) bad.push([node.className, top && top.className, scrollY]);
      }
    }
  }
  return bad;
}"""


@pytest.mark.parametrize("width", [360, 1280, 1920])
def test_nothing_is_painted_over_the_bar(page, width):
    page.set_viewport_size({"width": width, "height": 800})
    page.click("#relight_example")
    page.wait_for_selector("#relight_stage .facts .name")
    page.get_by_role("button", name="Advanced").filter(visible=True).click()
    _bar(page, "memory")
    bad = page.evaluate(
        """async (covered) => {
          const look = eval(covered), bad = [];
          const end = document.documentElement.scrollHeight - innerHeight;
          for (let y = 0; y <= end; y += 10) {
            window.scrollTo({top: y, behavior: 'instant'});
            bad.push(...look());
          }
          return [end, bad.slice(0, 5)];
        }""",
        COVERED,
    )
    assert bad[0] > 300 and bad[1] == []


def test_a_wrong_value_opens_its_place_and_is_told_once(page, served, short):
    page.click("#relight_go")
    assert "no clip yet" in _bar(page, "no clip yet")
    _choose(page, short)
    page.click("#relight_go")
    _bar(page, "no light described yet")
    page.wait_for_function("document.activeElement.closest('#prompt') !== null")
    page.locator("#prompt textarea").fill("red light")
    _quick(page, steps="0")
    page.click("#relight_go")
    assert "steps should be" in _bar(page, "steps should be")
    page.wait_for_selector("#relight_steps :is(input, textarea):visible")
    _bar(page, "steps should be")  # a plan asked for before doesn't wipe it out
    assert page.get_by_text("steps should be").filter(visible=True).count() == 1
    page.locator("#relight_steps :is(input, textarea)").fill("2")
    _bar(page, "memory")
    assert page.get_by_text("steps should be").filter(visible=True).count() == 0
    assert served.studio.idle


def test_a_plan_that_comes_late_leaves_an_error_standing(page, short):
    _choose(page, short)
    page.locator("#prompt textarea").fill("red light")
    _bar(page, "memory")
    plan = page.evaluate("Relight.desk.state.plans.relight")
    _quick(page, steps="0")
    page.click("#relight_go")
    _bar(page, "steps should be")
    page.evaluate("plan => Relight.desk.state.hear({ tab: 'relight', plan })", plan)
    page.evaluate("Relight.desk.state.draw()")
    assert "steps should be" in page.inner_text("[data-bar=relight]")


def test_a_broken_clip_is_told_at_once_in_one_line(page, served, tmp_path):
    broken = tmp_path / "broken film.mp4"
    broken.write_bytes(bytes(range(256)) * 40)
    page.set_input_files("#relight_stage input[type=file]", broken)
    page.wait_for_selector("#relight_stage .facts.bad")
    told = page.inner_text("#relight_stage .facts.bad")
    assert "broken film.mp4" in told and "\n" not in told and "/" not in told.split("broken")[0]
    large = tmp_path / "large.mp4"
    large.write_bytes(b"\0" * 3_000_000)
    page.set_input_files("#relight_stage input[type=file]", large)
    page.wait_for_function(
        "document.querySelector('.facts.bad').innerText.includes('at most 2.0 MB')"
    )
    assert served.studio.idle


def test_a_lamp_is_dragged_and_seen_at_once(page):
    page.click("#relight_example")
    page.wait_for_selector("#relight_stage .facts .name")
    page.click("#add_light")
    lamp = page.locator(".lamp[data-lamp='1']")
    lamp.wait_for()
    page.wait_for_function("document.querySelector('.frame').src.startsWith('data:')")
    before = _settled(page, ".frame")
    lamp.scroll_into_view_if_needed()
    box, frame = lamp.bounding_box(), page.locator(".picture").bounding_box()
    page.mouse.move(box["x"] + 22, box["y"] + 22)
    page.mouse.down()
    goal = frame["x"] + 0.75 * frame["width"], frame["y"] + 0.6 * frame["height"]
    page.mouse.move(*goal, steps=5)
    page.wait_for_function("src => document.querySelector('.frame').src !== src", arg=before)
    page.mouse.up()
    state = page.evaluate("Relight.parts.relight.state.lights[1].settings")
    assert state["x"] == pytest.approx(0.75, abs=0.02) and state["y"] == pytest.approx(
        0.6, abs=0.02
    )
    lamp.focus()
    for key in ("ArrowLeft", "ArrowLeft", "+"):
        lamp.press(key)
    after = page.evaluate("Relight.parts.relight.state.lights[1].settings")
    assert after["x"] == pytest.approx(state["x"] - 0.04) and after["radius"] > state["radius"]
    page.locator("#add_key").click()
    moment = page.locator("input.moment")
    moment.focus()
    moment.press("End")
    lamp.focus()
    lamp.press("Shift+ArrowLeft")
    page.wait_for_function(
        "(() => { const k = Relight.parts.relight.state.keys; return k.length === 3 &&"
        " k[2].lights[1].settings.x < k[1].lights[1].settings.x; })()"
    )
    keys = page.evaluate("Relight.parts.relight.state.keys")
    assert [round(key["seconds"], 1) for key in keys] == [0, 1.5, 3.0]
    assert page.evaluate("document.activeElement.dataset.lamp") == "1"  # drawn anew, still held
    page.wait_for_function("document.querySelectorAll('.mark').length === 3")


def test_a_lamp_moved_just_before_another_moment_is_a_keyframe_of_the_one_that_was_left(page):
    page.click("#relight_example")
    page.wait_for_selector("#relight_stage .facts .name")
    page.click("#add_light")
    page.locator(".lamp[data-lamp='1']").wait_for()
    page.click("#add_key")
    page.wait_for_function("document.querySelectorAll('.mark').length === 2")
    keys = page.evaluate(
        """() => {
          const press = { key: "ArrowLeft", shiftKey: true, bubbles: true };
          const lamp = document.querySelector(".lamp[data-lamp='1']");
          lamp.dispatchEvent(new KeyboardEvent("keydown", press));
          const moment = document.querySelector("input.moment");
          moment.value = "1";
          moment.dispatchEvent(new Event("input", { bubbles: true }));
          return Relight.parts.relight.state.keys;
        }"""
    )
    first, second = (key["lights"][1]["settings"]["x"] for key in keys)
    assert second == pytest.approx(first - 0.1)


def test_scripts_in_prompts_and_names_are_text(page, served, tmp_path):
    bad = "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>"
    clip = small_clip(tmp_path / "<img src=x onerror=window.hacked=1>.mp4", count=2)
    _choose(page, clip)
    page.locator("#prompt textarea").fill(bad)
    _quick(page)
    page.click("#relight_go")
    _result(page, "done in")
    page.get_by_role("tab", name="History").click()
    page.locator(".card").first.click()
    assert "<script>" in page.inner_text(".card")
    assert page.evaluate("window.hacked") is None


def test_every_tab_fits_a_desk_and_a_phone(page):
    for width in (360, 390, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        for tab in TABS:
            page.get_by_role("tab", name=tab, exact=True).first.click()
            page.wait_for_timeout(120)
            page.wait_for_function(  # it fits, and no tab makes the page jump
                "width => document.documentElement.scrollWidth <= window.innerWidth &&"
                " document.querySelector('.gradio-container').offsetWidth === width",
                arg=width,
            )
