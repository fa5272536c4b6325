"""The pages of review as forms and answers, without a browser."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.collection import forgetting, history, people, texts
from mezzetin.collection.copies import folder_of
from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Actor
from mezzetin.errors import InputError
from mezzetin.serving.app import create_app
from mezzetin.serving.review.asked import asked
from mezzetin.serving.settings import ServeSettings
from mezzetin.serving.thumbnails.keeping import Thumbnails
from tests.unit.serving.conftest import Photograph, listening
from tests.unit.serving.reviewable import museum

PAGE = {"Accept": "text/html"}
BEN = Actor.person("ben")


@pytest.fixture
def collection(tmp_path: Path, photograph: Photograph) -> Iterator[Collection]:
    files = {f"{number}.jpg": photograph(seed=number) for number in range(1, 7)}
    files["7.jpg"] = b"\xff\xd8\xff no picture"
    with museum(tmp_path / "museum.sqlite", files) as opened:
        yield opened


@pytest.fixture(scope="module")
def captioner(bundle_path: Path) -> BundleCaptioner:
    return load_captioner(str(bundle_path), threads=1)


@pytest.fixture
def client(collection: Collection, captioner: BundleCaptioner, tmp_path: Path) -> Iterator[httpx2.Client]:
    settings = ServeSettings(jobs=tmp_path / "jobs", decoders=1, threads=1, collection=collection.path)
    with (
        listening(create_app(settings, captioner=captioner)) as address,
        httpx2.Client(base_url=address, headers=PAGE) as client,
    ):
        yield client


def token_of(client: httpx2.Client) -> str:
    found = re.search(r'name="csrf-token" content="([0-9a-f]+)"', client.get("/review").text)
    assert found
    return found.group(1)


def decide(client: httpx2.Client, text_id: int, verb: str, **fields: str | int) -> httpx2.Response:
    values = {"csrf_token": token_of(client), "verb": verb, "version": "1"}
    return client.post(f"/review/texts/{text_id}", data=values | {name: str(one) for name, one in fields.items()})


def status_of(collection: Collection, text_id: int) -> str:
    found = texts.get(collection, text_id)
    assert found
    return found.status


def test_the_queue_begins_with_the_least_certain_and_shows_titles_as_text(client: httpx2.Client) -> None:
    page = client.get("/review").text
    assert [int(number) for number in re.findall(r'<article class="card" id="t(\d+)"', page)] == [1, 2, 3, 4, 5, 6]
    assert "<script>window" not in page and "<img src=x" not in page and "{{ 7 * 7 }}" in page
    assert "(all 10,000 characters)" in page and "\0" not in page and "\u202e" not in page
    assert "DROP TABLE texts" in html.unescape(page)
    assert "Machine, unread" in page and 'lang="en"' in page


def test_the_queue_is_narrowed_by_what_its_address_says(client: httpx2.Client) -> None:
    def shown(query: str) -> list[str]:
        return re.findall(r'<article class="card" id="t(\d+)"', client.get(f"/review?{query}").text)

    assert shown("status=given") == ["8"] and shown("words=drop+table") == ["2"]
    assert shown("from=50") == ["4", "5", "6"] and shown("to=30&order=sure") == ["2", "1"]
    assert shown("lang=de") == [] and shown("captioner=small&source=drawn")[0] == "1"


def test_a_decision_by_form_is_told_on_the_next_page_and_undone_there(
    client: httpx2.Client, collection: Collection
) -> None:
    answer = decide(client, 1, "approve", back="/review?from=10", next="t2")
    change = list(history.of_text(collection, 1))[-1]
    assert answer.status_code == 303 and answer.headers["Location"] == f"/review?from=10&done={change.id}#t2"
    approved = texts.get(collection, 1)
    assert approved and approved.status == "approved" and approved.changed_by_person
    page = client.get(answer.headers["Location"]).text
    assert "Approved by a person" in page and f"/review/changes/{change.id}/undo" in page
    client.post(f"/review/changes/{change.id}/undo", data={"csrf_token": token_of(client)})
    assert status_of(collection, 1) == "machine"


def test_typed_words_are_saved_and_checked(client: httpx2.Client, collection: Collection) -> None:
    checked = decide(client, 1, "check", text="Image of a man")
    assert "leave out" in checked.text and "not saved yet" in checked.text and status_of(collection, 1) == "machine"
    # Whoever changes the words and approves means the words that are in the field.
    decide(client, 1, "approve", text="A lutenist on a bench.\r\nAt night.")
    edited = texts.get(collection, 1)
    assert edited and (edited.status, edited.text) == ("edited", "A lutenist on a bench.\nAt night.")
    assert edited.machine_text == "A person sitting on bench 1, seen by s1."
    decide(client, 2, "", take="1")
    taken = texts.get(collection, 2)
    assert taken and (taken.status, taken.text) == ("edited", "Somebody plays.")


@pytest.mark.parametrize(
    ("verb", "text", "words"),
    [("reject", "Mine.", "save it"), ("edit", "  ", "an empty text"), ("edit", None, "changed nothing")],
)
def test_what_was_typed_is_not_lost_when_it_is_refused(
    client: httpx2.Client, collection: Collection, verb: str, text: str | None, words: str
) -> None:
    answer = decide(client, 1, verb, **({} if text is None else {"text": text}))
    assert answer.status_code == 422 and words in answer.text
    assert status_of(collection, 1) == "machine" and (text or "").strip() in answer.text


def test_who_comes_second_sees_both_texts_and_may_choose(client: httpx2.Client, collection: Collection) -> None:
    people.edit(collection, BEN, 1, "Ben's words.", version=1)
    answer = decide(client, 1, "edit", text="My words.")
    assert answer.status_code == 409
    assert "Ben&#39;s words." in answer.text and "My words." in answer.text and "Keep theirs" in answer.text
    kept = texts.get(collection, 1)
    assert kept and kept.text == "Ben's words."
    decide(client, 1, "edit", text="My words.", version=2)
    mine = texts.get(collection, 1)
    assert mine and mine.text == "My words." and len(list(history.of_text(collection, 1))) == 3


def test_a_form_that_is_too_old_gives_back_what_was_typed(client: httpx2.Client, collection: Collection) -> None:
    client.get("/review")
    answer = client.post(
        "/review/texts/1",
        data={"csrf_token": "0" * 64, "verb": "edit", "version": "1", "text": "My <b>long</b> words."},
    )
    assert answer.status_code == 403 and "My &lt;b&gt;long&lt;/b&gt; words." in answer.text
    assert status_of(collection, 1) == "machine"
    assert client.post("/review/bulk", data={"verb": "delete", "upto": "9"}).status_code == 403


def test_a_text_of_ones_own_stands_in_its_language(client: httpx2.Client, collection: Collection) -> None:
    values = {"csrf_token": token_of(client), "kind": "description", "lang": "de", "text": "Eine Bank."}
    client.post("/review/pictures/3/texts", data=values)
    own = texts.chosen(collection, 3, "description", "de")
    assert own and (own.source, own.status, own.text) == ("human", "edited", "Eine Bank.")
    page = client.get("/review/pictures/3").text
    assert 'lang="de"' in page and "Longer description" in page and "1972.3" in page
    assert client.post("/review/pictures/3/texts", data=values).status_code == 409


def test_small_copies_are_made_once_and_have_a_tag(client: httpx2.Client, collection: Collection) -> None:
    first = client.get("/review/pictures/1/small.jpg")
    assert (
        first.status_code == 200
        and first.content.startswith(b"\xff\xd8")
        and "private" in first.headers["Cache-Control"]
    )
    again = client.get("/review/pictures/1/small.jpg", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    folder = collection.path.with_suffix(".thumbnails")
    assert len(list(folder.rglob("*.jpg"))) == 1
    (collection.path.parent / "pictures" / "1.jpg").unlink()
    assert client.get("/review/pictures/1/small.jpg").content == first.content
    assert client.get("/review/pictures/1/large.jpg").status_code == 404


def test_what_is_no_picture_is_not_found(client: httpx2.Client) -> None:
    for name in ("8/small.jpg", "1/huge.jpg", "1/..%2f..%2fmuseum.sqlite.jpg", "x/small.jpg"):
        answer = client.get(f"/review/pictures/{name}")
        assert answer.status_code in (404, 422) and b"SQLite" not in answer.content
    damaged = client.get("/review/pictures/7/small.jpg")
    assert damaged.status_code == 404 and damaged.headers["Content-Type"] == "image/svg+xml"
    assert "damaged" in damaged.text


def test_the_copies_of_a_forgotten_picture_go(client: httpx2.Client, collection: Collection, tmp_path: Path) -> None:
    for number in (1, 2):
        client.get(f"/review/pictures/{number}/small.jpg")
    forgetting.forget(collection, BEN, "1")
    keeper = Thumbnails(folder_of(collection.path), count=1, limit=5, memory=1 << 30, max_pixels=10**8)
    removed = keeper.sweep(collection)
    keeper.close()
    # The server looks now and then, and may have been quicker.
    assert removed <= 1 and len(list(folder_of(collection.path).rglob("*.jpg"))) == 1


def test_an_address_that_says_nothing_sensible_is_refused_in_words(client: httpx2.Client) -> None:
    for query in ("status=no", "kind=x", "order=up", "from=many", "to=101", "after=1", "done=x"):
        answer = client.get(f"/review?{query}")
        assert answer.status_code == 400 and "<h1>" in answer.text
        if not query.startswith(("after", "done")):
            with pytest.raises(InputError):
                asked(dict([query.split("=")]))


def test_nobody_is_led_elsewhere_after_a_decision(client: httpx2.Client) -> None:
    answer = decide(client, 1, "approve", back="//evil.example/review")
    assert answer.headers["Location"].startswith("/review?done=")


def test_a_server_without_a_collection_has_no_review(captioner: BundleCaptioner, tmp_path: Path) -> None:
    settings = ServeSettings(jobs=tmp_path, decoders=1, threads=1)
    with listening(create_app(settings, captioner=captioner)) as address:
        assert httpx2.get(f"{address}/review").status_code == 404
    with pytest.raises(InputError, match="is not there"):
        create_app(settings.model_copy(update={"collection": tmp_path / "none.sqlite"}), captioner=captioner)
