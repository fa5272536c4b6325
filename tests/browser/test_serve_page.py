"""The service's page in a real browser, on the bundled captioner: pictures in, captions out, errors in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mezzetin.captioner import load_captioner
from mezzetin.records import Caption, Captioner, ItemError, ModelInfo
from mezzetin.serving.app import create_app
from mezzetin.serving.keys import add_key, revoke_key
from mezzetin.serving.settings import ServeSettings
from tests.roads.serve_process import Origin, origin
from tests.unit.serving.conftest import listening

PATIENCE_MS = 60_000
FITS = "document.documentElement.scrollWidth <= window.innerWidth"


class Silent:
    """An external captioner that has no words for anything."""

    info = ModelInfo("silent", "1", "0", "none")

    def caption(self, images: Any) -> list[Caption]:
        return [Caption(None, "en", self.info, error=ItemError("refused", "it takes no such picture"))] * len(images)


@pytest.fixture(scope="module")
def pictures(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two good ones and a broken one."""
    broken = tmp_path_factory.mktemp("broken") / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff no picture")
    return [*sorted((scenes / "Images").iterdir())[:2], broken]


@pytest.fixture(scope="module")
def pictures_origin(pictures: list[Path]) -> Iterator[Origin]:
    with origin(pictures[0].read_bytes()) as server:
        yield server


@pytest.fixture(scope="module")
def address(pictures_origin: Origin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that may fetch from `pictures_origin`, with two external captioners, one of which has no words."""
    settings = ServeSettings(jobs=tmp_path_factory.mktemp("jobs"), decoders=1, most_pictures=4)
    external: dict[str, Captioner] = {"greedy": load_captioner(beam=1), "silent": Silent()}
    with pytest.MonkeyPatch.context() as patched:
        for name, value in pictures_origin.environment.items():
            patched.setenv(name, value)
        with listening(create_app(settings, external=external)) as served:
            yield served


@contextmanager
def opened(chromium: Any, address: str, width: int = 1280, scheme: str = "light", **options: Any) -> Iterator[Any]:
    """A tab on the page; nothing in it may fail unnoticed, and nothing but this server be asked."""
    context = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, **options)
    tab = context.new_page()
    tab.set_default_timeout(PATIENCE_MS)
    failures: list[str] = []
    asked: list[str] = []
    tab.on("pageerror", lambda error: failures.append(str(error)))
    tab.on("console", lambda message: failures.append(message.text) if "Security Policy" in message.text else None)
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(address)
    yield tab
    context.close()
    assert failures == []
    assert asked and [url for url in asked if not url.startswith((address, f"blob:{address}"))] == []


def said(tab: Any, words: str) -> None:
    """Wait until the line of status says so."""
    tab.locator("#told", has_text=words).wait_for()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (320, "dark")])
def test_empty_with_results_and_with_errors_it_fits_and_breaks_no_rule(
    chromium: Any, address: str, pictures: list[Path], violations: Callable[[Any], Any], width: int, scheme: str
) -> None:
    with opened(chromium, address, width, scheme) as tab:
        assert violations(tab) == []
        assert tab.evaluate(FITS)
        tab.set_input_files("#files", pictures[:2])
        said(tab, "2 of 2 captioned.")
        tab.locator("summary").first.click()
        assert violations(tab) == []
        assert tab.evaluate(FITS)
        tab.set_input_files("#files", pictures[2:])
        said(tab, "2 of 3 captioned, 1 without a caption.")
        tab.fill("#links", "no link")
        tab.get_by_role("button", name="Caption the links").click()
        assert "whole links" in tab.inner_text("#links-wrong")
        assert tab.evaluate("document.activeElement.id") == "links"
        assert violations(tab) == []
        assert tab.evaluate(FITS)
        luminance = tab.evaluate("getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/)[0]")
        assert (int(luminance) < 60) == (scheme == "dark")


def test_each_captioner_has_its_column_and_each_picture_its_own_error(
    chromium: Any, address: str, pictures: list[Path]
) -> None:
    with opened(chromium, address) as tab:
        tab.set_input_files("#files", pictures)
        said(tab, "2 of 3 captioned, 1 without a caption.")
        ours = load_captioner().caption([pictures[0].read_bytes()])[0]
        card = tab.locator(".card", has_text=pictures[0].name)
        assert card.locator("h4").all_inner_texts() == [ours.model.name, "greedy", "silent"]
        assert card.locator(".caption").first.inner_text() == ours.text
        assert card.locator("img").get_attribute("alt") == ours.text
        assert card.locator("img").evaluate("image => image.naturalWidth") > 0
        sure = card.locator(".sure").first.inner_text()
        confidence = ours.confidence
        assert sure.endswith("does not say" if confidence is None else f": {confidence * 100:.0f} %")
        assert card.locator(".warning").first.is_visible() == ((ours.unlike_training or 0) >= 0.5)
        assert card.locator(".column .error").inner_text() == "No caption: it takes no such picture"
        broken = tab.locator(".card.failed")
        assert "No caption: the JPEG picture is damaged" in broken.inner_text()
        assert broken.get_by_role("button", name="Try again (broken.jpg)").is_visible()


def test_what_is_not_ticked_is_not_asked(chromium: Any, address: str, pictures: list[Path]) -> None:
    with opened(chromium, address) as tab:
        for name in ("greedy", "silent"):
            tab.get_by_label(f"Ask {name} too").uncheck()
        tab.set_input_files("#files", pictures[0])
        said(tab, "1 of 1 captioned.")
        assert tab.locator(".column").count() == 1


def test_links_typed_and_pasted_are_captioned_without_their_signatures_shown(
    chromium: Any, address: str, pictures_origin: Origin
) -> None:
    with opened(chromium, address) as tab:
        tab.fill("#links", pictures_origin.url(1, "?token=very-secret"))
        tab.get_by_role("button", name="Caption the links").click()
        said(tab, "1 of 1 captioned.")
        paste = """link => { const data = new DataTransfer(); data.setData('text/plain', link);
            document.body.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true})); }"""
        tab.evaluate(paste, pictures_origin.url(2))
        tab.evaluate(paste, f"{address}/livez")
        said(tab, "2 of 3 captioned, 1 without a caption.")
        assert "very-secret" not in tab.content()
        assert tab.locator(".name", has_text="/1.jpg").count() == 1


def test_pictures_are_dropped_and_pasted(chromium: Any, address: str, pictures: list[Path]) -> None:
    with opened(chromium, address) as tab:
        content = list(pictures[1].read_bytes())
        drop = """([bytes, kind]) => { const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], `${kind}.jpg`, {type: 'image/jpeg'}));
            document.body.dispatchEvent(kind === 'drop'
                ? new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true})
                : new ClipboardEvent(kind, {clipboardData: data, bubbles: true, cancelable: true})); }"""
        for kind in ("drop", "paste"):
            tab.evaluate(drop, [content, kind])
        said(tab, "2 of 2 captioned.")
        assert sorted(tab.locator(".name").all_inner_texts()) == ["drop.jpg", "paste.jpg"]


def test_by_keyboard_alone_a_link_is_captioned_copied_and_removed(
    chromium: Any, address: str, pictures_origin: Origin
) -> None:
    with opened(chromium, address, permissions=["clipboard-read", "clipboard-write"]) as tab:
        focused = "document.activeElement"

        def walk_to(what: str) -> None:
            for _ in range(20):
                tab.keyboard.press("Tab")
                if what in tab.evaluate(f"{focused}.id + {focused}.className + {focused}.textContent"):
                    assert tab.evaluate(f"getComputedStyle({focused}).outlineStyle") == "solid"
                    return
            raise AssertionError(f"{what} is not reached")

        walk_to("skip")
        walk_to("links")
        tab.keyboard.type(pictures_origin.url(5))
        walk_to("Caption the links")
        tab.keyboard.press("Enter")
        said(tab, "1 of 1 captioned.")
        walk_to("Copy as alt text")
        tab.keyboard.press("Enter")
        said(tab, "Copied: ")
        caption = tab.locator(".caption").first.inner_text()
        assert tab.evaluate("navigator.clipboard.readText()") == caption
        tab.keyboard.press("Tab")
        assert tab.evaluate(f"{focused}.textContent").startswith("Read aloud")
        tab.locator(".remove").focus()
        tab.keyboard.press("Enter")
        assert tab.locator(".card").count() == 0
        assert tab.evaluate(f"{focused}.id") == "files"


def test_a_busy_server_is_asked_again_after_the_time_it_names(
    chromium: Any, address: str, pictures: list[Path]
) -> None:
    with opened(chromium, address) as tab:
        refusal = {"status": 503, "headers": {"Retry-After": "1"}, "body": '{"error": {"code": "overloaded"}}'}
        tab.route("**/score", lambda route: route.fulfill(**refusal), times=1)
        tab.set_input_files("#files", pictures[0])
        tab.locator(".state", has_text="trying again in 1 s").wait_for()
        said(tab, "1 of 1 captioned.")


def test_a_page_from_before_a_restart_takes_a_new_token(chromium: Any, address: str, pictures: list[Path]) -> None:
    with opened(chromium, address) as tab:
        tab.context.clear_cookies()
        tab.set_input_files("#files", pictures[0])
        said(tab, "1 of 1 captioned.")


def test_a_long_list_becomes_a_job_whose_pictures_become_cards(
    chromium: Any, address: str, pictures_origin: Origin
) -> None:
    """A folder is asked for as `sas_uri`; on its way it becomes a list here, because no store is at hand."""
    links = [pictures_origin.url(number) for number in range(6)]
    with opened(chromium, address) as tab:
        tab.route("**/score", lambda route: route.continue_(post_data={"urls": links, "external": []}))
        tab.fill("#links", "https://account.blob.core.windows.net/photographs?sv=1&sr=c&sig=secret")
        tab.get_by_role("button", name="Caption the links").click()
        said(tab, "6 of 6 captioned.")
        assert tab.locator(".folder .state").inner_text() == "6 pictures"
        with tab.expect_download() as download:
            tab.get_by_role("link", name="Results as JSON Lines").click()
        assert len(Path(download.value.path()).read_text(encoding="utf-8").splitlines()) == 6


def test_a_key_that_stops_counting_is_asked_for_anew(
    chromium: Any, pictures: list[Path], tmp_path: Path, violations: Callable[[Any], Any]
) -> None:
    keys = tmp_path / "keys.json"
    key = add_key("reader", keys)
    settings = ServeSettings(jobs=tmp_path / "jobs", keys_file=keys, decoders=1)
    with (
        listening(create_app(settings)) as address,
        opened(chromium, address) as tab,
    ):
        tab.get_by_label("API key").fill(add_key("other", keys))
        tab.keyboard.press("Enter")
        said(tab, "You are in")
        revoke_key("other", keys)
        tab.set_input_files("#files", pictures[0])
        tab.get_by_label("API key").wait_for()
        assert "unknown or was revoked" in tab.inner_text("#key-why")
        assert violations(tab) == []
        tab.keyboard.type(key)
        with tab.expect_request("**/score") as request:
            tab.keyboard.press("Enter")
        assert request.value.header_value("x-api-key") == key
        said(tab, "1 of 1 captioned.")


def test_its_parts_may_be_kept_for_good_and_the_page_itself_not(chromium: Any, address: str) -> None:
    with opened(chromium, address) as tab:
        style = tab.request.get(address + tab.locator("link[rel=stylesheet]").get_attribute("href"))
        assert style.ok and "immutable" in style.headers["cache-control"]
        page = tab.request.get(address)
        assert page.headers["cache-control"] == "no-store"
        assert "script-src 'self'; style-src 'self'" in page.headers["content-security-policy"]
        assert tab.request.get(f"{address}/page/0000000000000000/page.css").status == 404
