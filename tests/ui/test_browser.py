"""The page in a real browser: what it says, where it stands, lamps that are dragged."""

import threading

import pytest

from relight.ui import run_tab
from tests.ui.conftest import small_clip

from .browsing import bar, choose, quick, result, settled

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


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1280, 1920])
def test_nothing_is_painted_over_the_bar(page, width):
    page.set_viewport_size({"width": width, "height": 800})
    page.click("#relight_example")
    page.wait_for_selector("#relight_stage .facts .name")
    page.get_by_role("button", name="Advanced").filter(visible=True).click()
    bar(page, "memory")
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


@pytest.mark.slow
def test_the_bar_leaves_buttons_free_and_placeholders_are_pale(page):
    page.set_viewport_size({"width": 1300, "height": 900})
    page.click("#relight_example")
    page.wait_for_selector("#relight_stage .tools button")
    page.wait_for_selector(".region input[type=text]")
    ends = "[...document.querySelectorAll('.tools button, .tools label')].map(bottom)"
    assert page.evaluate(
        f"(() => {{ const bottom = (node) => node.getBoundingClientRect().bottom;"
        f" return Math.max(...{ends}) < [...document.querySelectorAll('.actions')]"
        f".find((bar) => bar.offsetParent).getBoundingClientRect().top; }})()"
    )
    same = page.evaluate(
        """() => [...document.querySelectorAll('input, textarea')].filter((node) =>
          node.placeholder && getComputedStyle(node, '::placeholder').color ===
          getComputedStyle(node).color).map((node) => node.placeholder)"""
    )
    assert same == []


@pytest.mark.slow
def test_a_wrong_value_opens_its_place_and_is_told_once(page, served, short):
    page.click("#relight_go")
    assert "no clip yet" in bar(page, "no clip yet")
    choose(page, short)
    page.click("#relight_go")
    bar(page, "no light described yet")
    page.wait_for_function("document.activeElement.closest('#prompt') !== null")
    page.locator("#prompt textarea").fill("red light")
    quick(page, steps="0")
    page.click("#relight_go")
    assert "steps should be" in bar(page, "steps should be")
    page.wait_for_selector("#relight_steps :is(input, textarea):visible")
    bar(page, "steps should be")  # a plan asked for before doesn't wipe it out
    assert page.get_by_text("steps should be").filter(visible=True).count() == 1
    page.locator("#relight_steps :is(input, textarea)").fill("2")
    bar(page, "memory")
    assert page.get_by_text("steps should be").filter(visible=True).count() == 0
    assert served.studio.idle


@pytest.mark.slow
def test_a_plan_that_comes_late_leaves_an_error_standing(page, short):
    choose(page, short)
    page.locator("#prompt textarea").fill("red light")
    bar(page, "memory")
    plan = page.evaluate("Relight.desk.state.plans.relight")
    quick(page, steps="0")
    page.click("#relight_go")
    bar(page, "steps should be")
    page.evaluate("plan => Relight.desk.state.hear({ tab: 'relight', plan })", plan)
    page.evaluate("Relight.desk.state.draw()")
    assert "steps should be" in page.inner_text("[data-bar=relight]")


@pytest.mark.slow
def test_while_a_plan_is_made_the_bar_does_not_ask_for_what_is_there(page, short, monkeypatch):
    go_on, plan = threading.Event(), run_tab.expected
    monkeypatch.setattr(run_tab, "expected", lambda order: go_on.wait(60) and plan(order))
    choose(page, short)
    assert "describe the light" in bar(page, "describe the light")
    page.locator("#prompt textarea").press_sequentially("red light")
    try:
        assert "describe the light" not in bar(page, "Finding out")
        late = "Relight.desk.state.asked.relight - 1"
        page.evaluate(f"Relight.desk.state.hear({{ tab: 'relight', plan: {{}}, asked: {late} }})")
        page.evaluate("Relight.desk.state.draw()")
        assert "Finding out" in page.inner_text("[data-bar=relight]")
    finally:
        go_on.set()
    bar(page, "memory")


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


@pytest.mark.slow
def test_a_lamp_is_dragged_and_seen_at_once(page):
    page.click("#relight_example")
    page.wait_for_selector("#relight_stage .facts .name")
    page.click("#add_light")
    lamp = page.locator(".lamp[data-lamp='1']")
    lamp.wait_for()
    page.wait_for_function("document.querySelector('.frame').src.startsWith('data:')")
    before = settled(page, ".frame")
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


def test_a_trim_takes_the_moment_along_so_that_it_is_of_the_run(page, tmp_path):
    choose(page, small_clip(tmp_path / "three seconds.mp4", count=24))
    assert page.evaluate("Relight.parts.relight.state.moment") == 1.5
    state = "(({ begin, end, moment }) => [begin, end, moment])(Relight.parts.relight.state)"
    put = "(n, v) => { n.value = v; n.dispatchEvent(new Event('input')); }"
    page.get_by_label("End", exact=True).evaluate(put, "0.25")
    assert page.evaluate(state) == pytest.approx([0, 0.75, 0.75 - 1 / 8])
    page.get_by_label("Begin").evaluate(put, "0.215")
    assert page.evaluate(state) == pytest.approx([0.645, 0.75, 0.645])
    page.get_by_label("End", exact=True).evaluate(put, "1")
    page.get_by_label("Begin").evaluate(put, "0.5")
    assert page.evaluate(state) == [1.5, None, 1.5]
    page.evaluate("Relight.parts.relight.trim(0.5)")
    page.get_by_label("Begin").evaluate(put, "0")
    page.evaluate("Relight.parts.relight.trim(1)")
    assert page.evaluate(state) == pytest.approx([0, 1, 1 - 1 / 8])


@pytest.mark.slow
def test_scripts_in_prompts_and_names_are_text(page, served, tmp_path):
    bad = "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>"
    clip = small_clip(tmp_path / "<img src=x onerror=window.hacked=1>.mp4", count=2)
    choose(page, clip)
    page.locator("#prompt textarea").fill(bad)
    quick(page)
    page.click("#relight_go")
    result(page, "done in")
    page.get_by_role("tab", name="History").click()
    page.locator(".card").first.click()
    assert "<script>" in page.inner_text(".card")
    assert page.evaluate("window.hacked") is None
