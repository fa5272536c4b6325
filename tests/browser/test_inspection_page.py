"""The inspection's page in a real browser: it fits, pictures load, nothing complains, axe finds no violation."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mezzetin.data.dataset import Dataset
from mezzetin.data.ingest import ingest
from mezzetin.data.inspection import inspect_dataset
from mezzetin.data.inspection.page import write_page
from mezzetin.scenes import draw_scenes

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install playwright")

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE = Path(os.environ.get("MEZZETIN_AXE", Path(__file__).parent / "node_modules/axe-core/axe.min.js"))
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
LONG = "<b>a man</b> " + "w" * 5_000

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"Chromium is absent: {CHROMIUM} is not there")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a page on generated scenes: shared pictures, hostile text, another script, odd splits."""
    folder = tmp_path_factory.mktemp("inspection")
    draw_scenes(folder, count=12)
    with (folder / "captions.txt").open(encoding="utf-8", newline="") as stream:
        rows = [(row["image"], "train", row["caption"], "en") for row in csv.DictReader(stream)]
    pictures = folder / "Images"
    names = sorted(path.name for path in pictures.iterdir())
    (pictures / "same.jpg").write_bytes((pictures / names[0]).read_bytes())
    Image.open(pictures / names[1]).resize((90, 60)).save(pictures / "alike.jpg", quality=60)
    rows += [("same.jpg", "val", "A dog in a room", "en"), ("alike.jpg", "val", LONG, "en")]
    rows += [("alike.jpg", "val", "שלום עולם", "en"), ("gone.jpg", "a split <b>with</b> a name", "nobody", "en")]
    with (pictures / "table.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("image", "split", "caption", "language"), *rows])
    ingest(pictures / "table.csv", folder / "dataset", allow_shared_images=True, processes=1)
    dataset = Dataset.open(folder / "dataset")
    write_page(inspect_dataset(dataset), dataset, folder / "page.html")
    return (folder / "page.html").as_uri()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(params=[(1280, "light"), (1280, "dark"), (320, "light"), (320, "dark")], ids=str)
def tab(chromium: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    width, scheme = request.param
    tab = chromium.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    yield tab
    tab.close()


def test_it_fits_its_pictures_load_and_nothing_complains(page: str, tab: Any) -> None:
    complaints: list[str] = []
    requests: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda request: requests.append(request.url))
    tab.goto(page)
    assert tab.evaluate("[...document.querySelectorAll('details')].map(d => d.open = true).length") > 0
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    pictures = tab.evaluate("[...document.images].map(i => [i.complete && i.naturalWidth, i.alt])")
    assert len(pictures) >= 14
    assert all(width > 0 and alt.strip() for width, alt in pictures)
    assert tab.evaluate("document.body.innerText.includes('<b>a man</b>') && !document.querySelector('b')")
    assert complaints == []
    assert [url for url in requests if not url.startswith("data:image/jpeg")] == [page]


def test_shared_pictures_stand_side_by_side(page: str, tab: Any) -> None:
    tab.goto(page)
    shared = tab.locator("section[aria-labelledby=shared]")
    assert [text.split("\n")[0][:13] for text in shared.locator("h3").all_inner_texts()] == [
        "The same file",
        "The same look",
    ]
    assert shared.locator("img").count() == 4
    assert "val · same.jpg" in shared.inner_text()


@pytest.mark.skipif(not AXE.is_file(), reason=f"axe-core is absent: no file {AXE}; set MEZZETIN_AXE or npm install")
def test_axe_finds_no_wcag_violation_on_the_inspection(page: str, tab: Any) -> None:
    tab.goto(page)
    tab.evaluate(AXE.read_text(encoding="utf-8"))
    result = tab.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
    assert len(result["passes"]) > 10
    found = [(found["id"], [node["html"][:200] for node in found["nodes"]]) for found in result["violations"]]
    assert found == []
