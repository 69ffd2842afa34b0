"""Pictures of the studio at work, for the README: a real run, in a real browser.

python -m examples.screenshots   # needs Playwright and a system Chromium; a few minutes on a CPU
python -m examples.screenshots OUT   # every tab at both sizes, light and dark, into a folder
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from examples.studio_browser import SECONDS, studio_browser
from examples.studio_journey import drag

if TYPE_CHECKING:
    from playwright.sync_api import ViewportSize

PICTURES = Path(__file__).parent / "pictures"
PHONE: ViewportSize = {"width": 390, "height": 844}
DESK: ViewportSize = {"width": 1280, "height": 960}
TABS = ("Relight", "Upscale", "Batch", "History")


def main(arguments: list[str]) -> int:
    """Write pictures/studio.jpg and pictures/studio_phone.jpg, or all tabs into a folder."""
    with studio_browser() as (browser, address):
        page = browser.new_context(viewport=DESK).new_page()
        page.set_default_timeout(SECONDS * 1000)
        page.goto(address)
        _relight(page)
        if arguments:
            _all(page, Path(arguments[0]))
        else:
            _two(page)
    return 0


def _relight(page: Any) -> None:
    """What a visitor does: the example, two lights, a run of one second."""
    page.wait_for_function("window.Relight && Relight.ready")
    page.click("#relight_example")
    page.wait_for_selector("#relight_stage .facts .name")
    page.locator("[data-preset='Moonlight']").click()
    page.wait_for_timeout(500)
    page.click("#add_light")
    drag(page, ".lamp", 0.72, 0.32)
    page.evaluate(
        "() => { const s = Relight.parts.relight; s.state.lights[1].settings.color = '2400K';"
        "s.trim(1); s.lightChanged(); s.redraw(); s.drawLights(true); }"
    )
    page.locator("#prompt textarea").fill("a bunny in a meadow, moonlight and a warm lamp light")
    page.wait_for_timeout(800)
    page.click("#relight_go")
    page.wait_for_function(
        "document.querySelector('[data-result=relight]').innerText.includes('done in')"
    )
    page.wait_for_timeout(2500)


def _two(page: Any) -> None:
    page.evaluate("window.scrollTo({top: 0, behavior: 'instant'})")
    page.wait_for_timeout(1200)
    _save(page.screenshot(), "studio.jpg")
    page.set_viewport_size(PHONE)
    page.wait_for_timeout(1200)
    page.locator("[data-result=relight]").evaluate("n => n.scrollIntoView({behavior: 'instant'})")
    page.wait_for_timeout(800)
    _save(page.screenshot(), "studio_phone.jpg")


def _all(page: Any, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for mode in ("light", "dark"):
        page.emulate_media(color_scheme=mode)
        page.reload()
        page.wait_for_function("window.Relight && Relight.ready")
        page.wait_for_timeout(2500)
        for size in (DESK, PHONE):
            page.set_viewport_size(size)
            for tab in TABS:
                page.get_by_role("tab", name=tab, exact=True).first.click()
                page.wait_for_timeout(700)
                if tab == "History":
                    page.locator(".card").first.click()
                    page.wait_for_timeout(900)
                page.evaluate("window.scrollTo({top: 0, behavior: 'instant'})")
                page.wait_for_timeout(300)
                page.screenshot(path=folder / f"{tab}-{size['width']}-{mode}.png")
                page.screenshot(
                    path=folder / f"{tab}-{size['width']}-{mode}-full.png", full_page=True
                )


def _save(png: bytes, name: str) -> None:
    """As JPEG with full colour: the frames are photos, and the repository stays small."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture.save(PICTURES / name, quality=90, subsampling=0, optimize=True)
    print(PICTURES / name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
