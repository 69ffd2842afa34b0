"""A studio, and a system Chromium in front of it, for the scripts that show it at work."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from relight.ui.serve import Options, launch

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SECONDS = 600
"""How long a step may take: a run on a busy CPU is one."""


@contextmanager
def studio_browser() -> Iterator[tuple[Browser, str]]:
    """A browser and the address of a new studio; exits with a line where there is no Chromium."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("no Chromium here: apt-get install chromium")
    served = launch(Options(outputs=Path(tempfile.mkdtemp())))
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            yield browser, served.address
            browser.close()
    finally:
        served.close()
