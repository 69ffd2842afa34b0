"""What the bar says beside runs that are over: errors, failures, and what of them goes on."""

from .browsing import bar, choose, put_run, result, settle


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


def test_an_old_failure_goes_with_another_clip_or_run_and_hides_no_message(page, served, short):
    def failed(**more):
        run = put_run(served, page, short, "failed", error="something broke", **more)
        settle(page)
        return run

    failed()
    assert "something broke" in bar(page, "something broke", seconds=10)
    told = {"tab": "relight", "text": "The settings are loaded."}
    page.evaluate("told => Relight.desk.state.hear(told)", told)
    bar(page, "settings are loaded", seconds=10)
    choose(page, short)
    settle(page)
    assert "something broke" not in page.inner_text("[data-bar=relight]")
    other = failed(kind="upscale")
    last = failed()
    page.evaluate("run => Relight.desk.state.hear({ tab: 'relight', run })", last.id)
    settle(page)
    assert "something broke" in page.inner_text("[data-bar=relight]")  # it is that run
    page.evaluate("Relight.desk.state.hear({ tab: 'relight', run: 'a newer one' })")
    settle(page)
    assert "something broke" not in page.inner_text("[data-bar=relight]")
    assert served.studio.runs.of(other.owner) == [other]


def test_failures_of_an_earlier_batch_go_with_the_next(page, served, short):
    for batch in ("a" * 32, "b" * 32):
        put_run(served, page, short, "failed", batch=batch, error=f"broke in {batch[0]}")
    page.get_by_role("tab", name="Batch").click()
    bar(page, "broke in b", tab="batch", seconds=10)
    page.evaluate("run => Relight.desk.state.hear({ tab: 'batch', run })", "b" * 32)
    settle(page)
    assert "broke in b" in page.inner_text("[data-bar=batch]")
    owner = page.evaluate("Relight.who")
    assert [run.error for run in served.studio.runs.of(owner)] == ["broke in b"]
    page.set_input_files("#batch_files input[multiple]", short)
    page.locator("tr.ready").wait_for()
    settle(page)
    assert not served.studio.runs.of(owner)


def test_a_result_above_the_view_is_scrolled_to_and_goes_when_it_is_deleted(page, served, short):
    page.set_viewport_size({"width": 400, "height": 800})
    run = put_run(served, page, short, yet="running")
    bar(page, "toy [1].mp4", seconds=10)
    page.evaluate("window.scrollTo({ top: document.body.scrollHeight, behavior: 'instant' })")
    run.state = "done"
    result(page, "done in")
    page.wait_for_function(
        "(({ top, bottom }) => top >= 0 && bottom <= innerHeight)"
        "(document.querySelector('[data-result] .about').getBoundingClientRect())"
    )
    assert not page.locator("[data-result] .mute").count()  # the clip has no sound
    page.get_by_role("tab", name="History").click()
    page.locator(".card").first.click()
    page.click("#delete")
    page.wait_for_function("!document.querySelector('[data-result=relight]').innerText")


def test_the_bar_says_what_speaks_against_a_run_where_clip_and_prompt_are_there(page, short):
    choose(page, short)
    page.locator("#prompt textarea").fill("red light")
    page.get_by_label("Kind of light 1").select_option("Image")
    bar(page, "no picture for the light yet", seconds=20)
