"""Signing in in a real browser: by an account, and through the whole code flow of a real provider."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse

from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.serving.app import create_app
from mezzetin.serving.settings import ServeSettings
from mezzetin.serving.signin.accounts import add_account, disable_account
from mezzetin.serving.signin.who import need
from tests.browser.oidc_provider import CLIENT_ID, SECRET, free_port, providing
from tests.browser.test_serve_page_safe import FITS, tab_of
from tests.unit.serving.conftest import listening

PASSWORD = "plum wagon silver 9 tide"  # noqa: S105 - of a test
ROLES = ("Mezzetin.Reviewer=reviewer", "Mezzetin.Admin=admin")


@pytest.fixture(scope="module")
def captioner(bundle_path: Path) -> BundleCaptioner:
    return load_captioner(bundle_path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    place = tmp_path / "accounts.sqlite"
    add_account("robin", PASSWORD, "reviewer", place)
    return place


@pytest.fixture
def make(
    captioner: BundleCaptioner, tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., FastAPI]:
    """An application with accounts and a page for reviewers alone."""

    async def decide(request: Request) -> JSONResponse:
        return JSONResponse(asdict(need(request, "reviewer")))

    def made(**settings: Any) -> FastAPI:
        monkeypatch.setenv("MEZZETIN_OIDC_SECRET", SECRET)
        app = create_app(
            ServeSettings(jobs=tmp_path / "jobs", decoders=1, accounts=file, **settings), captioner=captioner
        )
        app.add_api_route("/decide", decide)
        return app

    return made


@contextmanager
def with_provider(make: Callable[..., FastAPI], **how: Any) -> Iterator[tuple[str, str]]:
    """A server that asks a provider, and the provider; the addresses of both."""
    port = free_port()
    app = make(oidc_issuer=f"http://127.0.0.1:{port}", oidc_client_id=CLIENT_ID, oidc_roles=ROLES)
    with listening(app) as address, providing(port, address, **how):
        yield address, f"http://127.0.0.1:{port}"


def sign_in_there(tab: Any, name: str) -> None:
    """What a person does at the provider, whose page asks for any name and password."""
    tab.get_by_role("link", name="Sign in at 127.0.0.1").click()
    tab.locator("input[name=login]").fill(name)
    tab.locator("input[name=password]").fill("whatever")
    tab.locator("button[type=submit]").click()


def who(tab: Any) -> Any:
    return json.loads(tab.inner_text("body"))


def names(tab: Any) -> set[str]:
    return {cookie["name"] for cookie in tab.context.cookies()}


@pytest.mark.parametrize("look", [(1280, "light"), (320, "dark"), (1280, "dark"), (320, "light")], ids=str)
@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_the_page_can_be_used_by_everybody(
    chromium: Any, make: Callable[..., FastAPI], violations: Callable[[Any], Any], look: tuple[int, str], script: bool
) -> None:
    app = make(oidc_issuer="http://127.0.0.1:1", oidc_client_id=CLIENT_ID)
    with listening(app) as address, tab_of(chromium, look, java_script_enabled=script) as tab:
        tab.goto(f"{address}/decide?page=2")
        assert tab.url == f"{address}/sign-in?next=%2Fdecide%3Fpage%3D2"
        assert tab.title() == "Sign in: Mezzetin"
        fields = [tab.get_by_label("Name"), tab.get_by_label("Password")]
        assert [field.get_attribute("autocomplete") for field in fields] == ["username", "current-password"]
        fields[0].fill("robin")
        fields[1].fill("not this one either")
        tab.keyboard.press("Enter")
        tab.get_by_role("alert").wait_for()
        assert tab.get_by_role("alert").inner_text() == "The name or the password is wrong."
        assert tab.title().startswith("Not signed in")
        assert fields[0].input_value() == "robin" and fields[1].input_value() == ""
        assert {field.get_attribute("aria-describedby") for field in fields} == {"problem"}
        if script:
            assert violations(tab) == [] and tab.evaluate(FITS)
            smallest = "[...document.querySelectorAll('button, a.main, input:not([type=hidden])')]"
            assert tab.evaluate(f"Math.min(...{smallest}.map(e => e.getBoundingClientRect().height))") >= 44
        fields[1].fill(PASSWORD)
        tab.keyboard.press("Enter")
        tab.wait_for_url(f"{address}/decide?page=2")
        assert who(tab) == {"name": "robin", "role": "reviewer", "how": "account", "id": "account:robin"}


def test_signing_out_ends_it(chromium: Any, make: Callable[..., FastAPI], file: Path) -> None:
    with listening(make()) as address, tab_of(chromium) as tab:
        tab.goto(f"{address}/decide")
        tab.get_by_label("Name").fill("ROBIN")
        tab.get_by_label("Password").fill(PASSWORD)
        tab.get_by_role("button", name="Sign in").click()
        tab.wait_for_url(f"{address}/decide")
        kept = tab.context.cookies()
        session = next(cookie for cookie in kept if cookie["name"] == "mezzetin-session")
        assert session["httpOnly"] and session["sameSite"] == "Lax"
        tab.goto(f"{address}/sign-in")
        tab.get_by_role("heading", name="You are signed in").wait_for()
        tab.get_by_role("button", name="Sign out").click()
        tab.get_by_text("You are signed out.").wait_for()
        assert "mezzetin-session" not in names(tab)
        # Whoever has kept the cookie is out, too.
        tab.context.add_cookies([session])
        tab.goto(f"{address}/decide")
        assert tab.url.startswith(f"{address}/sign-in?")


def test_disabling_an_account_ends_its_session_at_once(chromium: Any, make: Callable[..., FastAPI], file: Path) -> None:
    with listening(make()) as address, tab_of(chromium) as tab:
        tab.goto(f"{address}/sign-in?next=/decide")
        tab.get_by_label("Name").fill("robin")
        tab.get_by_label("Password").fill(PASSWORD)
        tab.get_by_role("button", name="Sign in").click()
        tab.wait_for_url(f"{address}/decide")
        disable_account("robin", file)
        tab.reload()
        assert tab.url.startswith(f"{address}/sign-in?")


@pytest.mark.parametrize(("in_token", "kind"), [(False, "RSA"), (True, "EC")], ids=["userinfo", "token"])
def test_a_person_signs_in_at_the_provider_with_the_role_of_the_claim(
    chromium: Any, make: Callable[..., FastAPI], in_token: bool, kind: str
) -> None:
    with with_provider(make, in_token=in_token, kind=kind) as (address, issuer), tab_of(chromium) as tab:
        with tab.expect_request(lambda request: request.url.startswith(f"{issuer}/auth?")) as asked:
            tab.goto(f"{address}/decide")
            sign_in_there(tab, "rev.anna")
        query = parse_qs(urlsplit(asked.value.url).query)
        assert query["code_challenge_method"] == ["S256"] and query["response_type"] == ["code"]
        tab.wait_for_url(f"{address}/decide")
        found = who(tab)
        assert (found["name"], found["role"], found["how"]) == ("rev.anna", "reviewer", "oidc")
        assert found["id"].startswith("oidc:") and names(tab) >= {"mezzetin-session"}
        assert "mezzetin-sign-in" not in names(tab)


def test_who_has_no_role_there_may_look_and_not_decide(chromium: Any, make: Callable[..., FastAPI]) -> None:
    with with_provider(make) as (address, _), tab_of(chromium) as tab:
        tab.goto(f"{address}/sign-in")
        sign_in_there(tab, "robin")
        tab.wait_for_url(f"{address}/")
        assert tab.goto(f"{address}/decide").status == 403
        tab.goto(f"{address}/sign-in")
        # There is a local account of this name: histories must tell the two apart.
        assert "robin (127.0.0.1), who may look" in tab.inner_text("main")


def test_an_answer_that_was_not_asked_for_is_refused(chromium: Any, make: Callable[..., FastAPI]) -> None:
    with with_provider(make) as (address, _), tab_of(chromium) as tab:
        for query in ("code=abc&state=abc", "code=abc", "state=%C3%A9&code=x"):
            answer = tab.goto(f"{address}/sign-in/oidc/return?{query}")
            assert answer.status == 400 and "was not the one that began here" in tab.inner_text("#problem")
        assert "mezzetin-session" not in names(tab)


@pytest.mark.parametrize(
    ("part", "status", "said"),
    [
        ("state", 400, "was not the one that began here"),
        ("nonce", 403, "belongs to another attempt"),
        ("verifier", 403, "did not take the code"),
    ],
)
def test_what_was_begun_elsewhere_is_refused(
    chromium: Any, make: Callable[..., FastAPI], part: str, status: int, said: str
) -> None:
    with with_provider(make) as (address, _), tab_of(chromium) as tab:
        tab.goto(f"{address}/sign-in")
        tab.get_by_role("link", name="Sign in at 127.0.0.1").click()
        tab.locator("input[name=login]").fill("rev.anna")
        tab.locator("input[name=password]").fill("whatever")
        cookie = next(one for one in tab.context.cookies() if one["name"] == "mezzetin-sign-in")
        content = json.loads(base64.urlsafe_b64decode(cookie["value"].strip('"')))
        content[part] = "another-" + content[part][8:]
        cookie["value"] = base64.urlsafe_b64encode(json.dumps(content).encode()).decode()
        tab.context.add_cookies([cookie])
        with tab.expect_response(lambda answer: "/sign-in/oidc/return" in answer.url) as answered:
            tab.locator("button[type=submit]").click()
        assert answered.value.status == status
        assert said in tab.inner_text("#problem") and "mezzetin-session" not in names(tab)


def test_a_session_that_is_too_old_leads_back_through_the_sign_in_page(
    chromium: Any, make: Callable[..., FastAPI], file: Path
) -> None:
    with with_provider(make) as (address, _), tab_of(chromium) as tab:
        tab.goto(f"{address}/decide")
        sign_in_there(tab, "rev.anna")
        tab.wait_for_url(f"{address}/decide")
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("UPDATE sessions SET seen = seen - 8 * 3600 - 1")
        tab.reload()
        assert tab.url == f"{address}/sign-in?next=%2Fdecide"
        # The provider still knows the person.
        tab.get_by_role("link", name="Sign in at 127.0.0.1").click()
        tab.wait_for_url(f"{address}/decide")


def test_the_provider_may_change_its_keys_and_be_away(
    chromium: Any, make: Callable[..., FastAPI], violations: Callable[[Any], Any]
) -> None:
    port = free_port()
    app = make(oidc_issuer=f"http://127.0.0.1:{port}", oidc_client_id=CLIENT_ID, oidc_roles=ROLES)
    with listening(app) as address, tab_of(chromium) as tab:
        tab.goto(f"{address}/sign-in?next=/decide")
        tab.get_by_role("link", name="Sign in at 127.0.0.1").click()
        assert "127.0.0.1 does not answer: try again in a minute, or sign in with" in tab.inner_text("#problem")
        assert violations(tab) == []
        for name in ("rev.anna", "rev.bert"):
            # A provider that starts again has another key.
            with providing(port, address):
                tab.context.clear_cookies()
                tab.goto(f"{address}/sign-in?next=/decide")
                sign_in_there(tab, name)
                tab.wait_for_url(f"{address}/decide")
                assert who(tab)["name"] == name
        tab.context.clear_cookies()
        tab.goto(f"{address}/sign-in?next=/decide")
        tab.get_by_label("Name").fill("robin")
        tab.get_by_label("Password").fill(PASSWORD)
        tab.get_by_role("button", name="Sign in").click()
        tab.wait_for_url(f"{address}/decide")
        assert who(tab)["how"] == "account"
