"""IIIF documents: what they say of a picture, who stands behind it, and whether validators take them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.collection.opening import Collection
from mezzetin.publication.iiif import (
    Addresses,
    PaintedImage,
    annotation_page,
    collection,
    manifest,
    part,
    part_reference,
    reference,
)
from mezzetin.publication.iiif.documents import plain
from mezzetin.publication.licences import licence_address
from mezzetin.publication.rows import Published, Selection, published_one
from tests.unit.publication.presentation import faults
from tests.unit.publication.showable import APPROVED, EDITED, GIVEN, HARM, MACHINE, house

HERE = Addresses("https://museum.example/iiif", searchable=True)
COPY = PaintedImage("https://museum.example/iiif/images/1.jpg", 64, 48)
EVERYTHING = Selection("all", with_restricted=True)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    with house(tmp_path_factory.mktemp("iiif"), rights="<b>", extra={"page": "https://museum.example/1"}) as found:
        yield found


def shown(opened: Collection, number: int) -> Published:
    found = published_one(opened, number, EVERYTHING)
    assert found is not None
    return found


def page_of(opened: Collection, number: int) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = annotation_page(shown(opened, number), HERE)["items"]
    return items


def test_a_text_is_an_annotation_that_describes_the_canvas_in_its_language(opened: Collection) -> None:
    english, german, long = sorted(page_of(opened, EDITED), key=lambda one: one["body"]["accessibility"])
    assert {one["motivation"] for one in (english, german, long)} == {"describing"}
    assert {one["target"] for one in (english, german, long)} == {"https://museum.example/iiif/1/canvas"}
    said = {
        (one["body"]["language"], one["body"]["accessibility"]): one["body"]["value"] for one in (english, german, long)
    }
    assert said == {
        ("en", "alternativeText"): f"A dog waits on a bench. {HARM}",
        ("de", "alternativeText"): "Ein Hund auf einer Bank.",
        ("en", "longDescription"): "A long description of the dog.",
    }
    assert len({one["id"] for one in (english, german, long)}) == 3


@pytest.mark.parametrize(
    ("number", "label", "creator"),
    [
        (EDITED, "Alternative text, written by a person", {"type": "Person"}),
        (
            APPROVED,
            "Alternative text, written by a machine (small 1), read and approved by a person",
            {"type": "Software", "name": "small 1"},
        ),
        (GIVEN, "Alternative text, given with the museum's record", {"type": "Organization"}),
        (
            MACHINE,
            "Alternative text, written by a machine (small 1), nobody has read it",
            {"type": "Software", "name": "small 1"},
        ),
    ],
)
def test_each_annotation_says_who_stands_behind_it(
    opened: Collection, number: int, label: str, creator: dict[str, str]
) -> None:
    own = next(one for one in page_of(opened, number) if one["body"]["language"] == "en")
    assert own["label"] == {"en": [label]}
    assert own["creator"] == creator


def test_no_name_of_a_person_in_the_house_and_no_path_of_a_file_is_published(opened: Collection) -> None:
    for number in (EDITED, APPROVED, MACHINE):
        said = json.dumps(manifest(shown(opened, number), COPY, HERE))
        assert "anna" not in said
        assert "originals" not in said
        assert "digitalSourceType" not in said


def test_viewers_that_show_no_annotations_find_the_texts_in_summary_and_metadata(opened: Collection) -> None:
    told = manifest(shown(opened, EDITED), COPY, HERE)
    assert told["summary"] == {"en": ["A long description of the dog."]}
    assert told["metadata"][0]["value"]["de"] == ["Ein Hund auf einer Bank."]
    unread = manifest(shown(opened, MACHINE), COPY, HERE)
    assert "summary" not in unread
    assert "nobody has read it" in unread["metadata"][0]["label"]["en"][0]


def test_a_manifest_names_its_rights_its_page_and_a_search_of_its_own(opened: Collection) -> None:
    told = manifest(shown(opened, EDITED), COPY, HERE)
    assert told["rights"] == "http://creativecommons.org/licenses/by-sa/4.0/"
    assert told["requiredStatement"]["value"] == {"none": ["<span>&lt;b&gt;</span>"]}
    assert told["homepage"][0]["id"] == "https://museum.example/1"
    (service,) = told["service"]
    assert (service["id"], service["type"]) == ("https://museum.example/iiif/1/search", "SearchService2")
    assert "service" not in manifest(shown(opened, EDITED), COPY, Addresses("https://museum.example"))


def test_the_canvas_is_as_large_as_the_picture_and_paints_the_copy(opened: Collection) -> None:
    (canvas,) = manifest(shown(opened, EDITED), PaintedImage(COPY.address, 32, 24), HERE)["items"]
    assert (canvas["width"], canvas["height"]) == (64, 48)
    painted = canvas["items"][0]["items"][0]
    assert (painted["motivation"], painted["target"]) == ("painting", canvas["id"])
    assert (painted["body"]["width"], painted["body"]["id"]) == (32, COPY.address)


def documents(opened: Collection) -> list[dict[str, Any]]:
    """One of each."""
    every = [shown(opened, number) for number in (EDITED, APPROVED, GIVEN, MACHINE)]
    items = [reference(one.picture, HERE, COPY) for one in every]
    parts = [part_reference(number, "House", HERE) for number in (1, 2)]
    return [
        *(manifest(one, COPY, HERE) for one in every),
        *(annotation_page(one, HERE) for one in every),
        collection("House", items, HERE),
        collection("House", parts, HERE),
        part(1, "House", items, HERE),
    ]


def test_all_of_it_is_as_presentation_3_demands(opened: Collection) -> None:
    for document in documents(opened):
        assert faults(document) == []
    told = manifest(shown(opened, EDITED), COPY, HERE)
    assert faults({**told, "label": "no map"}) == ["label is no language map"]
    assert faults({**told, "rights": "CC BY"}) == ["CC BY is no rights statement"]
    assert faults({**told, "items": [*told["items"], *told["items"]]}) != []


def test_a_validator_takes_all_of_it(opened: Collection) -> None:
    prezi = pytest.importorskip("iiif_prezi3", reason="iiif-prezi3 is not installed: pip install --no-deps iiif-prezi3")
    for document in documents(opened):
        getattr(prezi, document["type"]).model_validate(document)
    with pytest.raises(ValueError, match="rights"):
        prezi.Manifest.model_validate({**manifest(shown(opened, EDITED), COPY, HERE), "rights": "CC BY"})


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("CC BY 4.0", "http://creativecommons.org/licenses/by/4.0/"),
        ("cc-by-nc-nd-3.0", "http://creativecommons.org/licenses/by-nc-nd/3.0/"),
        ("CC0", "http://creativecommons.org/publicdomain/zero/1.0/"),
        ("https://creativecommons.org/licenses/by-sa/4.0/deed.de", "http://creativecommons.org/licenses/by-sa/4.0/"),
        ("https://rightsstatements.org/page/InC/1.0/?language=en", "http://rightsstatements.org/vocab/InC/1.0/"),
        ("CC BY", None),
        ("All rights reserved", None),
        ("https://creativecommons.org.evil.example/licenses/by/4.0/", None),
        (None, None),
    ],
)
def test_a_licence_is_the_address_that_stands_for_it(said: str | None, address: str | None) -> None:
    assert licence_address(said) == address


@given(st.text())
def test_no_value_is_taken_for_markup(words: str) -> None:
    told = plain(words)
    if told != words:
        assert told.startswith("<span>")
        assert "<" not in told[6:-7]
    else:
        assert not (told.strip().startswith("<") and told.strip().endswith(">"))
