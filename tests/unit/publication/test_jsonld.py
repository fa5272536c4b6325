"""schema.org: what an ImageObject says, that nothing in it ends a script element, and that it is JSON-LD."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.collection.opening import Collection
from mezzetin.errors import InputError
from mezzetin.publication import jsonld
from mezzetin.publication.jsonld import image_object, in_script
from mezzetin.publication.rows import Selection, published_one
from tests.unit.publication.showable import APPROVED, EDITED, HARM, MACHINE, empty, house, order, order_all

# What of these types schema.org (version 29) defines and is used here; the classes inherit from CreativeWork and Thing.
IMAGE = {"name", "identifier", "creator", "dateCreated", "license", "copyrightNotice", "contentUrl", "width", "height"}
IMAGE |= {"mainEntityOfPage", "caption", "description", "inLanguage", "accessibilityFeature", "thumbnailUrl", "url"}
TEXT = {"text", "inLanguage", "creditText", "creativeWorkStatus"}


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    with house(tmp_path_factory.mktemp("jsonld")) as found:
        yield found


def told(opened: Collection, number: int) -> dict[str, Any]:
    found = published_one(opened, number, Selection("all", with_restricted=True))
    assert found is not None
    return image_object(found)


def test_one_language_is_a_plain_string_and_several_say_theirs(opened: Collection) -> None:
    one, several = told(opened, APPROVED), told(opened, EDITED)
    assert (one["caption"], one["inLanguage"]) == ("a dog on bench 2", "en")
    assert {"@value": "Ein Hund auf einer Bank.", "@language": "de"} in several["caption"]
    assert several["description"] == {"@value": "A long description of the dog.", "@language": "en"}
    assert sorted(several["inLanguage"]) == ["de", "en"]
    assert several["accessibilityFeature"] == ["alternativeText", "longDescription"]


def test_what_nobody_read_says_so_and_the_image_is_nobodys_but_the_artists(opened: Collection) -> None:
    found = told(opened, MACHINE)
    assert found["caption"] == {
        "@type": "TextObject",
        "text": "a dog on bench 4",
        "inLanguage": "en",
        "creditText": "Written by a machine (small 1), nobody has read it",
        "creativeWorkStatus": "Draft",
    }
    assert found["creator"] == {"@type": "Person", "name": "Judith Leyster"}
    assert set(found) - {"@type"} <= IMAGE
    assert set(found["caption"]) - {"@type"} == TEXT


def test_the_place_of_a_file_in_the_house_is_not_told(opened: Collection) -> None:
    assert "contentUrl" not in told(opened, APPROVED)
    assert "originals" not in json.dumps(told(opened, APPROVED))


def test_expanded_every_property_is_one_of_schema_org(opened: Collection) -> None:
    pyld = pytest.importorskip("pyld.jsonld", reason="PyLD is not installed: pip install pyld")
    context = {"@vocab": "https://schema.org/", "license": {"@type": "@id"}, "contentUrl": {"@type": "@id"}}
    document = {"@context": context, **told(opened, EDITED)}
    (expanded,) = pyld.expand(document)
    names = {name.removeprefix("https://schema.org/") for name in expanded if not name.startswith("@")}
    assert names <= IMAGE
    (licence,) = expanded["https://schema.org/license"]
    assert licence == {"@id": "http://creativecommons.org/licenses/by-sa/4.0/"}
    captions = {(one.get("@language"), one["@value"]) for one in expanded["https://schema.org/caption"]}
    assert ("de", "Ein Hund auf einer Bank.") in captions


class _Scripts(HTMLParser):
    """The content of the script elements of a page, and how many other elements there are."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.others = 0
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag == "script"
        self.others += tag != "script"

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.found.append(data)


@given(st.one_of(st.text(), st.sampled_from([HARM, "</SCRIPT >", "<!--<script>", "]]>", "\u2029"])))
def test_nothing_ends_the_script_element(words: str) -> None:
    page = _Scripts()
    page.feed(f'<script type="application/ld+json">{in_script({"name": words})}</script>')
    page.close()
    expected = words.encode("utf-8", "replace").decode()
    assert json.loads("".join(page.found)) == {"name": expected}
    assert page.others == 0


def test_the_file_holds_all_pictures_and_is_not_written_over(tmp_path: Path, opened: Collection) -> None:
    target = tmp_path / "house.jsonld"
    done = empty("jsonld")
    jsonld.write(opened, order(target), done)
    graph = json.loads(target.read_text("utf-8"))
    assert graph["@context"] == "https://schema.org"
    assert [one["identifier"] for one in graph["@graph"]] == ["1972.1", "1972.2", "1972.3"]
    assert graph["@graph"][0]["name"] == "Picture no. 1"
    assert HARM in json.dumps(graph["@graph"][0]["caption"], ensure_ascii=False).replace('\\"', '"')
    with pytest.raises(InputError, match="--overwrite"):
        jsonld.write(opened, order_all(target), done)
    with pytest.raises(InputError, match="folder"):
        jsonld.write(opened, order(tmp_path), done)
    jsonld.write(opened, order(target, overwrite=True), done)
    assert done.files["written"] == 2
