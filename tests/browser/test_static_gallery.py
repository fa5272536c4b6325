"""The static gallery in a real browser: from a disk, without a script, by keyboard, and with words that mean harm."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mezzetin.publication import site
from tests.unit.publication.showable import HARM, MACHINE, empty, house, order, order_all

FITS = "document.documentElement.scrollWidth <= window.innerWidth"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of 118 pictures: three pages of the grid."""
    place = tmp_path_factory.mktemp("gallery")
    with house(place, count=120, title=HARM) as collection:
        site.write(collection, order(place / "site", title="The house"), empty("html"))
        site.write(collection, order_all(place / "unread", title="The house"), empty("html"))
    return place


@contextmanager
def watched(tab: Any, folder: Path) -> Iterator[list[str]]:
    """What the browser complains of; at the end that is nothing, and nothing was asked for outside of the folder."""
    complaints: list[str] = []
    asked: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda request: asked.append(request.url))
    yield complaints
    assert complaints == []
    assert [url for url in asked if not url.startswith((folder.as_uri(), "data:", "about:"))] == []


@pytest.fixture(scope="module")
def window(chromium: Any) -> Iterator[Any]:
    """One tab for what does not depend on how it looks."""
    page = chromium.new_page(viewport={"width": 320, "height": 800}, color_scheme="dark")
    yield page
    page.close()


@pytest.fixture
def go(window: Any, folder: Path) -> Iterator[Callable[[str], Any]]:
    """Open a page of the folder from the disk."""

    def visit(page: str) -> Any:
        window.goto("about:blank")
        window.goto(f"{folder.as_uri()}/{page}")
        return window

    with watched(window, folder):
        yield visit


def found_by(tab: Any, words: str) -> list[str]:
    tab.fill("#q", words)
    tab.press("#q", "Enter")
    tab.wait_for_selector("#found")
    tab.wait_for_function("words => document.querySelector('#found bdi').textContent === words", arg=words)
    return [one.inner_text() for one in tab.query_selector_all("section[aria-labelledby=found] .tile .title")]


def test_every_page_keeps_wcag_and_fits(tab: Any, folder: Path, violations: Callable[[Any], list[Any]]) -> None:
    pages = (
        "site/index.html",
        "site/page-3.html",
        "site/pictures/1.html",
        "unread/index.html",
        "site/index.html#q=dog",
    )
    with watched(tab, folder) as complaints:
        for page in pages:
            tab.goto("about:blank")
            tab.goto(f"{folder.as_uri()}/{page}")
            if "#" in page:
                tab.wait_for_selector("#found")
            assert tab.evaluate(FITS)
            assert tab.evaluate("[...document.images].every(one => one.alt)")
            assert complaints == []
            assert violations(tab) == []
            # axe reads style sheets by itself, which the page's policy forbids and the browser remarks on.
            complaints.clear()


def test_a_search_finds_pictures_and_can_be_shared(go: Callable[[str], Any]) -> None:
    tab = go("site/page-2.html")
    assert found_by(tab, "LUTÉNISTS tab") == ["Picture no. 3"]
    assert tab.inner_text("#told") == "1 picture found"
    assert not tab.is_visible("#grid")
    assert found_by(tab, "dog bench 7")[0] == "Picture no. 7"
    again = go(f"site/{tab.url.rpartition('/')[2]}")
    again.wait_for_selector("#found")
    assert again.inner_text("#found").endswith("“dog bench 7”")
    again.click("text=Back to the pictures")
    again.wait_for_selector("#grid .tile")


def test_nonsense_finds_nothing_and_says_so(go: Callable[[str], Any]) -> None:
    tab = go("site/index.html")
    for words in ("xyzzy", '"<style>', "dog xyzzy", "\N{DOG FACE}", "a" * 200):
        assert found_by(tab, words) == []
        assert "Nothing was found" in tab.inner_text("#told")


def test_more_are_shown_when_asked_for_and_the_focus_goes_on(go: Callable[[str], Any]) -> None:
    tab = go("site/index.html")
    assert len(found_by(tab, "dog")) == 48
    tab.click("text=Show more")
    assert len(tab.query_selector_all("section[aria-labelledby=found] .tile")) == 96
    assert tab.evaluate("document.activeElement.closest('.tile') === document.querySelectorAll('.tile')[48]")


def test_a_search_from_a_picture_leads_to_other_pictures(go: Callable[[str], Any]) -> None:
    tab = go("site/pictures/2.html")
    assert found_by(tab, "lutenists") == ["Picture no. 3"]
    tab.click("section[aria-labelledby=found] .tile a")
    tab.wait_for_url("**/pictures/3.html")
    assert tab.inner_text("h1") == "Picture no. 3"


def test_words_that_mean_harm_do_none(go: Callable[[str], Any]) -> None:
    tab = go("site/pictures/1.html")
    assert "alert(1)" in tab.inner_text("h1")
    assert "alert(1)" in found_by(tab, "quoted")[0]


def test_what_a_machine_wrote_says_so_in_the_grid_and_in_what_is_found(go: Callable[[str], Any]) -> None:
    tab = go("unread/index.html")
    assert "Machine, nobody has read it" in tab.inner_text(f"#p{MACHINE}")
    found_by(tab, "bench 4")
    assert "Machine, nobody has read it" in tab.inner_text("section[aria-labelledby=found]")


def test_a_text_is_read_aloud_in_its_language(go: Callable[[str], Any]) -> None:
    tab = go("site/pictures/1.html")
    tab.evaluate("() => { speechSynthesis.speak = (one) => { window.spoken = [one.text, one.lang]; }; }")
    button = tab.locator(".aloud").first
    button.click()
    assert tab.evaluate("window.spoken[1]") == "de"
    assert tab.evaluate("window.spoken[0]") == "Ein Hund auf einer Bank."
    assert button.inner_text().startswith("Stop reading")
    button.click()
    assert button.inner_text().startswith("Read aloud")


def test_a_missing_index_is_said(chromium: Any, folder: Path) -> None:
    hidden = folder / "site" / "search"
    hidden.rename(folder / "elsewhere")
    tab = chromium.new_page()
    try:
        tab.goto(f"{folder.as_uri()}/site/index.html")
        tab.fill("#q", "dog")
        tab.press("#q", "Enter")
        tab.wait_for_function("document.getElementById('told').textContent.includes('search/')")
        assert tab.is_visible("#told")
    finally:
        (folder / "elsewhere").rename(hidden)
        tab.close()


def test_without_a_script_everything_can_be_read_and_nothing_is_dead(chromium: Any, folder: Path) -> None:
    context = chromium.new_context(java_script_enabled=False, viewport={"width": 320, "height": 800})
    tab = context.new_page()
    tab.goto(f"{folder.as_uri()}/site/index.html")
    assert not tab.is_visible(".asking")
    seen = set()
    while True:
        seen |= {one.get_attribute("href") for one in tab.query_selector_all("#grid .title a")}
        if not tab.query_selector("a[rel=next]"):
            break
        tab.click("a[rel=next]")
    assert len(seen) == 118
    tab.click("#grid .tile a >> nth=-1")
    assert tab.is_visible("text=Written by a machine (small 1), read and approved by a person.")
    assert not tab.is_visible(".aloud")
    tab.click("a[rel=prev]")
    tab.click("text=All pictures")
    assert "page-3.html#p119" in tab.url
    context.close()
