"""The static gallery as files: links that hold, real alt texts, labels, words that mean harm, and a quick search."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from mezzetin.collection import people
from mezzetin.collection.opening import Collection
from mezzetin.publication import site
from mezzetin.publication.jsonld import CONTEXT
from tests.unit.publication.showable import ANNA, HARM, MACHINE, empty, house, order, order_all, tree_of

_ADDRESSES = {"a": "href", "link": "href", "img": "src", "script": "src"}


class Page(HTMLParser):
    """The links, images and scripts of a page, and what is written in it."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.links: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.ids: list[str] = []
        self.linked = ""
        self.scripts = 0
        self.text = ""
        self._inside = ""
        self.feed(content.decode("utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self.links += [address for name in [_ADDRESSES.get(tag)] if name and (address := known.get(name))]
        self.ids += [one for one in [known.get("id")] if one]
        self.images += [known] if tag == "img" else []
        self.scripts += tag == "script" and known.get("type") != "application/ld+json"
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.linked += data
        else:
            self.text += data


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("site")
    with house(folder, count=60, title=HARM, extra={"page": "javascript:alert(1)"}) as collection:
        site.write(collection, order(folder / "out", title=f"The house {HARM}"), empty("html"))
    return tree_of(folder / "out")


@pytest.fixture(scope="module")
def pages(files: dict[str, bytes]) -> dict[str, Page]:
    return {name: Page(content) for name, content in files.items() if name.endswith(".html")}


def test_every_link_leads_to_a_file_of_the_folder_and_nowhere_else(
    files: dict[str, bytes], pages: dict[str, Page]
) -> None:
    assert {"index.html", "page-2.html", "pictures/60.html"} <= set(pages)
    for name, page in pages.items():
        for address in page.links:
            parts = urlsplit(address)
            assert parts.scheme in ("", "data"), address
            if parts.scheme == "":
                path = unquote(parts.path) or name.rpartition("/")[2]
                target = path[3:] if path.startswith("../") else f"{name.rpartition('/')[0]}/{path}".lstrip("/")
                assert target in files, (name, address)
                if parts.fragment and target in pages:
                    assert parts.fragment in pages[target].ids


def test_a_picture_has_its_real_alt_text_in_its_language(pages: dict[str, Page]) -> None:
    first = pages["index.html"].images[0]
    assert first["alt"] == f"A dog waits on a bench. {HARM}"
    assert (first["lang"], first["width"], first["height"]) == ("en", "64", "48")
    assert all(image["alt"] for page in pages.values() for image in page.images)
    assert "Ein Hund auf einer Bank." in pages["pictures/1.html"].text
    assert "Written by a machine (small 1), read and approved by a person." in pages["pictures/2.html"].text


def test_what_nobody_approved_and_what_is_restricted_is_nowhere(files: dict[str, bytes]) -> None:
    assert f"pictures/{MACHINE}.html" not in files
    assert "pictures/5.html" not in files
    together = b"".join(content for name, content in files.items() if not name.endswith(".jpg"))
    assert b"a dog on bench 4 " not in together.replace(b'"', b" ").replace(b"<", b" ")
    assert b"anna" not in together
    assert b"originals" not in together


def test_words_that_mean_harm_are_words(pages: dict[str, Page]) -> None:
    for page in pages.values():
        assert page.scripts == 2
        assert "javascript:" not in " ".join(page.links)
    assert HARM.replace("\u2028", "") in pages["pictures/1.html"].text.replace("\u2028", "")


def test_each_page_carries_its_linked_data(pages: dict[str, Page]) -> None:
    told = json.loads(pages["pictures/2.html"].linked)
    assert (told["@context"], told["caption"]) == (CONTEXT, "a dog on bench 2")
    assert told["contentUrl"].startswith("../images/2-1600-")


def test_the_index_is_scripts_that_hold_json(files: dict[str, bytes]) -> None:
    (body,) = re.findall(rb"window\.mezzetin\.take\(1, (\[.*\])\);\n", files["search/1.js"], re.DOTALL)
    entries = json.loads(body)
    assert len(entries) == 58
    assert entries[0][0] == 1
    assert b"<" not in files["search/1.js"]
    assert files["parts/index.js"] == b'window.mezzetin = {"files": 1, "pictures": 58};\n'


def test_machine_texts_are_labelled_where_they_were_asked_for(tmp_path: Path) -> None:
    with house(tmp_path) as collection:
        site.write(collection, order_all(tmp_path / "out"), empty("html"))
    found = tree_of(tmp_path / "out")
    page = Page(found[f"pictures/{MACHINE}.html"])
    assert "Written by a machine (small 1), nobody has read it." in page.text
    told = json.loads(page.linked)
    assert told["caption"]["creativeWorkStatus"] == "Draft"
    assert "Machine, nobody has read it" in Page(found["index.html"]).text
    assert b"Machine, nobody has read it" in found["search/1.js"]


def test_with_an_address_pages_can_be_shared(tmp_path: Path) -> None:
    with house(tmp_path) as collection:
        site.write(collection, order(tmp_path / "out", base_url="https://museum.example/g/"), empty("html"))
    page = (tmp_path / "out" / "pictures" / "2.html").read_text("utf-8")
    assert '<link rel="canonical" href="https://museum.example/g/pictures/2.html">' in page
    assert re.search(r'og:image" content="https://museum\.example/g/images/2-1600-[0-9a-f]+\.jpg"', page)


def test_a_dry_run_writes_nothing_and_counts(tmp_path: Path) -> None:
    done = empty("html")
    asked = order(tmp_path / "out")
    with house(tmp_path) as collection:
        site.write(collection, type(asked)(asked.selection, asked.target, dry_run=True), done)
    assert not (tmp_path / "out").exists()
    assert (done.pictures, done.texts) == (3, 5)


def test_an_empty_collection_makes_a_page_that_says_so(tmp_path: Path) -> None:
    with Collection.open(tmp_path / "none.sqlite", create=True) as collection:
        site.write(collection, order(tmp_path / "out"), empty("html"))
    page = Page((tmp_path / "out" / "index.html").read_bytes())
    assert "There is no picture yet" in page.text


def test_a_run_again_writes_what_changed_alone(tmp_path: Path) -> None:
    done = empty("html")
    with house(tmp_path) as collection:
        site.write(collection, order(tmp_path / "out"), empty("html"))
        people.write(collection, ANNA, 2, "A new text.", lang="fr")
        site.write(collection, order(tmp_path / "out", overwrite=True), done)
    assert dict(done.files) == {"written": 2, "same": 9}


@pytest.fixture(autouse=True)
def _no_leftovers(tmp_path: Path) -> Iterator[None]:
    yield
    assert list(tmp_path.rglob("*.part")) == []
