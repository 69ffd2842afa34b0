"""Pictures of the studio at work, for the README: a real run, in a real browser.

python -m examples.screenshots   # needs Playwright and a system Chromium; a few minutes on a CPU
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from relight.ui.serve import Options, launch

PICTURES = Path(__file__).parent / "pictures"
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 960}
SECONDS = 600


def main() -> int:
    """Write pictures/studio.png and pictures/studio_phone.png."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("no Chromium here: apt-get install chromium", file=sys.stderr)
        return 1
    served = launch(Options(outputs=Path(tempfile.mkdtemp())))
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page(viewport=DESK)
            page.goto(served.address)
            _relight(page)
            page.evaluate("window.scrollTo(0, 0)")
            _save(page.screenshot(), "studio.png")
            page.set_viewport_size(PHONE)
            page.wait_for_timeout(1000)
            page.locator(".compare:visible").first.scroll_into_view_if_needed()
            page.locator(".status:visible").first.evaluate("e => e.scrollIntoView()")
            page.wait_for_timeout(1000)
            _save(page.screenshot(), "studio_phone.png")
            browser.close()
    finally:
        served.close()
    return 0


def _relight(page: Any) -> None:
    """What a visitor does: the example, a light, a side, the button; waits for the result."""
    page.click("#relight_example")
    page.wait_for_selector(".facts .name")
    page.get_by_role("button", name="Golden hour").click()
    page.get_by_role("button", name="Advanced settings").filter(visible=True).click()
    for name, value in (("seed", "1"), ("frames", "25")):
        page.locator(f"#relight_{name} :is(input, textarea)").fill(value)
    page.get_by_role("button", name="Advanced settings").filter(visible=True).click()
    page.click("#relight_go")
    told = ""
    for _ in range(SECONDS):
        page.wait_for_timeout(1000)
        told = page.locator(".status:visible").first.inner_text()
        if told.startswith("Done"):
            break
    else:
        raise TimeoutError(told)
    page.wait_for_timeout(2000)


def _save(png: bytes, name: str) -> None:
    """As a palette picture: a page has few colours, and the repository stays small."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture.quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(PICTURES / name, optimize=True)
    print(PICTURES / name)


if __name__ == "__main__":
    sys.exit(main())
