"""A first visit to the studio, timed: page -> example -> lamp dragged -> preview -> relit clip.

python -m examples.studio_journey   # needs Playwright and a system Chromium
"""

from __future__ import annotations

import sys
import time
from typing import Any

from examples.studio_browser import SECONDS, studio_browser


class Journey:
    """Counts clicks and prints when each step was reached."""

    def __init__(self, page: Any) -> None:
        self.page, self.clicks, self.begun = page, 0, time.perf_counter()

    def click(self, selector: str) -> None:
        self.page.click(selector)
        self.clicks += 1

    def reached(self, what: str) -> None:
        seconds = time.perf_counter() - self.begun
        print(f"{seconds:6.1f} s  {self.clicks} clicks  {what}")


def main() -> int:
    """Print the steps."""
    with studio_browser() as (browser, address):
        page = browser.new_page(viewport={"width": 1280, "height": 960}, accept_downloads=True)
        page.set_default_timeout(SECONDS * 1000)
        walk(page, address)
    return 0


def walk(page: Any, address: str) -> None:
    """From the address to the downloaded clip."""
    journey = Journey(page)
    page.goto(address)
    page.wait_for_selector("#relight_example")
    journey.reached("the page is there")
    journey.click("#relight_example")
    page.wait_for_selector("#relight_stage .facts .name")
    page.wait_for_selector(".frame[src^=data]")
    journey.reached("the example is chosen")
    journey.click("#add_light")
    drag(page, ".lamp", 0.7, 0.3)
    journey.clicks += 1
    journey.reached("a lamp is dragged")
    waits = sorted(latency(page, ".lamp", part / 20) for part in range(4, 17))
    print(
        f"          the frame follows a lamp after {waits[len(waits) // 2]:.0f} ms, "
        f"at most {waits[-1]:.0f} ms"
    )
    journey.click("#relight_preview")
    _shown(page, "Preview of one frame")
    journey.reached("one frame is previewed")
    journey.click("#relight_go")
    _shown(page, "done in")
    journey.reached("the clip is relit")
    with page.expect_download() as got:
        page.get_by_role("link", name="Download the clip").first.click()
    journey.clicks += 1
    journey.reached(f"{got.value.suggested_filename} is downloaded")


def drag(page: Any, selector: str, x: float, y: float) -> None:
    """Drag the last of some nodes to a place of the frame, in fractions."""
    lamp = page.locator(selector).last
    lamp.wait_for()
    box, frame = lamp.bounding_box(), page.locator(".picture").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(frame["x"] + x * frame["width"], frame["y"] + y * frame["height"], steps=8)
    page.mouse.up()


def latency(page: Any, selector: str, x: float) -> float:
    """Milliseconds from a lamp's movement to a place until the frame is seen lit from there."""
    return page.evaluate(
        """async ([selector, x]) => {
          const lamp = [...document.querySelectorAll(selector)].pop();
          const box = document.querySelector('.picture').getBoundingClientRect();
          const frame = document.querySelector('.frame'), home = lamp.getBoundingClientRect();
          const send = (name, x, y) => lamp.dispatchEvent(new PointerEvent(name, {
            bubbles: true, clientX: x, clientY: y, pointerId: 1, isPrimary: true, buttons: 1}));
          send('pointerdown', home.x + home.width / 2, home.y + home.height / 2);
          const before = frame.src, begun = performance.now();
          send('pointermove', box.x + x * box.width, box.y + 0.4 * box.height);
          while (frame.src === before && performance.now() - begun < 5000)
            await new Promise((done) => requestAnimationFrame(done));
          const took = performance.now() - begun;
          send('pointerup', box.x + x * box.width, box.y + 0.4 * box.height);
          await new Promise((done) => setTimeout(done, 600));
          return took;
        }""",
        [selector, x],
    )


def _shown(page: Any, words: str) -> None:
    page.wait_for_function(
        "words => document.querySelector('[data-result=relight]').innerText.includes(words)",
        arg=words,
    )


if __name__ == "__main__":
    sys.exit(main())
