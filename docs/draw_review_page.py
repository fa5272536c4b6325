"""Take the picture of the review pages that the documentation shows: `python -m docs.draw_review_page`.

Enters: the bundled captioner and three photographs of scikit-image, free to use. Leaves: `docs/review-page.png`. It
needs Playwright and a Chromium, as the tests of the pages do.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from demo.photographs import photographs
from mezzetin import collect
from tests.roads.serve_process import serving

PICTURE = Path(__file__).parent / "review-page.png"
CHROMIUM = os.environ.get("MEZZETIN_CHROMIUM", "/usr/bin/chromium")
SHOWN = ("astronaut.png", "motorcycle_left.png", "coffee.png")
COLOURS = 128


def main() -> None:
    """Collect the photographs, serve the collection, decide on one, and take the picture."""
    with tempfile.TemporaryDirectory() as folder:
        pictures, collection = Path(folder) / "pictures", Path(folder) / "museum.sqlite"
        pictures.mkdir()
        for path in photographs():
            if path.name in SHOWN:
                shutil.copy(path, pictures)
        collect(str(pictures), collection)
        with serving(collection=str(collection), jobs=f"{folder}/jobs") as served, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            tab = browser.new_page(viewport={"width": 1100, "height": 1000})
            tab.goto(f"{served.address}/review")
            tab.locator(".card").first.focus()
            tab.keyboard.press("a")
            tab.locator("#told", has_text="Approved").wait_for()
            tab.evaluate("scrollTo(0, 0)")
            tab.wait_for_timeout(1000)
            tab.screenshot(path=PICTURE)
            browser.close()
    with Image.open(PICTURE) as picture:
        # A page has few colours: the file becomes a third as large.
        picture.convert("RGB").quantize(COLOURS).save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
