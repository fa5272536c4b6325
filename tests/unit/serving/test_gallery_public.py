"""A gallery for everybody: what a stranger sees, and what no way in shows them."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import httpx2
import pytest

from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.collection.opening import Collection
from mezzetin.errors import InputError
from mezzetin.serving.app import create_app
from mezzetin.serving.settings import ServeSettings
from mezzetin.serving.signin.accounts import add_account
from mezzetin.serving.start import serve
from tests.unit.serving.conftest import Photograph, listening
from tests.unit.serving.gallery_of import gallery, numbers, sign_in, token

PASSWORD = "plum wagon silver 9 tide"  # noqa: S105 - of a test
PAGE = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def captioner(bundle_path: Path) -> BundleCaptioner:
    return load_captioner(str(bundle_path), threads=1)


@pytest.fixture(scope="module")
def files(photograph: Photograph) -> dict[int, bytes]:
    return {number: photograph(seed=number) for number in range(1, 7)}


@pytest.fixture(scope="module")
def collection(
    tmp_path_factory: pytest.TempPathFactory, files: dict[int, bytes], captioner: BundleCaptioner
) -> Iterator[Collection]:
    folder = tmp_path_factory.mktemp("house")
    with gallery(folder / "museum.sqlite", files, captioner) as opened:
        add_account("anna", PASSWORD, "reviewer", folder / "museum.accounts.sqlite")
        yield opened


def serving(collection: Collection, captioner: BundleCaptioner, **more: object) -> ServeSettings:
    jobs = Path(mkdtemp(dir=collection.path.parent))
    return ServeSettings(jobs=jobs, decoders=1, threads=1, collection=collection.path, **more)


@pytest.fixture(scope="module")
def public(collection: Collection, captioner: BundleCaptioner) -> Iterator[str]:
    with listening(create_app(serving(collection, captioner, gallery="public"), captioner=captioner)) as address:
        yield address


@pytest.fixture
def stranger(public: str) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=public, headers=PAGE) as client:
        yield client


@pytest.fixture
def anna(public: str) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=public, headers=PAGE) as client:
        assert sign_in(client, "anna", PASSWORD).status_code == 303
        yield client


def test_a_stranger_sees_what_people_vouch_for_and_nothing_else(stranger: httpx2.Client) -> None:
    page = html.unescape(stranger.get("/gallery").text)
    assert numbers(page) == [1, 2, 6] and "3 pictures" in page
    assert "A <b>sloop</b> in the harbour." in page and "Een paard in de wei." in page
    for hidden in ("secret", "unchecked", "says the machine", "Not for the world", "boat lies", "drawn", "pictures/4"):
        assert hidden not in page, hidden
    assert "Review" not in page and "Sign in" in page and "noindex" not in page


def test_no_search_and_no_filter_tells_a_stranger_more(stranger: httpx2.Client) -> None:
    for query in ("q=secret", "q=unchecked+lutenist", "q=world", "q=bench", "status=machine", "artist=châtelet"):
        page = stranger.get(f"/gallery?{query}").text
        assert numbers(page) == [] and "Nothing here fits" in page, query
    assert numbers(stranger.get("/gallery?q=dog").text) == [1]
    # What the machine had written before a person corrected it finds nothing either.
    assert numbers(stranger.get("/gallery?q=boat").text) == []
    assert numbers(stranger.get("/gallery?q=sloop").text) == [2]


@pytest.mark.parametrize("number", [3, 4, 5, 99])
def test_what_is_not_shown_is_not_there(stranger: httpx2.Client, number: int) -> None:
    for path in (
        f"pictures/{number}",
        f"pictures/{number}/small.jpg",
        f"pictures/{number}/large.jpg",
        f"like/{number}",
    ):
        assert stranger.get(f"/gallery/{path}").status_code == 404, path


def test_likeness_does_not_lead_a_stranger_to_hidden_pictures(
    stranger: httpx2.Client, anna: httpx2.Client, files: dict[int, bytes]
) -> None:
    assert set(numbers(stranger.get("/gallery/like/1").text)) <= {2, 6}
    assert 4 in numbers(anna.get("/gallery/like/1").text)
    form = {"csrf_token": token(stranger.get("/gallery").text)}
    # The very bytes of the hidden picture.
    found = stranger.post("/gallery/by-picture", data=form, files={"picture": ("x.jpg", files[4], "image/jpeg")})
    assert found.status_code == 200 and set(numbers(found.text)) <= {1, 2, 6} and "secret" not in found.text


def test_who_has_signed_in_sees_all_and_what_the_public_sees(anna: httpx2.Client) -> None:
    page = anna.get("/gallery").text
    assert numbers(page) == [1, 2, 3, 4, 5, 6] and "Must not leave the house" in page and "anna" in page
    assert "Machine, unchecked" in page and 'href="/review"' in page
    as_public = anna.get("/gallery?as=public").text
    assert numbers(as_public) == [1, 2, 6] and "As the public sees it" in as_public
    assert anna.get("/gallery/pictures/4").status_code == 200
    assert anna.get("/gallery/pictures/4?as=public").status_code == 404


def test_a_shared_picture_brings_its_alt_text_along(stranger: httpx2.Client, anna: httpx2.Client, public: str) -> None:
    page = stranger.get("/gallery/pictures/1").text
    meta = dict(re.findall(r'<meta (?:property|name)="([^"]+)" content="([^"]*)"', page))
    assert meta["og:image:alt"] == meta["og:description"] == "A dog runs on grass."
    assert meta["og:title"] == "The dog" and meta["og:url"] == f"{public}/gallery/pictures/1"
    picture = stranger.get(html.unescape(meta["og:image"]))
    assert picture.headers["Content-Type"] == "image/jpeg" and picture.content.startswith(b"\xff\xd8")
    assert picture.headers["Cache-Control"] == "public, max-age=3600"
    inside = anna.get("/gallery/pictures/1").text
    assert "og:image" not in inside and "noindex" in inside


def test_the_rest_of_the_server_still_asks_who_is_there(stranger: httpx2.Client) -> None:
    for path in ("/review", "/review/pictures/1", "/review/pictures/1/small.jpg", "/", "/galleryx"):
        answer = stranger.get(path)
        assert answer.status_code == 303 and answer.headers["Location"].startswith("/sign-in?next="), path
    assert stranger.post("/gallery/../review/texts/1", data={"verb": "approve"}).status_code in (303, 401)


def test_a_strangers_form_needs_its_token_and_they_may_not_hurry(public: str, files: dict[int, bytes]) -> None:
    files_ = {"picture": ("x.jpg", files[1], "image/jpeg")}
    with httpx2.Client(base_url=public, headers=PAGE) as client:
        assert client.post("/gallery/by-picture", data={"csrf_token": "0" * 64}, files=files_).status_code == 403
        foreign = client.post("/gallery/by-picture", files=files_, headers={"Origin": "https://evil.example"})
        assert foreign.status_code == 403
        form = {"csrf_token": token(client.get("/gallery").text)}
        answers = [client.post("/gallery/by-picture", data=form, files=files_) for _ in range(6)]
    assert answers[-1].status_code == 429 and int(answers[-1].headers["Retry-After"]) >= 1


def test_machine_texts_are_shown_to_the_public_only_when_asked_for(
    collection: Collection, captioner: BundleCaptioner
) -> None:
    settings = serving(collection, captioner, gallery="public", gallery_machine=True)
    with listening(create_app(settings, captioner=captioner)) as address:
        page = httpx2.get(f"{address}/gallery", headers=PAGE).text
        one = httpx2.get(f"{address}/gallery/pictures/5", headers=PAGE).text
    assert numbers(page) == [1, 2, 3, 5, 6] and page.count("Machine, unchecked") >= 2
    assert "Written by a machine, and nobody has checked it" in one


@pytest.mark.parametrize(("how", "status"), [("signed-in", 303), ("off", 303)])
def test_a_gallery_that_is_not_public_is_behind_the_sign_in(
    collection: Collection, captioner: BundleCaptioner, how: str, status: int
) -> None:
    with (
        listening(create_app(serving(collection, captioner, gallery=how), captioner=captioner)) as address,
        httpx2.Client(base_url=address, headers=PAGE) as client,
    ):
        for path in ("/gallery?q=dog", "/gallery/pictures/1", "/gallery/pictures/1/small.jpg"):
            assert client.get(path).status_code == status, path
        sign_in(client, "anna", PASSWORD)
        inside = client.get("/gallery?q=dog")
        assert inside.status_code == (404 if how == "off" else 200)
        assert ('href="/gallery"' in client.get("/review").text) == (how != "off")


def test_a_public_gallery_needs_a_collection() -> None:
    with pytest.raises(InputError, match="--collection"):
        serve(gallery="public")
    with pytest.raises(InputError, match="--gallery public"):
        serve(gallery_machine=True)
