"""Both pages in a real browser: they fit, pictures load, nothing complains, axe finds no violation."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mezzetin.contactsheet import SheetItem, write_contact_sheet
from mezzetin.evaluation.report import EvaluationPage, JudgedPicture, ProtocolFacts, write_report
from mezzetin.records import Alternative, Caption, ItemError, ModelInfo, Score
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
LONG = "<b>long</b> " + "w" * 10_000
MODEL = ModelInfo("small", "1", "0123456789abcdef0123", "Research use only")

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"Chromium is absent: {CHROMIUM} is not there")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The addresses of a contact sheet and of a report on generated scenes, hostile text among them."""
    folder = tmp_path_factory.mktemp("pages")
    draw_scenes(folder, count=12)
    with (folder / "captions.txt").open(encoding="utf-8", newline="") as stream:
        rows = [(row["image"], row["caption"]) for row in csv.DictReader(stream)]
    pictures = {name: (folder / "Images" / name).read_bytes() for name, _ in rows}
    texts = {name: tuple(text for other, text in rows if other == name) for name in pictures}
    write_contact_sheet(folder / "sheet.html", _items(pictures, texts), title="Twelve scenes", notice="Free.")
    write_report(folder / "report.html", _report(pictures, texts))
    return {name: (folder / f"{name}.html").as_uri() for name in ("sheet", "report")}


def _items(pictures: dict[str, bytes], texts: dict[str, tuple[str, ...]]) -> list[SheetItem]:
    items = [
        SheetItem(
            name,
            image,
            Caption(
                texts[name][0],
                "en",
                MODEL,
                confidence=0.7,
                unlike_training=index / 12,
                alternatives=tuple(Alternative(text, -1.0) for text in texts[name][1:3]),
            ),
        )
        for index, (name, image) in enumerate(pictures.items())
    ]
    broken = Caption(None, "en", MODEL, error=ItemError("undecodable", "the picture is cut off: copy it again"))
    hostile = Caption(LONG, "en", MODEL, alternatives=(Alternative("שלום עולם", -1.0),))
    return [
        *items,
        SheetItem("broken.jpg", None, broken),
        SheetItem(LONG, next(iter(pictures.values())), hostile),
    ]


def _report(pictures: dict[str, bytes], texts: dict[str, tuple[str, ...]]) -> EvaluationPage:
    judged = [JudgedPicture(name, pictures[name], texts[name][0], texts[name][1:], 2.5) for name in pictures]
    judged[1] = JudgedPicture(LONG, judged[1].thumbnail, LONG, (LONG, ""), 0.0)
    names = ("BLEU-1", "BLEU-4", "ROUGE-L", "CIDEr-D")
    return EvaluationPage(
        title="Evaluation of small 1",
        model=MODEL,
        protocol=ProtocolFacts("scenes", "dev", 12, "PTB in Python", "5 a picture", "beam 3", "0.1.0"),
        scores=tuple(Score(name, 0.6, 0.5, 0.7, f"{name}|split=dev|n=12|refs=5|tok=ptb") for name in names),
        best=tuple(judged[:4]),
        median=tuple(judged[4:8]),
        worst=tuple(judged[8:]),
        notes=("METEOR is not here: Java was not found.",),
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(params=[(1280, "light"), (1280, "dark"), (320, "light"), (320, "dark")], ids=str)
def tab(browser: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    width, scheme = request.param
    tab = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    yield tab
    tab.close()


@pytest.mark.parametrize("name", ["sheet", "report"])
def test_it_fits_its_pictures_load_and_nothing_complains(pages: dict[str, str], tab: Any, name: str) -> None:
    complaints: list[str] = []
    requests: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda request: requests.append(request.url))
    tab.goto(pages[name])
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    pictures = tab.evaluate("[...document.images].map(i => [i.complete && i.naturalWidth, i.alt])")
    assert len(pictures) >= 12
    assert all(width > 0 and alt.strip() for width, alt in pictures)
    assert complaints == []
    assert [url for url in requests if not url.startswith("data:image/jpeg")] == [pages[name]]


@pytest.mark.parametrize("name", ["sheet", "report"])
def test_opened_long_texts_fit_too(pages: dict[str, str], tab: Any, name: str) -> None:
    tab.goto(pages[name])
    assert tab.evaluate("[...document.querySelectorAll('details')].map(d => d.open = true).length") > 0
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert tab.evaluate("document.body.innerText.includes('<b>long</b>') && !document.querySelector('b')")


def test_the_first_tab_stop_skips_to_the_content_and_is_seen(pages: dict[str, str], tab: Any) -> None:
    tab.goto(pages["sheet"])
    tab.keyboard.press("Tab")
    focused = "document.activeElement"
    assert tab.evaluate(f"{focused}.className") == "skip"
    assert tab.evaluate(f"{focused}.getBoundingClientRect().top") >= 0
    tab.keyboard.press("Enter")
    assert tab.evaluate(f"{focused}.id") == "main"


@pytest.mark.skipif(not AXE.is_file(), reason=f"axe-core is absent: no file {AXE}; set MEZZETIN_AXE or npm install")
@pytest.mark.parametrize("name", ["sheet", "report"])
def test_axe_finds_no_wcag_violation(pages: dict[str, str], tab: Any, name: str) -> None:
    tab.goto(pages[name])
    tab.evaluate(AXE.read_text(encoding="utf-8"))
    result = tab.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
    assert len(result["passes"]) > 10
    found = [(found["id"], [node["html"][:200] for node in found["nodes"]]) for found in result["violations"]]
    assert found == []
