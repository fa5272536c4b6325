"""One Chromium for all pages, at two widths in light and dark, and axe's rules of WCAG 2.2 AA."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mezzetin.scenes import draw_scenes

CHROMIUM = Path(os.environ.get("MEZZETIN_CHROMIUM", "/usr/bin/chromium"))
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


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install playwright")
    if not CHROMIUM.exists():
        pytest.skip(f"Chromium is absent: {CHROMIUM} is not there; set MEZZETIN_CHROMIUM")
    # Playwright keeps an event loop running in this thread: it has to end before other modules' tests start theirs.
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


@pytest.fixture
def visit(tab: Any) -> Callable[[str], Any]:
    """Open a page that must neither complain nor ask for anything but itself and its pictures."""
    complaints: list[str] = []
    requests: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda request: requests.append(request.url))

    def go(address: str) -> Any:
        tab.goto(address)
        assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert complaints == []
        assert [url for url in requests if not url.startswith("data:image/jpeg")] == [address]
        return tab

    return go


@pytest.fixture(scope="session")
def violations() -> Callable[[Any], list[Any]]:
    """What axe finds against WCAG 2.2 AA on the page of a tab."""
    if not AXE.is_file():
        pytest.skip(f"axe-core is absent: no file {AXE}; set MEZZETIN_AXE or npm install")
    program = AXE.read_text(encoding="utf-8")

    def look(tab: Any) -> list[Any]:
        tab.evaluate(program)
        result = tab.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
        assert len(result["passes"]) > 10
        return [(found["id"], [node["html"][:200] for node in found["nodes"]]) for found in result["violations"]]

    return look


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve generated pictures with their captions, as Kaggle ships them; tests copy before they change."""
    folder = tmp_path_factory.mktemp("scenes")
    draw_scenes(folder, count=12)
    return folder


@pytest.fixture(scope="session")
def scene_rows(scenes: Path) -> list[tuple[str, str]]:
    """(picture, caption), five a picture."""
    with (scenes / "captions.txt").open(encoding="utf-8", newline="") as stream:
        return [(row["image"], row["caption"]) for row in csv.DictReader(stream)]
