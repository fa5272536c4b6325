"""The IIIF doors: the gallery's rules of who sees what, other sites' viewers, and Content Search 2."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import httpx2
import pytest

from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.collection import people, texts
from mezzetin.collection.opening import Collection
from mezzetin.collection.sources.iiif import Iiif
from mezzetin.collection.sources.options import SourceOptions
from mezzetin.collection.sources.record import SourceRecord
from mezzetin.collection.sources.web import Web
from mezzetin.serving.app import create_app
from mezzetin.serving.iiif.searching import PAGE
from mezzetin.serving.settings import ServeSettings
from mezzetin.serving.signin.accounts import add_account
from mezzetin.storage.paths import Place
from tests.unit.publication.presentation import faults
from tests.unit.publication.showable import ANNA, APPROVED, EDITED, GIVEN, MACHINE, RESTRICTED, house
from tests.unit.serving.conftest import listening
from tests.unit.serving.gallery_of import sign_in

PASSWORD = "plum wagon silver 9 tide"  # noqa: S105 - of a test
ELSEWHERE = {"Origin": "https://viewer.example"}
SEARCH = "http://iiif.io/api/search/2/context.json"


@pytest.fixture(scope="module")
def captioner(bundle_path: Path) -> BundleCaptioner:
    return load_captioner(str(bundle_path), threads=1)


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    folder = tmp_path_factory.mktemp("doors")
    with house(folder, count=PAGE + 8) as opened:
        add_account("anna", PASSWORD, "reviewer", folder / "house.accounts.sqlite")
        yield opened


def client_of(collection: Collection, captioner: BundleCaptioner, **more: Any) -> Iterator[httpx2.Client]:
    jobs = Path(mkdtemp(dir=collection.path.parent))
    settings = ServeSettings(jobs=jobs, decoders=1, threads=1, collection=collection.path, **more)
    with (
        listening(create_app(settings, captioner=captioner)) as address,
        httpx2.Client(base_url=address) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def stranger(collection: Collection, captioner: BundleCaptioner) -> Iterator[httpx2.Client]:
    """Whoever comes to a public gallery."""
    yield from client_of(collection, captioner, gallery="public")


def get(client: httpx2.Client, path: str, **headers: str) -> dict[str, Any]:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert faults(found) == []
    return found


def said(page: dict[str, Any]) -> list[str]:
    return [item["body"]["value"] for item in page["items"]]


def test_from_the_collection_to_the_picture_every_address_answers(stranger: httpx2.Client) -> None:
    told = get(stranger, "/iiif/collection.json")
    first = told["items"][0]
    assert first["id"] == str(stranger.base_url.join("/iiif/1/manifest.json"))
    manifest = get(stranger, first["id"])
    canvas = manifest["items"][0]
    painted = canvas["items"][0]["items"][0]["body"]
    picture = stranger.get(painted["id"])
    assert picture.headers["content-type"] == "image/jpeg"
    assert (painted["width"], painted["height"]) == (canvas["width"], canvas["height"]) == (64, 48)
    page = get(stranger, canvas["annotations"][0]["id"])
    assert page["items"] == canvas["annotations"][0]["items"]
    assert get(stranger, f"{manifest['service'][0]['id']}?q=hund")["items"][0]["body"]["language"] == "de"
    assert get(stranger, told["service"][0]["id"])["items"] != []
    assert get(stranger, "/iiif/collection-1.json")["items"] == told["items"]


def test_a_stranger_gets_what_people_vouch_for_and_any_site_may_read_it(stranger: httpx2.Client) -> None:
    ids = [item["id"].split("/")[-2] for item in get(stranger, "/iiif/collection.json")["items"]]
    assert {str(MACHINE), str(RESTRICTED)}.isdisjoint(ids)
    for number in (MACHINE, RESTRICTED, 999):
        for name in ("manifest.json", "annotations.json", "large.jpg", "search"):
            assert stranger.get(f"/iiif/{number}/{name}").status_code == 404
    assert said(get(stranger, "/iiif/search?q=bench+4")) == []
    for path in ("/iiif/collection.json", f"/iiif/{EDITED}/manifest.json", f"/iiif/{EDITED}/large.jpg", "/iiif/search"):
        answer = stranger.get(path, headers=ELSEWHERE)
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"


def test_who_has_signed_in_sees_all_of_it_labelled_and_no_other_site_does(stranger: httpx2.Client) -> None:
    with httpx2.Client(base_url=stranger.base_url) as anna:
        assert sign_in(anna, "anna", PASSWORD).status_code == 303
        page = anna.get(f"/iiif/{MACHINE}/annotations.json", headers=ELSEWHERE)
        assert "nobody has read it" in page.json()["items"][0]["label"]["en"][0]
        assert "access-control-allow-origin" not in page.headers
        assert anna.get(f"/iiif/{RESTRICTED}/manifest.json").status_code == 200
        assert said(get(anna, "/iiif/search?q=bench+4")) == ["a dog on bench 4"]


def test_a_gallery_for_those_who_signed_in_is_closed_to_strangers(
    collection: Collection, captioner: BundleCaptioner
) -> None:
    for client in client_of(collection, captioner):
        for path in ("/iiif/collection.json", "/iiif/1/manifest.json", "/iiif/1/large.jpg", "/iiif/search?q=dog"):
            answer = client.get(path, headers=ELSEWHERE)
            assert answer.status_code == 401
            assert "access-control-allow-origin" not in answer.headers


def test_a_search_finds_words_and_says_where_they_stand(stranger: httpx2.Client) -> None:
    page = get(stranger, "/iiif/search?q=lutenists")
    assert (page["@context"], page["type"]) == (SEARCH, "AnnotationPage")
    (item,) = page["items"]
    assert item["body"]["value"] == "Two lutenists at a table."
    assert item["target"]["partOf"][0]["label"] == {"none": ["Picture no. 3"]}
    (marked,) = page["annotations"][0]["items"]
    assert (marked["motivation"], marked["target"]["source"]) == ("highlighting", item["id"])
    assert marked["target"]["selector"] == [
        {"type": "TextQuoteSelector", "prefix": "Two ", "exact": "lutenists", "suffix": " at a table."}
    ]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("lutenist tables", 1),  # other endings
        ("LUTENISTS Table", 1),
        ('"two lutenists"', 1),
        ('"lutenists two"', 0),
        ('"at a table" two', 1),
        ("lutenists bench", 0),  # any word is not enough
        ("lute", 0),  # a part of a word is none
        ("leyster", 0),  # of the record, and of no annotation
    ],
)
def test_all_the_words_must_stand_in_one_text(stranger: httpx2.Client, query: str, found: int) -> None:
    for path in ("/iiif/search", f"/iiif/{GIVEN}/search"):
        page = get(stranger, str(httpx2.URL(path, params={"q": query})))
        assert said(page) == ["Two lutenists at a table."] * found
        assert bool(page.get("annotations")) == bool(found)


def test_parameters_that_mean_nothing_here_are_ignored_and_named(stranger: httpx2.Client) -> None:
    page = get(stranger, "/iiif/search?q=lutenists&date=1999&user=x&date=2000&motivation=describing+tagging")
    assert page["ignored"] == ["date", "user"]
    assert said(page) == ["Two lutenists at a table."]
    assert page["id"].endswith("/iiif/search?q=lutenists&motivation=describing+tagging")
    assert "ignored" not in get(stranger, "/iiif/search?q=lutenists")
    assert said(get(stranger, "/iiif/search?q=lutenists&motivation=painting")) == []


def test_long_answers_come_in_pages_that_lead_to_each_other(stranger: httpx2.Client) -> None:
    for query in ("", "q=dog&"):
        first = get(stranger, f"/iiif/search?{query}x=1")
        second = get(stranger, first["next"]["id"])
        assert second["prev"]["id"] == first["id"] == first["partOf"]["first"]["id"]
        assert "next" not in second
        ids = [item["id"] for page in (first, second) for item in page["items"]]
        assert len(ids) == len(set(ids)) >= PAGE


@pytest.mark.parametrize(
    "query",
    ['"', "* OR NOT", "a" * 10_000, "dog " * 3000, "\N{DOG FACE}", "a\0b", "NEAR(dog, 2)", "col:dog", "(", "%", "^-+"],
)
def test_any_query_is_answered(stranger: httpx2.Client, query: str) -> None:
    for path in ("/iiif/search", f"/iiif/{APPROVED}/search"):
        assert stranger.get(path, params={"q": query}).status_code == 200


@pytest.mark.parametrize("page", ["0", "-1", "x", "99999999999999999999", "1e3"])
def test_a_page_that_can_not_be_is_refused_in_one_line(stranger: httpx2.Client, page: str) -> None:
    answer = stranger.get("/iiif/search", params={"q": "dog", "page": page})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")


def test_plain_json_for_whoever_asks_for_it(stranger: httpx2.Client) -> None:
    path = f"/iiif/{EDITED}/manifest.json"
    told = 'application/ld+json;profile="http://iiif.io/api/presentation/3/context.json"'
    assert stranger.get(path, headers={"Accept": "*/*"}).headers["content-type"] == told
    assert stranger.get(path, headers={"Accept": "application/json"}).headers["content-type"] == "application/json"


def test_what_is_decided_shows_at_once(stranger: httpx2.Client, collection: Collection) -> None:
    own = texts.chosen(collection, 20)
    assert own is not None
    people.edit(collection, ANNA, own.id, "Now a heron.", version=own.version)
    assert said(get(stranger, "/iiif/20/annotations.json")) == ["Now a heron."]
    assert said(get(stranger, "/iiif/search?q=heron")) == ["Now a heron."]


def test_our_own_collector_reads_a_manifest_of_ours(stranger: httpx2.Client) -> None:
    document = json.loads(stranger.get(f"/iiif/{GIVEN}/manifest.json").text)
    with closing(Web()) as web:
        (record,) = Iiif(Place.of("manifest.json"), document, SourceOptions(web)).records()
    assert isinstance(record, SourceRecord)
    assert (record.title, record.artist, record.date) == ("Picture no. 3", "Judith Leyster", "1630")
    assert record.alt_text == "Two lutenists at a table."
