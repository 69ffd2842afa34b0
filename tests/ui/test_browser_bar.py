"""What the bar says beside runs that are over: errors, failures, and what of them goes on."""

from .browsing import bar, put_run, result, settle


def test_an_error_after_a_finished_run_stays_and_the_result_is_left_alone(page, served, short):
    put_run(served, page, short)
    result(page, "done in")
    page.evaluate("document.querySelector('[data-result] video').dataset.own = 'yes'")
    page.click("#relight_go")
    bar(page, "no clip yet", seconds=10)
    settle(page)
    assert "no clip yet" in page.inner_text("[data-bar=relight]")
    assert page.locator("[data-result] video[data-own=yes]").count() == 1
    told = {"tab": "relight", "text": "The settings are loaded, but for mask.", "stays": True}
    page.evaluate("told => Relight.desk.state.hear(told)", told)
    settle(page)
    assert "but for mask" in page.inner_text("[data-bar=relight]")
