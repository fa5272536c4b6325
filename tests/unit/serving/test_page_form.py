"""The page's form without a script: what it may hold, and to whom its pictures go."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.records import Caption, ModelInfo
from mezzetin.serving.app import create_app
from mezzetin.serving.settings import ServeSettings
from tests.unit.serving.conftest import Photograph

HOME = "http://127.0.0.1:8000"
Post = Callable[..., Any]


class Outside:
    """An external captioner that counts what it is sent."""

    info = ModelInfo("outside", "1", "0", "none")

    def __init__(self) -> None:
        self.sent = 0

    def caption(self, images: Sequence[Any]) -> list[Caption]:
        self.sent += len(images)
        return [Caption("Seen outside.", "en", self.info)] * len(images)


@pytest.fixture(scope="module")
def captioner(bundle_path: Path) -> BundleCaptioner:
    return load_captioner(bundle_path)


@pytest.fixture
def outside() -> Outside:
    return Outside()


@pytest.fixture
def post(captioner: BundleCaptioner, outside: Outside, tmp_path: Path) -> Post:
    """Open the page and send its form as a browser does; files are (name, content)."""
    named = {"external": ("outside",), "restricted": ("*private*",)}
    settings = ServeSettings(jobs=tmp_path, decoders=1, most_pictures=2, **named)
    app = create_app(settings, captioner=captioner, external={"outside": outside})

    def send(files: Sequence[tuple[str, bytes]], **fields: str) -> Any:
        with TestClient(app, HOME) as client:
            token = re.search(r'name="csrf_token" value="([0-9a-f]+)"', client.get("/").text)
            assert token is not None
            return client.post(
                "/",
                data={"csrf_token": token[1], **fields},
                files=[("images", file) for file in files],
                headers={"Origin": HOME, "Accept": "text/html"},
            )

    return send


def test_a_captioner_that_is_not_ticked_is_not_asked(post: Post, outside: Outside, photograph: Photograph) -> None:
    assert "Seen outside." not in post([("a.jpg", photograph())]).text and outside.sent == 0


def test_one_that_is_ticked_has_its_column(post: Post, outside: Outside, photograph: Photograph) -> None:
    page = post([("a.jpg", photograph())], external="outside")
    assert "Seen outside." in page.text and outside.sent == 1
    assert 'src="data:image/jpeg;base64,' in page.text
    assert "img-src 'self' blob: data:;" in page.headers["content-security-policy"]


def test_a_restricted_picture_goes_to_nobody_else(post: Post, outside: Outside, photograph: Photograph) -> None:
    page = post([("private/a.jpg", photograph())], external="outside")
    assert page.status_code == 200 and "1 of 1 captioned" in page.text
    assert outside.sent == 0 and "Seen outside." not in page.text


@pytest.mark.parametrize(
    ("count", "links", "status", "words"),
    [
        (0, " ", 422, "choose one"),
        (3, "", 413, "2 pictures at most"),
        (1, "a b", 413, "2 pictures at most"),
    ],
)
def test_what_it_can_t_take_is_said_on_a_page(
    post: Post, photograph: Photograph, count: int, links: str, status: int, words: str
) -> None:
    # A field of files that was left empty.
    page = post([("a.jpg", photograph())] * count or [("", b"")], links=links)
    assert (page.status_code, page.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert words in page.text and 'href="/"' in page.text


def test_a_signature_in_a_link_is_not_shown(post: Post) -> None:
    link = "https://account.blob.core.windows.net/photographs?sv=1&sr=c&sig=c2VjcmV0"
    page = post([("", b"")], links=f"{link} http://[").text
    assert "c2VjcmV0" not in page and "a folder needs JavaScript" in page and "this is no link" in page
