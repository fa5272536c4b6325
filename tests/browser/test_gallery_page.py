"""The gallery in a real browser: for everybody, by keyboard, aloud, with a dropped picture, and without scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx2
import pytest

from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.collection.opening import Collection
from mezzetin.serving.app import create_app
from mezzetin.serving.settings import ServeSettings
from tests.unit.serving.conftest import Photograph, listening, photograph
from tests.unit.serving.gallery_of import gallery

__all__ = ["photograph"]
FITS = "document.documentElement.scrollWidth <= window.innerWidth"
PAGES = ("?status=person", "?q=dog", "?q=nothing+fits&artist=hals", "/pictures/2", "/like/1")
VOICE = """
window.said = [];
window.SpeechSynthesisUtterance = class { constructor(text) { this.text = text; } };
Object.defineProperty(window, "speechSynthesis", {value: {
  getVoices: () => [{}], cancel: () => window.said.push("quiet"), addEventListener: () => {},
  speak: (one) => { window.said.push(`${one.lang}: ${one.text}`); window.speech = one; },
}});
"""
DROP = """([bytes, kind]) => {
  const held = new DataTransfer();
  held.items.add(new File([new Uint8Array(bytes)], "mine.png", {type: "image/png"}));
  const event = kind === "drop" ? new DragEvent("drop", {dataTransfer: held, bubbles: true, cancelable: true})
    : new ClipboardEvent("paste", {clipboardData: held, bubbles: true, cancelable: true});
  document.body.dispatchEvent(event);
}"""


@pytest.fixture(scope="module")
def captioner(bundle_path: Path) -> BundleCaptioner:
    return load_captioner(str(bundle_path), threads=1)


@pytest.fixture(scope="module")
def collection(
    tmp_path_factory: pytest.TempPathFactory, photograph: Photograph, captioner: BundleCaptioner
) -> Iterator[Collection]:
    files = {number: photograph(seed=number) for number in range(1, 41)}
    with gallery(tmp_path_factory.mktemp("house") / "museum.sqlite", files, captioner) as opened:
        yield opened


@pytest.fixture(scope="module")
def address(collection: Collection, captioner: BundleCaptioner) -> Iterator[str]:
    jobs = collection.path.parent / "jobs"
    settings = ServeSettings(jobs=jobs, decoders=1, threads=1, collection=collection.path, gallery="public")
    with listening(create_app(settings, captioner=captioner)) as served:
        # A page does not wait for the search to be opened; this one does.
        assert httpx2.get(f"{served}/gallery?q=dog").status_code == 200
        yield f"{served}/gallery"


@contextmanager
def tab_of(chromium: Any, look: tuple[int, str] = (1280, "light"), **options: Any) -> Iterator[Any]:
    context = chromium.new_context(viewport={"width": look[0], "height": 800}, color_scheme=look[1], **options)
    context.set_default_timeout(20_000)
    yield context.new_page()
    context.close()


def pictures(tab: Any) -> list[str]:
    found: list[str] = tab.evaluate("[...document.querySelectorAll('.found .tile')].map(one => one.id)")
    return found


def test_pages_are_for_everybody_and_hostile_titles_are_text(
    tab: Any, address: str, violations: Callable[[Any], Any]
) -> None:
    complaints: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    for path in PAGES:
        tab.goto(f"{address}{path}")
        assert violations(tab) == [] and tab.evaluate(FITS), path
        assert tab.evaluate("window.stolen === undefined")
        assert tab.locator("main bdi script, main bdi img, main b").count() == 0
        seen = "[...document.images].filter(one => one.complete).every(one => one.naturalWidth > 0 && one.alt.trim())"
        assert tab.evaluate(seen), path
    assert complaints == []


def test_pages_whose_scripts_never_came_are_for_everybody_too(
    tab: Any, address: str, violations: Callable[[Any], Any]
) -> None:
    # axe is a script itself: the page's own are left out.
    tab.route("**/*.js", lambda route: route.abort())
    for path in ("?artist=hals", "/pictures/6"):
        tab.goto(f"{address}{path}")
        assert violations(tab) == [] and tab.evaluate(FITS), path
        assert tab.locator("#told").inner_text() == "" and not tab.locator(".aloud").first.is_visible()


@pytest.mark.parametrize("look", [(1280, "light"), (320, "dark")], ids=str)
def test_without_scripts_everything_can_be_found(
    chromium: Any, address: str, look: tuple[int, str], photograph: Photograph
) -> None:
    with tab_of(chromium, look, java_script_enabled=False) as tab:
        tiles = tab.locator(".found .tile")
        tab.goto(address)
        assert not tab.get_by_text("Drop it anywhere").is_visible()
        tab.get_by_role("link", name="Next page").click()
        assert [one.get_attribute("id") for one in tiles.all()] == ["p37", "p38", "p39", "p40"]
        tab.fill("#q", "dog")
        tab.get_by_role("button", name="Search", exact=True).click()
        assert tab.url == f"{address}?q=dog" and tiles.first.get_attribute("id") == "p1"
        tab.get_by_text("Narrow it down").click()
        tab.fill("#f-artist", "leyster")
        tab.get_by_role("button", name="Show these").click()
        assert tab.url == f"{address}?q=dog&artist=leyster" and tiles.count() == 1
        tab.get_by_role("link", name="Remove Artist: leyster").click()
        tab.get_by_role("link", name="The dog", exact=True).click()
        assert tab.get_by_role("heading", level=1).inner_text() == "The dog"
        assert not tab.get_by_role("button", name="Read aloud").first.is_visible()
        tab.get_by_role("link", name="Back to what you had found").click()
        brought = {"name": "x.png", "mimeType": "image/png", "buffer": photograph(seed=7, format="PNG")}
        tab.set_input_files("#picture", brought)
        tab.get_by_role("button", name="Find similar ones").click()
        assert tiles.first.get_attribute("id") == "p7" and tab.get_by_alt_text("The picture that you gave").is_visible()


@pytest.mark.parametrize("how", ["drop", "paste"])
def test_a_picture_is_dropped_or_pasted(chromium: Any, address: str, how: str, photograph: Photograph) -> None:
    with tab_of(chromium) as tab:
        tab.goto(f"{address}?q=dog")
        with tab.expect_navigation():
            tab.evaluate(DROP, [list(photograph(seed=8, format="PNG")), how])
        assert tab.url == f"{address}/by-picture" and pictures(tab)[0] == "p8"
        # One that the collection holds leads to an address that can be shared.
        with tab.expect_navigation():
            tab.evaluate(DROP, [list(photograph(seed=8)), how])
        assert tab.url == f"{address}/like/8"


def test_by_keyboard_one_comes_to_everything_in_order_and_hears_how_many(chromium: Any, address: str) -> None:
    focused = "document.activeElement.matches('a, summary') ? document.activeElement.innerText"
    focused += " : document.activeElement.id || document.activeElement.innerText"
    with tab_of(chromium) as tab:
        tab.goto(f"{address}?q=dog")
        stops = []
        for _ in range(9):
            tab.keyboard.press("Tab")
            stops.append(tab.evaluate(focused).strip())
        assert stops == [
            "Skip to the pictures",
            "Gallery",
            "Review",
            "q",
            "Search",
            "Narrow it down",
            "picture",
            "Find similar ones",
            "The dog",
        ]
        outline = "getComputedStyle(document.activeElement, '::before').outlineStyle"
        assert tab.evaluate(outline) == "solid"
        tab.locator("#told", has_text="1 picture for").wait_for(state="attached")
        assert "1 picture for dog" in tab.title()
        tab.keyboard.press("Enter")
        tab.wait_for_url(f"{address}/pictures/1?q=dog")
        tab.keyboard.press("Tab")
        tab.keyboard.press("Enter")
        assert tab.evaluate("document.activeElement.id") == "main"
        levels = tab.evaluate("[...document.querySelectorAll('h1, h2, h3, h4')].map(one => +one.tagName[1])")
        assert levels[0] == 1 and all(later - earlier <= 1 for earlier, later in pairwise(levels))


def test_a_text_is_read_aloud_in_its_language_and_stops_when_asked(chromium: Any, address: str) -> None:
    with tab_of(chromium) as tab:
        tab.add_init_script(VOICE)
        tab.goto(f"{address}/pictures/6")
        button = tab.locator(".aloud[data-reads]").first
        button.click()
        assert tab.evaluate("window.said.at(-1)") == "nl: Een paard in de wei."
        assert button.inner_text() == "Stop reading"
        tab.evaluate("window.speech.onend()")
        assert button.inner_text() == "Read aloud"
        button.click()
        button.click()
        assert tab.evaluate("window.said.at(-1)") == "quiet" and button.inner_text() == "Read aloud"


def test_where_there_is_no_voice_nothing_offers_to_read(chromium: Any, address: str) -> None:
    with tab_of(chromium) as tab:
        tab.add_init_script(VOICE.replace("[{}]", "[]"))
        tab.goto(f"{address}/pictures/6")
        assert tab.locator(".aloud").count() > 0 and not tab.locator(".aloud").first.is_visible()


def test_what_was_left_empty_does_not_stand_in_the_address(chromium: Any, address: str) -> None:
    with tab_of(chromium) as tab:
        requested: list[str] = []
        tab.on("request", lambda request: requested.append(request.url))
        tab.goto(address)
        tab.get_by_text("Narrow it down").click()
        tab.select_option("#f-status", "museum")
        tab.keyboard.press("Tab")
        tab.locator("#f-artist").press("Enter")
        tab.wait_for_url(f"{address}?status=museum")
        assert pictures(tab) == ["p6"] and not [url for url in requested if "artist=" in url]
