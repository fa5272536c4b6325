"""Forgetting a picture from its page: who may, what is asked first, and that nothing of it is left to look at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.collection import pictures
from mezzetin.collection.copies import folder_of
from mezzetin.collection.forgetting import forget, forget_picture
from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Actor, Sighting
from mezzetin.errors import InputError
from mezzetin.serving.app import create_app
from mezzetin.serving.settings import ServeSettings
from mezzetin.serving.signin.accounts import add_account
from tests.unit.serving.conftest import Photograph, listening
from tests.unit.serving.gallery_of import ANNA, SMALL, gallery, numbers, sign_in, token

PAGE = {"Accept": "text/html"}
PASSWORD = "plum wagon silver 9 tide"  # noqa: S105 - of a test


@pytest.fixture(scope="module")
def captioner(bundle_path: Path) -> BundleCaptioner:
    return load_captioner(str(bundle_path), threads=1)


@pytest.fixture
def collection(tmp_path: Path, photograph: Photograph) -> Iterator[Collection]:
    with gallery(tmp_path / "museum.sqlite", {number: photograph(seed=number) for number in range(1, 7)}) as opened:
        yield opened


@pytest.fixture
def client(collection: Collection, captioner: BundleCaptioner, tmp_path: Path) -> Iterator[httpx2.Client]:
    settings = ServeSettings(jobs=tmp_path / "jobs", decoders=1, threads=1, collection=collection.path)
    with (
        listening(create_app(settings, captioner=captioner)) as address,
        httpx2.Client(base_url=address, headers=PAGE, timeout=60) as opened,
    ):
        yield opened


def test_an_admin_forgets_a_picture_after_having_been_asked(client: httpx2.Client, collection: Collection) -> None:
    for size in ("small", "large"):
        assert client.get(f"/gallery/pictures/1/{size}.jpg").status_code == 200
    client.get("/gallery/pictures/2/small.jpg")
    assert 'href="/review/pictures/1/forget"' in client.get("/review/pictures/1").text
    asked = client.get("/review/pictures/1/forget").text
    assert "can’t be undone" in asked and "1 text" in asked and "The dog" in asked
    form = {"csrf_token": token(asked)}
    unsure = client.post("/review/pictures/1/forget", data=form)
    assert unsure.status_code == 422 and "tick that you mean it" in unsure.text
    assert client.post("/review/pictures/1/forget", data={"sure": "1"}).status_code == 403
    assert pictures.get(collection, 1) is not None
    done = client.post("/review/pictures/1/forget", data=form | {"sure": "1"})
    assert done.status_code == 200 and "1 picture is gone" in done.text
    assert pictures.get(collection, 1) is None and len(list(folder_of(collection.path).rglob("*.jpg"))) == 1
    assert client.get("/gallery/pictures/1/small.jpg").status_code == 404
    assert client.get("/review/pictures/1/forget").status_code == 404
    assert 1 not in numbers(client.get("/gallery").text) and "5 pictures" in client.get("/gallery").text
    assert 1 not in numbers(client.get("/gallery?q=dog").text)
    held = [one for one in collection.path.parent.glob("museum.sqlite*") if b"runs on grass" in one.read_bytes()]
    assert held == []


def test_nobody_but_an_admin_may(collection: Collection, captioner: BundleCaptioner, tmp_path: Path) -> None:
    add_account("robin", PASSWORD, "reviewer", tmp_path / "museum.accounts.sqlite")
    settings = ServeSettings(jobs=tmp_path / "jobs", decoders=1, threads=1, collection=collection.path)
    with (
        listening(create_app(settings, captioner=captioner)) as address,
        httpx2.Client(base_url=address, headers=PAGE) as client,
    ):
        sign_in(client, "robin", PASSWORD)
        page = client.get("/review/pictures/1").text
        assert "/forget" not in page and client.get("/review/pictures/1/forget").status_code == 403
        form = {"csrf_token": token(page), "sure": "1"}
        assert client.post("/review/pictures/1/forget", data=form).status_code == 403
    assert pictures.get(collection, 1) is not None


def test_all_places_of_the_same_bytes_go_and_say_so(client: httpx2.Client, collection: Collection) -> None:
    first = pictures.get(collection, 3)
    assert first
    with collection.writing(SMALL, "collect") as writing:
        twin = pictures.see(writing, Sighting("drawn", "/elsewhere/twin.jpg", sha256=first.sha256, stamp="1"))
    asked = client.get("/review/pictures/3/forget").text
    assert f'href="/review/pictures/{twin.id}"' in asked and "1 more time" in asked
    done = client.post("/review/pictures/3/forget", data={"csrf_token": token(asked), "sure": "1"})
    assert "2 pictures are gone" in done.text


def test_a_house_s_own_number_does_not_get_in_the_way(collection: Collection) -> None:
    known = pictures.get(collection, 5)
    assert known
    with collection.writing(SMALL, "collect") as writing:
        pictures.see(writing, Sighting("drawn", known.uri, stamp="1", record_id="2"))
    with pytest.raises(InputError, match="fits 2 pictures"):
        forget(collection, ANNA, "2")
    assert forget_picture(collection, ANNA, 2).pictures == 1
    assert pictures.get(collection, 5) is not None and pictures.get(collection, 2) is None
    with pytest.raises(InputError, match="no picture 2"):
        forget_picture(collection, ANNA, 2)
    with pytest.raises(InputError):
        forget_picture(collection, Actor.machine("x"), 1)
