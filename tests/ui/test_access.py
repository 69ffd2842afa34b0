"""The page for everybody: axe-core in both modes, keyboard alone, large targets, headings."""

import pytest

from tests.ui.conftest import opened

TABS = ("Relight", "Upscale", "Batch", "History")
GRADIOS_OWN = {
    "aria-allowed-attr",  # of its dropdowns
}


@pytest.fixture(scope="module", params=["light", "dark"])
def told(request, chromium, served):
    """A page with the example loaded, in one mode."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    errors = []
    context = chromium.new_context(
        viewport={"width": 1280, "height": 1000}, color_scheme=request.param
    )
    page = opened(context, served.url, errors)
    page.click("#relight_example")
    page.wait_for_selector("#relight_stage .facts .name")
    page.wait_for_selector(".preset img")
    page.get_by_role("button", name="Advanced").filter(visible=True).click()
    page.wait_for_timeout(800)
    yield page, axe
    context.close()
    assert not errors


def _serious(axe, page):
    found = axe.run(page).response["violations"]
    return [
        (one["id"], one["impact"], [node["target"] for node in one["nodes"]][:4])
        for one in found
        if one["impact"] in ("serious", "critical") and one["id"] not in GRADIOS_OWN
    ]


@pytest.mark.slow
def test_axe_finds_nothing_serious(told):
    page, axe = told
    for tab in TABS:
        page.get_by_role("tab", name=tab, exact=True).first.click()
        page.wait_for_timeout(300)
        assert _serious(axe, page) == [], tab


def test_headings_language_and_targets(page):
    page.click("#relight_example")
    page.wait_for_selector("#relight_stage .facts .name")
    assert page.evaluate("document.documentElement.lang") == "en"
    headings = page.locator("h1, h2").filter(visible=True).all_inner_texts()
    assert headings == ["Relight", "Clip", "Light", "Run"]
    assert page.get_by_text("Their files").filter(visible=True).count() == 0  # that is for programs
    small = page.evaluate(
        """() => [...document.querySelectorAll('.stage button, .lights button, .lights select,'
          + '.actions button, [role=tab], .lights input, .stage input[type=range]')]
          .filter(n => n.offsetParent && !n.matches('.grip, .mark'))
          .map(n => [n.id || n.className || n.tagName, n.getBoundingClientRect().height])
          .filter(([, height]) => height < 43.5)"""
    )
    assert small == []


@pytest.mark.slow
def test_a_journey_with_the_keyboard_alone(page, served):
    """From the empty page to a queued run without a pointer."""

    def until(condition, key="Tab", most=80):
        for _ in range(most):
            if page.evaluate(condition):
                return
            page.keyboard.press(key)
        raise AssertionError(f"not reached: {condition}")

    until("document.activeElement.id === 'relight_example'")
    page.keyboard.press("Enter")
    page.wait_for_selector("#relight_stage .facts .name")
    until("document.activeElement.matches('.sun')")
    before = page.evaluate("Relight.parts.relight.state.lights[0].word")
    page.keyboard.press("ArrowRight")
    assert before == "left"
    page.wait_for_function("Relight.parts.relight.state.lights[0].settings.angle === 175")
    until("document.activeElement.closest('#prompt') !== null")
    page.keyboard.press("Control+a")
    page.keyboard.type("a bunny, moonlight")
    page.wait_for_timeout(400)
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("[data-bar=relight] .run button.stop")
    until("document.activeElement.matches('[data-bar=relight] button.stop')", most=120)
    page.keyboard.press("Enter")
    page.wait_for_function(
        "document.querySelector('[data-bar=relight]').innerText.includes('Cancel')"
    )
