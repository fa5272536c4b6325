"""Take the picture of the service's page that the documentation shows: `python -m docs.draw_serve_page`.

Enters: the bundled captioner and three photographs of scikit-image, free to use. Leaves: `docs/serve-page.png`. It
needs Playwright and a Chromium, as the tests of the pages do.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from demo.photographs import photographs
from tests.roads.serve_process import serving

PICTURE = Path(__file__).parent / "serve-page.png"
CHROMIUM = os.environ.get("MEZZETIN_CHROMIUM", "/usr/bin/chromium")
SHOWN = ("astronaut.png", "motorcycle_left.png", "coffee.png")
COLOURS = 128


def main() -> None:
    """Serve, give the photographs, wait for their captions, and take the picture."""
    chosen = [path for path in photographs() if path.name in SHOWN]
    with tempfile.TemporaryDirectory() as jobs, serving(jobs=jobs) as served, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page(viewport={"width": 1100, "height": 800})
        tab.goto(served.address)
        tab.set_input_files("#files", chosen)
        tab.locator("#told", has_text=f"{len(chosen)} of {len(chosen)} captioned.").wait_for(timeout=60_000)
        tab.locator("summary").first.click()
        tab.screenshot(path=PICTURE, full_page=True)
        browser.close()
    with Image.open(PICTURE) as picture:
        # A page has few colours: the file becomes a third as large.
        picture.convert("RGB").quantize(COLOURS).save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
