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


def test_notes_of_a_run_stand_under_its_result_and_in_history(page, served, short):
    put_run(served, page, short, notes=["The file is cut short: 3 of 24 frames."])
    assert "cut short: 3 of 24" in result(page, "done in")
    page.get_by_role("tab", name="History").click()
    page.locator(".card").first.click()
    assert "cut short: 3 of 24" in page.inner_text(".detail")
