"""The inspection's page in a real browser: it fits, pictures load, nothing complains, axe finds no violation."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mezzetin.data.dataset import Dataset
from mezzetin.data.ingest import ingest
from mezzetin.data.inspection import inspect_dataset
from mezzetin.data.inspection.page import write_page

LONG = "<b>a man</b> " + "w" * 5_000


@pytest.fixture(scope="module")
def page(scenes: Path, scene_rows: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a page on generated scenes: shared pictures, hostile text, another script, odd splits."""
    folder = tmp_path_factory.mktemp("inspection")
    pictures = folder / "Images"
    shutil.copytree(scenes / "Images", pictures)
    rows = [(name, "train", caption, "en") for name, caption in scene_rows]
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


def test_it_fits_its_pictures_load_and_nothing_complains(page: str, visit: Callable[[str], Any]) -> None:
    tab = visit(page)
    assert tab.evaluate("[...document.querySelectorAll('details')].map(d => d.open = true).length") > 0
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    pictures = tab.evaluate("[...document.images].map(i => [i.complete && i.naturalWidth, i.alt])")
    assert len(pictures) >= 14
    assert all(width > 0 and alt.strip() for width, alt in pictures)
    assert tab.evaluate("document.body.innerText.includes('<b>a man</b>') && !document.querySelector('b')")


def test_shared_pictures_stand_side_by_side(page: str, tab: Any) -> None:
    tab.goto(page)
    shared = tab.locator("section[aria-labelledby=shared]")
    assert [text.split("\n")[0][:13] for text in shared.locator("h3").all_inner_texts()] == [
        "The same file",
        "The same look",
    ]
    assert shared.locator("img").count() == 4
    assert "val · same.jpg" in shared.inner_text()


def test_axe_finds_no_wcag_violation_on_the_inspection(
    page: str, tab: Any, violations: Callable[[Any], list[Any]]
) -> None:
    tab.goto(page)
    assert violations(tab) == []
