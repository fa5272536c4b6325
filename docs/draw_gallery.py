"""Take the picture of the gallery that the documentation shows: `python -m docs.draw_gallery`.

Enters: the bundled captioner and photographs of scikit-image, free to use. Leaves: `docs/gallery.png`. It needs
Playwright and a Chromium, as the tests of the pages do.
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
from mezzetin.collection import people, texts
from mezzetin.collection.opening import Collection
from mezzetin.collection.pictures import each
from mezzetin.collection.rows import Actor
from tests.roads.serve_process import serving

PICTURE = Path(__file__).parent / "gallery.png"
CHROMIUM = os.environ.get("MEZZETIN_CHROMIUM", "/usr/bin/chromium")
#: What a person says of some of them; of the others stands what the machine wrote.
SAID = {
    "astronaut.png": "A woman in an orange space suit smiles beside a flag.",
    "coffee.png": "A cup of coffee with a spoon on a wooden table.",
    "motorcycle_left.png": "A motorcycle stands in a garage.",
    "chelsea.png": "The face of a ginger cat that looks aside.",
}
COLOURS = 160


def main() -> None:
    """Collect the photographs, write some texts, serve the gallery, and take the picture."""
    with tempfile.TemporaryDirectory() as folder:
        pictures, path = Path(folder) / "pictures", Path(folder) / "museum.sqlite"
        pictures.mkdir()
        for photograph in photographs():
            shutil.copy(photograph, pictures)
        collect(str(pictures), path)
        with Collection.open(path) as collection:
            for picture in list(each(collection)):
                words = SAID.get(picture.uri.rpartition("/")[2])
                text = texts.chosen(collection, picture.id)
                if words and text:
                    people.edit(collection, Actor.person("anna"), text.id, words, version=text.version)
        with serving(collection=str(path), jobs=f"{folder}/jobs") as served, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            tab = browser.new_page(viewport={"width": 1100, "height": 1000})
            tab.goto(f"{served.address}/gallery")
            tab.wait_for_load_state("networkidle")
            tab.screenshot(path=PICTURE)
            browser.close()
    with Image.open(PICTURE) as drawn:
        # A page has few colours: the file becomes a third as large.
        drawn.convert("RGB").quantize(COLOURS).save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
