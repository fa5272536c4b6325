"""The pages of review in a real browser: by keyboard, by two at once, without scripts, and with hostile titles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.collection import people, queue, texts
from mezzetin.collection.opening import Collection
from mezzetin.collection.queue import Filter
from mezzetin.collection.rows import Actor
from mezzetin.serving.app import create_app
from mezzetin.serving.settings import ServeSettings
from tests.unit.serving.conftest import listening
from tests.unit.serving.reviewable import museum

FITS = "document.documentElement.scrollWidth <= window.innerWidth"
FOCUS = "document.activeElement.id"
BEN = Actor.person("ben")


@pytest.fixture(scope="module")
def captioner(bundle_path: Path) -> BundleCaptioner:
    return load_captioner(str(bundle_path), threads=1)


@pytest.fixture
def collection(tmp_path: Path, scenes: Path) -> Iterator[Collection]:
    files = {path.name: path.read_bytes() for path in sorted((scenes / "Images").iterdir())}
    with museum(tmp_path / "museum.sqlite", files) as opened:
        yield opened


@pytest.fixture
def address(collection: Collection, captioner: BundleCaptioner, tmp_path: Path) -> Iterator[str]:
    settings = ServeSettings(jobs=tmp_path / "jobs", decoders=1, threads=1, collection=collection.path)
    with listening(create_app(settings, captioner=captioner)) as served:
        yield served


@pytest.fixture(scope="module")
def standing(captioner: BundleCaptioner, scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that is only looked at."""
    folder = tmp_path_factory.mktemp("standing")
    files = {path.name: path.read_bytes() for path in sorted((scenes / "Images").iterdir())}
    with museum(folder / "museum.sqlite", files) as collection:
        people.edit(collection, BEN, 1, "<b>Ben</b> wrote.", version=1)
        people.delete(collection, BEN, 2, version=1)
        settings = ServeSettings(jobs=folder / "jobs", decoders=1, threads=1, collection=collection.path)
        with listening(create_app(settings, captioner=captioner)) as served:
            yield served


@contextmanager
def tab_of(chromium: Any, look: tuple[int, str] = (1280, "light"), **options: Any) -> Iterator[Any]:
    context = chromium.new_context(viewport={"width": look[0], "height": 800}, color_scheme=look[1], **options)
    context.set_default_timeout(20_000)
    yield context.new_page()
    context.close()


def told(tab: Any, words: str) -> None:
    tab.locator("#told", has_text=words).wait_for()


def stands(collection: Collection, text_id: int) -> tuple[str, str | None]:
    found = texts.get(collection, text_id)
    assert found
    return found.status, found.text


def test_a_card_is_decided_by_keyboard_and_the_next_has_the_focus(
    chromium: Any, address: str, collection: Collection
) -> None:
    with tab_of(chromium) as tab:
        tab.goto(f"{address}/review")
        # Nobody has chosen a card: letters do nothing.
        tab.keyboard.press("a")
        tab.locator("#t1").focus()
        tab.keyboard.press("a")
        told(tab, "Approved: A person sitting on bench 1")
        assert tab.evaluate(FOCUS) == "t2" and stands(collection, 1)[0] == "approved"
        tab.keyboard.press("r")
        told(tab, "Rejected")
        tab.keyboard.press("d")
        told(tab, "Deleted")
        assert [stands(collection, number)[0] for number in (2, 3)] == ["rejected", "deleted"]
        tab.keyboard.press("u")
        told(tab, "Undone")
        assert stands(collection, 3)[0] == "machine" and tab.evaluate(FOCUS) == "t3"
        tab.keyboard.press("e")
        assert tab.evaluate(FOCUS) == "t3-text"
        # Letters that are typed are letters.
        tab.keyboard.press("Control+a")
        tab.keyboard.type("Image of a drunkard")
        tab.locator("#t3-findings li", has_text="leave out").wait_for()
        tab.keyboard.press("Escape")
        assert tab.evaluate(FOCUS) == "t3"
        tab.keyboard.press("r")
        told(tab, "save it, or put it back")
        assert tab.input_value("#t3-text") == "Image of a drunkard"
        tab.locator("#t3-text").focus()
        tab.keyboard.press("Control+Enter")
        told(tab, "Saved: Image of a drunkard")
        assert stands(collection, 3) == ("edited", "Image of a drunkard") and tab.evaluate(FOCUS) == "t4"
        tab.locator("#t4 .offer").first.click()
        told(tab, "Saved: A man on bench 4")
        tab.get_by_role("button", name="Undo", exact=True).first.click()
        told(tab, "Undone")


def test_letter_keys_can_be_switched_off_for_good(chromium: Any, address: str, collection: Collection) -> None:
    with tab_of(chromium) as tab:
        tab.goto(f"{address}/review")
        tab.locator("#t1").focus()
        tab.keyboard.press("?")
        tab.get_by_role("dialog", name="Keys").wait_for()
        tab.get_by_label("Letter keys are on").uncheck()
        tab.get_by_role("button", name="Close").click()
        tab.reload()
        tab.locator("#t1").focus()
        tab.keyboard.press("a")
        tab.keyboard.press("j")
        assert tab.evaluate(FOCUS) == "t1" and stands(collection, 1)[0] == "machine"
        tab.get_by_role("button", name="Keys").click()
        assert not tab.get_by_label("Letter keys are on").is_checked()


def test_two_reviewers_lose_nothing(
    chromium: Any, address: str, collection: Collection, violations: Callable[[Any], Any]
) -> None:
    with tab_of(chromium) as anna, tab_of(chromium) as ben:
        anna.goto(f"{address}/review")
        ben.goto(f"{address}/review")
        anna.fill("#t1-text", "Anna's words.")
        ben.fill("#t1-text", "Ben's words.")
        ben.locator("#t1 button[value=edit]").click()
        told(ben, "Saved: Ben's words.")
        anna.locator("#t1 button[value=edit]").click()
        told(anna, "has changed this text")
        conflict = anna.locator("#t1 .conflict")
        assert "Ben's words." in conflict.inner_text() and "Anna's words." in conflict.inner_text()
        assert anna.input_value("#t1-text") == "Anna's words." and anna.evaluate(FOCUS) == "t1-text"
        assert violations(anna) == [] and anna.evaluate(FITS)
        assert stands(collection, 1) == ("edited", "Ben's words.")
        anna.get_by_role("button", name="Save mine over theirs").click()
        told(anna, "Saved: Anna's words.")
        assert stands(collection, 1) == ("edited", "Anna's words.")
        # And the other way round: theirs stays.
        people.edit(collection, BEN, 2, "Ben again.", version=1)
        anna.fill("#t2-text", "Anna again.")
        anna.locator("#t2 button[value=edit]").click()
        anna.get_by_role("button", name="Keep theirs").click()
        told(anna, "Theirs is kept")
        assert anna.input_value("#t2-text") == "Ben again." and stands(collection, 2) == ("edited", "Ben again.")


PAGES = ("?status=any", "/pictures/1", "/pictures/4", "/history", "/bulk?from=10&verb=reject", "/samples?from=10")


def test_pages_are_for_everybody_and_hostile_titles_are_text(
    tab: Any, standing: str, violations: Callable[[Any], Any]
) -> None:
    complaints: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    for path in PAGES:
        tab.goto(f"{standing}/review{path}")
        assert violations(tab) == [] and tab.evaluate(FITS), path
        assert tab.evaluate("window.stolen === undefined")
        assert tab.locator("main b script, main bdi script, main bdi img").count() == 0
        pictures = "[...document.images].filter(one => one.complete).every(one => one.naturalWidth > 0)"
        assert tab.evaluate(pictures), path
    assert complaints == []


def test_without_scripts_everything_can_be_done(chromium: Any, address: str, collection: Collection) -> None:
    with tab_of(chromium, java_script_enabled=False) as tab:
        tab.goto(f"{address}/review")
        assert not tab.get_by_role("button", name="Keys").is_visible()
        tab.locator("#t1 button[value=approve]").click()
        notice = tab.locator(".notice")
        assert "Approved by a person" in notice.inner_text() and tab.url.endswith("#t2")
        notice.get_by_role("button", name="Undo").click()
        assert stands(collection, 1)[0] == "machine"
        tab.locator("#t1-text").fill("Image of a bench")
        tab.locator("#t1 button[value=check]").click()
        assert "leave out" in tab.locator("#t1-findings").inner_text()
        assert tab.input_value("#t1-text") == "Image of a bench"
        people.edit(collection, BEN, 1, "Ben's words.", version=3)
        tab.locator("#t1 button[value=edit]").click()
        assert "Ben's words." in tab.inner_text(".conflict") and "Image of a bench" in tab.inner_text(".conflict")
        tab.get_by_role("button", name="Save mine over theirs").click()
        assert stands(collection, 1) == ("edited", "Image of a bench")
        tab.goto(f"{address}/review/bulk?verb=approve&to=50")
        tab.get_by_role("button", name="Approve all").click()
        tab.goto(tab.url)
        tab.locator(".badge", has_text="Done").first.wait_for()
        assert queue.count(collection, Filter(statuses=("approved",))) == 5
        tab.get_by_role("button", name="Undo the whole run").click()
        assert queue.count(collection, Filter(statuses=("approved",))) == 0


def test_a_sample_is_judged_by_keyboard(
    chromium: Any, address: str, collection: Collection, violations: Callable[[Any], Any]
) -> None:
    with tab_of(chromium, (320, "dark")) as tab:
        tab.goto(f"{address}/review/samples?from=20")
        tab.fill("#size", "3")
        tab.get_by_role("button", name="Draw the sample").click()
        tab.locator("#judging").focus()
        for verdict, share in (("a", "100 %"), ("a", "100 %"), ("r", "67 %")):
            assert tab.evaluate(FOCUS) == "judging"
            tab.keyboard.press(verdict)
            tab.locator("h1", has_text=share).wait_for()
            tab.locator(".notice", has_text="Noted").wait_for()
            tab.wait_for_load_state()
        assert violations(tab) == [] and tab.evaluate(FITS)
        tab.get_by_role("button", name="Approve the band by sample").click()
        tab.locator(".badge", has_text="Band approved by sample").wait_for()
        counts = queue.statuses(collection)
        assert (counts["approved"], counts["rejected"]) == (2, 1) and counts["sampled"] > 3
