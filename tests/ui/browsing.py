"""What visitors do with a page of the studio, step by step."""

import time

from relight.ui.runs import new_run
from relight.ui.shelf import Entry, Shelf
from tests.ui.conftest import QUICK


def choose(page, file, tab="relight"):
    page.set_input_files(f"#{tab}_stage input[type=file]", file)
    page.wait_for_selector(f"#{tab}_stage .facts .name")


def quick(page, **more):
    """Settings that make a run short, typed into the advanced settings."""
    toggle = page.get_by_role("button", name="Advanced").filter(visible=True)
    toggle.click()
    for name, value in {**QUICK, **more}.items():
        page.locator(f"#relight_{name} :is(input, textarea)").fill(value)
    toggle.click()


def bar(page, *words, tab="relight", seconds=150):
    """Wait until the bar of a tab holds one of `words`; returns its text."""
    until = time.monotonic() + seconds
    text = ""
    while time.monotonic() < until:
        text = page.inner_text(f"[data-bar={tab}]")
        if any(word in text for word in words):
            return text
        page.wait_for_timeout(60)
    raise AssertionError(f"{words} not told, but {text!r}")


def result(page, words, tab="relight"):
    page.wait_for_function(
        "([tab, words]) => document.querySelector(`[data-result=${tab}]`)"
        ".innerText.includes(words)",
        arg=[tab, words],
        timeout=240_000,
    )
    return page.inner_text(f"[data-result={tab}]")


def settled(page, selector):
    """The address of a picture once it has stopped changing."""
    seen, now = None, page.locator(selector).get_attribute("src")
    while seen != now:
        seen = now
        page.wait_for_timeout(700)
        now = page.locator(selector).get_attribute("src")
    return now


def idle(served, seconds=20):
    until = time.monotonic() + seconds
    while not served.studio.idle and time.monotonic() < until:
        time.sleep(0.05)
    return served.studio.idle


def put_run(served, page, clip, state="done", *, kind="relight", **more):
    """A run of the page's visitor that is over, as if computed, with the result `clip`.

    more: of `Run`, apart from `notes`, which are the result's, and `yet`, its state until then.
    """
    notes, yet = more.pop("notes", []), more.pop("yet", state)
    run = new_run(
        served.outputs / page.evaluate("Relight.who"),
        **{"kind": kind, "what": "make", "name": clip.name, "order": {}, "state": state, **more},
    )
    if state == "done":
        output = run.folder / f"relit{clip.suffix}"
        output.write_bytes(clip.read_bytes())
        run.entry = Entry(
            folder=run.folder,
            kind=kind,
            name=clip.name,
            source=output.name,
            output=output.name,
            job="job.json",
            notes=notes,
        )
        Shelf(run.folder.parent).add(run.entry)
    run.state = yet
    served.studio.runs._runs[run.id] = run
    page.evaluate("Relight.desk.state.ask()")
    return run


def settle(page):
    """Wait until the page has heard of its runs, also of what a first answer makes it do."""
    for _ in range(2):
        page.evaluate("Relight.desk.state.ask()")  # resolves once the bars are drawn
        page.wait_for_timeout(80)
