"""The gallery's pages without a browser: turning pages, narrowing down, a picture, small copies, hostile input."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.collection import people, texts
from mezzetin.collection.copies import erase_copies, folder_of, place_of
from mezzetin.collection.opening import Collection
from mezzetin.errors import InputError
from mezzetin.serving.app import create_app
from mezzetin.serving.gallery.asked import NARROWING, wanted_of
from mezzetin.serving.settings import ServeSettings
from tests.unit.serving.conftest import Photograph, listening
from tests.unit.serving.gallery_of import ANNA, gallery, numbers, token

PAGE = {"Accept": "text/html"}
COUNT = 41


@pytest.fixture(scope="module")
def captioner(bundle_path: Path) -> BundleCaptioner:
    return load_captioner(str(bundle_path), threads=1)


@pytest.fixture(scope="module")
def files(photograph: Photograph) -> dict[int, bytes]:
    drawn = {number: photograph(seed=number) for number in range(1, COUNT)}
    return {**drawn, COUNT: b"\xff\xd8\xff no picture"}


@pytest.fixture(scope="module")
def collection(
    tmp_path_factory: pytest.TempPathFactory, files: dict[int, bytes], captioner: BundleCaptioner
) -> Iterator[Collection]:
    with gallery(tmp_path_factory.mktemp("house") / "museum.sqlite", files, captioner) as opened:
        yield opened


@pytest.fixture(scope="module")
def client(collection: Collection, captioner: BundleCaptioner) -> Iterator[httpx2.Client]:
    jobs = collection.path.parent / "jobs"
    settings = ServeSettings(jobs=jobs, decoders=1, threads=1, collection=collection.path)
    with (
        listening(create_app(settings, captioner=captioner)) as address,
        httpx2.Client(base_url=address, headers=PAGE) as opened,
    ):
        # A page does not wait for the search to be opened; this one does.
        opened.get("/gallery?q=dog")
        yield opened


def shown(client: httpx2.Client, query: str) -> list[int]:
    return numbers(client.get(f"/gallery?{query}").text)


def test_pages_are_turned_forth_and_back_and_hold_every_picture_once(client: httpx2.Client) -> None:
    first = client.get("/gallery").text
    assert f"{COUNT} pictures" in first and numbers(first) == list(range(1, 37)) and 'rel="prev"' not in first
    following = re.search(r'rel="next" href="([^"]+)"', first)
    assert following
    second = client.get(following[1]).text
    assert numbers(second) == list(range(37, COUNT + 1)) and 'rel="next"' not in second
    back = re.search(r'rel="prev" href="([^"]+)"', second)
    assert back and numbers(client.get(back[1]).text) == list(range(1, 37))


def test_images_have_their_real_alt_texts_and_hostile_titles_are_text(client: httpx2.Client) -> None:
    page = client.get("/gallery").text
    alts = [html.unescape(alt) for alt in re.findall(r'<img [^>]*alt="([^"]*)"', page)]
    assert alts[:3] == ["A dog runs on grass.", "A <b>sloop</b> in the harbour.", "Two people sit on a bench."]
    assert "<script>window" not in page and "<img src=x" not in page and "{{ 7 * 7 }}" in page and "\u202e" not in page
    assert page.count('loading="lazy"') == 36 - 4 and "<h1>" in page and 'role="search"' in page


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=person", [1, 2, 4]),
        ("status=museum", [6]),
        ("lang=nl", [6]),
        ("artist=HALS", [2, 4, 6]),
        ("artist=émilie", [3]),
        ("from=1635&to=1660", [2, 4]),
        ("to=1800", [1, 2, 3, 4]),
        ("from=1889-05-02&to=1889-05-02", [6]),
        ("artist=hals&status=person&from=1645", [2]),
        ("source=elsewhere", []),
        ("q=harbour", [2]),
        ("q=dog&artist=hals", []),
    ],
)
def test_what_is_asked_for_stands_in_the_address(client: httpx2.Client, query: str, expected: list[int]) -> None:
    assert shown(client, query) == expected


def test_a_form_without_a_script_leads_to_an_address_worth_sharing(client: httpx2.Client) -> None:
    answer = client.get("/gallery?q=dog&status=&lang=&artist=&from=&to=")
    assert answer.status_code == 303 and answer.headers["Location"] == "/gallery?q=dog"


@pytest.mark.parametrize(
    "query", ["status=no", "from=soon", "lang=%3Cb%3E", "page=0", "page=51", "page=x", "after=-1", "after=x", "as=me"]
)
def test_an_address_that_says_nothing_sensible_is_refused_in_words(client: httpx2.Client, query: str) -> None:
    answer = client.get(f"/gallery?{query}")
    assert answer.status_code == 400 and "<h1>" in answer.text


@pytest.mark.parametrize(
    "words",
    ['"', "NEAR(a b", "a AND OR NOT", "*", "title:dog -", "\0dog\0", "😀" * 300, "dog " * 3000, "--", "'; DROP"],
)
def test_hostile_words_are_answered(client: httpx2.Client, words: str) -> None:
    answer = client.get("/gallery", params={"q": words})
    assert answer.status_code in (200, 303), answer.text
    assert "Traceback" not in answer.text


def test_a_picture_s_page_says_who_wrote_what(client: httpx2.Client) -> None:
    approved, corrected = client.get("/gallery/pictures/1?q=dog").text, client.get("/gallery/pictures/2").text
    assert "Read and approved by a person, written by a machine" in approved and "Judith Leyster" in approved
    assert 'href="https://creativecommons.org/publicdomain/zero/1.0/"' in approved and "The house" in approved
    assert 'href="/gallery?q=dog"' in approved and 'data-reads="said-1" hidden' in approved
    assert "Written by a person" in corrected and "Not known: ask before you use it" in corrected
    assert "A boat lies" not in corrected
    both = client.get("/gallery/pictures/6").text
    assert (
        "It came with the museum’s record" in both
        and 'lang="nl"' in both
        and "Written by a machine, and nobody" in both
    )
    assert client.get("/gallery/pictures/99").status_code == 404


def test_what_is_like_a_picture_begins_with_another_one(client: httpx2.Client) -> None:
    page = client.get("/gallery/like/1").text
    assert 1 not in numbers(page) and len(numbers(page)) > 5 and "The dog" in page
    assert len(numbers(client.get("/gallery/pictures/1").text)) == 6


def test_a_picture_that_is_brought_finds_its_like(
    client: httpx2.Client, files: dict[int, bytes], photograph: Photograph
) -> None:
    form = {"csrf_token": token(client.get("/gallery").text)}

    def bring(content: bytes, **more: str) -> httpx2.Response:
        return client.post("/gallery/by-picture", data=form | more, files={"picture": ("x.jpg", content, "image/jpeg")})

    known = bring(files[1], artist="hals")
    assert known.status_code == 303 and known.headers["Location"] == "/gallery/like/1?artist=hals"
    # The same picture in another format: other bytes.
    page = bring(photograph(seed=1, format="PNG")).text
    assert numbers(page)[0] == 1 and 'src="data:image/jpeg;base64,' in page
    assert set(numbers(bring(photograph(seed=1, format="PNG"), artist="hals").text)) == {2, 4, 6}
    for content, status in ((b"no picture", 422), (files[1][:200], 422), (b"", 422)):
        answer = bring(content)
        assert answer.status_code == status and "<h1>" in answer.text
    assert client.post("/gallery/by-picture", data=form).status_code == 415
    assert client.get("/gallery/by-picture").headers["Location"] == "/gallery"


def test_small_copies_are_made_once_and_kept_for_an_hour(client: httpx2.Client, collection: Collection) -> None:
    found = re.search(r'src="(/gallery/pictures/7/small\.jpg\?v=[0-9a-f]+)"', client.get("/gallery").text)
    assert found
    first = client.get(found[1])
    assert first.status_code == 200 and first.headers["Cache-Control"] == "private, max-age=3600"
    again = client.get(found[1], headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304 and not again.content
    # An address that has become wrong is asked for again each time.
    assert client.get("/gallery/pictures/7/small.jpg?v=old").headers["Cache-Control"] == "private, no-cache"
    (file,) = [one for one in folder_of(collection.path).rglob("*.jpg") if one.read_bytes() == first.content]
    (collection.path.parent / "pictures" / "7.jpg").unlink()
    assert client.get("/gallery/pictures/7/small.jpg").content == file.read_bytes()
    damaged = client.get(f"/gallery/pictures/{COUNT}/small.jpg")
    assert damaged.status_code == 404 and damaged.headers["Content-Type"] == "image/svg+xml"


def test_an_edit_is_found_at_once(client: httpx2.Client, collection: Collection) -> None:
    assert shown(client, "q=zeppelin") == []
    text = texts.chosen(collection, 9)
    assert text
    people.edit(collection, ANNA, text.id, "A zeppelin over a field.", version=text.version)
    page = client.get("/gallery?q=zeppelin").text
    assert numbers(page) == [9] and "A zeppelin over a field." in page
    assert "By a person" in page and "1 picture " in page


@given(st.dictionaries(st.sampled_from(("q", *NARROWING, "page", "after")), st.text(max_size=60)))
def test_an_address_says_what_was_asked_for(values: dict[str, str]) -> None:
    try:
        wanted = wanted_of(values)
    except InputError as error:
        assert "\n" not in str(error)
        return
    again = wanted_of(dict(parse_qsl(urlsplit(wanted.address()).query)))
    assert again.fields == wanted.fields


@given(st.text(max_size=80))
def test_no_digest_leads_out_of_the_folder_of_small_copies(digest: str) -> None:
    # The folder is not there: whatever is no digest must not even be looked for.
    assert erase_copies(Path("/proc/nowhere"), [digest]) == 0


def test_only_the_copies_of_what_is_forgotten_go(tmp_path: Path) -> None:
    gone, kept = "ab" * 32, "ab" * 31 + "ff"
    for digest, page, longest in ((gone, 0, 640), (gone, 3, 1600), (kept, 0, 640)):
        place = place_of(tmp_path, digest, page, longest)
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(b"x")
    assert erase_copies(tmp_path, [gone, "../x", ""]) == 2
    assert [one.name for one in tmp_path.rglob("*.jpg")] == [f"{kept}-0-640.jpg"]
