"""The contact sheet in a real browser: it fits, pictures load, nothing complains, axe finds no violation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mezzetin.contactsheet import SheetItem, write_contact_sheet
from mezzetin.records import Alternative, Caption, ItemError, ModelInfo

LONG = "<b>long</b> " + "w" * 10_000
MODEL = ModelInfo("small", "1", "0123456789abcdef0123", "Research use only")


@pytest.fixture(scope="module")
def sheet(scenes: Path, scene_rows: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a contact sheet of generated scenes, hostile text among them."""
    pictures = {name: (scenes / "Images" / name).read_bytes() for name, _ in scene_rows}
    items = []
    for index, (name, image) in enumerate(pictures.items()):
        first, *others = (text for other, text in scene_rows if other == name)
        caption = Caption(
            first,
            "en",
            MODEL,
            confidence=0.7,
            unlike_training=index / 12,
            alternatives=tuple(Alternative(text, -1.0) for text in others[:2]),
        )
        items.append(SheetItem(name, image, caption))
    broken = Caption(None, "en", MODEL, error=ItemError("undecodable", "the picture is cut off: copy it again"))
    hostile = Caption(LONG, "en", MODEL, alternatives=(Alternative("שלום עולם", -1.0),))
    items += [SheetItem("broken.jpg", None, broken), SheetItem(LONG, next(iter(pictures.values())), hostile)]
    path = tmp_path_factory.mktemp("pages") / "sheet.html"
    write_contact_sheet(path, items, title="Twelve scenes", notice="Free.")
    return path.as_uri()


def test_the_sheet_fits_its_pictures_load_and_nothing_complains(sheet: str, visit: Callable[[str], Any]) -> None:
    pictures = visit(sheet).evaluate("[...document.images].map(i => [i.complete && i.naturalWidth, i.alt])")
    assert len(pictures) >= 12
    assert all(width > 0 and alt.strip() for width, alt in pictures)


def test_opened_long_texts_of_the_sheet_fit_too(sheet: str, tab: Any) -> None:
    tab.goto(sheet)
    assert tab.evaluate("[...document.querySelectorAll('details')].map(d => d.open = true).length") > 0
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert tab.evaluate("document.body.innerText.includes('<b>long</b>') && !document.querySelector('b')")


def test_the_first_tab_stop_skips_to_the_content_and_is_seen(sheet: str, tab: Any) -> None:
    tab.goto(sheet)
    tab.keyboard.press("Tab")
    focused = "document.activeElement"
    assert tab.evaluate(f"{focused}.className") == "skip"
    assert tab.evaluate(f"{focused}.getBoundingClientRect().top") >= 0
    tab.keyboard.press("Enter")
    assert tab.evaluate(f"{focused}.id") == "main"


def test_axe_finds_no_wcag_violation_on_the_sheet(sheet: str, tab: Any, violations: Callable[[Any], list[Any]]) -> None:
    tab.goto(sheet)
    assert violations(tab) == []
