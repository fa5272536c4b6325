"""IIIF of both versions, from a server over HTTP: what is found, in which language, at which size."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.collection.sources import Skip, SourceOptions, SourceRecord, Web, open_source
from mezzetin.collection.sources.iiif import Iiif
from mezzetin.collection.sources.iiif_image import IiifImage, Service, picture_of, sized
from mezzetin.collection.sources.iiif_texts import pairs, spoken
from mezzetin.data.readers.source import Url
from mezzetin.errors import FetchError, ImageError
from mezzetin.storage.paths import Place
from tests.unit.collection_sources.museum import Museum, canvas3, manifest2, manifest3, museum


@pytest.fixture
def server() -> Iterator[Museum]:
    with museum() as one:
        yield one


@pytest.fixture
def web(server: Museum) -> Iterator[Web]:
    with Web([server.host], per_second=1000) as one:
        yield one


def read(url: str, web: Web, lang: str = "en") -> list[SourceRecord | Skip]:
    return list(open_source(url, SourceOptions(web, lang=lang)).records())


def pictures(found: list[SourceRecord | Skip]) -> list[SourceRecord]:
    assert all(isinstance(one, SourceRecord) for one in found), found
    return [one for one in found if isinstance(one, SourceRecord)]


def test_a_manifest_of_version_3_gives_pictures_with_its_words(server: Museum, web: Web) -> None:
    server.documents["/m"] = manifest3(
        server.url,
        "m",
        ["a", "b"],
        summary={"en": ["<p>Two &amp; more</p>"]},
        rights="http://creativecommons.org/publicdomain/zero/1.0/",
        homepage=[{"id": "https://museum.example/m", "type": "Text"}],
        metadata=[
            {"label": {"en": ["Artist"]}, "value": {"none": ["Antoine Watteau"]}},
            {"label": {"en": ["Date"]}, "value": {"en": ["about 1718"], "de": ["um 1718"]}},
        ],
        requiredStatement={"label": {"en": ["Credit"]}, "value": {"en": ["Munsey Fund"]}},
    )
    one, two = pictures(read(f"{server.url}/m", web))
    assert one.uri == f"{server.url}/iiif/a/full/1024,/0/default.jpg"
    assert (one.record_id, one.title) == (f"{server.url}/m/canvas/a", "The bench, m, a")
    assert (one.artist, one.date, one.page) == ("Antoine Watteau", "about 1718", "https://museum.example/m")
    assert one.licence.endswith("zero/1.0/") and one.extra["attribution"] == "Munsey Fund"
    assert (one.description, two.restricted) == ("", None)  # the manifest's is of both, not of each
    assert pictures(read(f"{server.url}/m", web, lang="de-AT"))[0].title == "Die Bank, a"


def test_the_words_of_a_manifest_with_one_picture_are_the_pictures(server: Museum, web: Web) -> None:
    server.documents["/m"] = manifest3(server.url, "m", ["a"], summary={"fr": ["<p>Un banc</p>"]})
    (one,) = pictures(read(f"{server.url}/m", web))
    assert (one.title, one.description, one.lang) == ("The bench, m", "Un banc", "fr")


def test_a_manifest_of_version_2_is_read_alike(server: Museum, web: Web) -> None:
    more = {"license": "https://cc/by", "description": "A bench.", "attribution": {"@value": "Us", "@language": "en"}}
    server.documents["/m"] = manifest2(server.url, "m", ["a"], **more)
    (one,) = pictures(read(f"{server.url}/m", web))
    # 900 x 3000: the longer side decides.
    assert one.uri == f"{server.url}/iiif/a/full/307,/0/default.jpg"
    assert (one.title, one.licence, one.description) == ("The bench", "https://cc/by", "A bench.")


def test_a_file_on_disk_may_be_the_manifest(server: Museum, web: Web, tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(json.dumps(manifest3(server.url, "m", ["a"])))
    source = open_source(str(tmp_path / "m.json"), SourceOptions(web))
    assert isinstance(source, Iiif) and source.count() == 1 and len(list(source.records())) == 1
    assert server.asked == []


def test_collections_are_followed_through_pages_and_not_in_circles(server: Museum, web: Web) -> None:
    base = server.url
    for name in "abcd":
        server.documents[f"/{name}"] = manifest3(base, name, [f"p{name}"])
    manifests = {name: {"id": f"{base}/{name}", "type": "Manifest"} for name in "abcd"}
    server.documents["/top"] = {
        "id": f"{base}/top",
        "type": "Collection",
        "items": [
            manifests["a"],
            {"id": f"{base}/inner", "type": "Collection"},
            {"id": f"{base}/top", "type": "Collection"},
        ],
    }
    server.documents["/inner"] = {"@id": f"{base}/inner", "@type": "sc:Collection", "first": f"{base}/page1"}
    server.documents["/page1"] = {
        "@id": f"{base}/page1",
        "@type": "sc:Collection",
        "manifests": [{"@id": f"{base}/b", "@type": "sc:Manifest"}],
        "next": f"{base}/page2",
    }
    server.documents["/page2"] = {
        "@type": "sc:Collection",
        "members": [manifests["c"], manifests["d"], manifests["a"]],
        "next": f"{base}/page1",
    }
    found = pictures(read(f"{base}/top", web))
    assert [one.title[-1] for one in found] == ["a", "b", "c", "d"]
    assert all(server.counted(f"/{name}") == 1 for name in "abcd")


def test_a_manifest_that_fails_costs_its_own_pictures_and_hides_them(server: Museum, web: Web) -> None:
    base = server.url
    server.documents["/a"] = manifest3(base, "a", ["p"])
    server.documents["/broken"] = "{"
    items = [{"id": f"{base}/{name}", "type": "Manifest"} for name in ("gone", "broken", "a")]
    server.documents["/top"] = {"id": f"{base}/top", "type": "Collection", "items": items}
    gone, broken, one = read(f"{base}/top", web)
    assert isinstance(gone, Skip) and isinstance(broken, Skip) and isinstance(one, SourceRecord)
    assert gone.hides and broken.hides and "404" in gone.detail and "JSON" in broken.detail


def test_a_manifest_cannot_lead_inside_the_house(server: Museum, web: Web) -> None:
    items = [
        {"id": "http://169.254.169.254/latest", "type": "Manifest"},
        {"id": "file:///etc/passwd", "type": "Manifest"},
    ]
    server.documents["/top"] = {"id": f"{server.url}/top", "type": "Collection", "items": items}
    inside, local = read(f"{server.url}/top", web)
    assert isinstance(inside, Skip) and isinstance(local, Skip)
    assert "not on the public internet" in inside.detail and "http" in local.detail
    assert server.asked == ["/top"]


def test_a_choice_a_list_and_a_page_elsewhere_are_read(server: Museum, web: Web) -> None:
    base = server.url
    canvas = canvas3(base, "m", "a")
    body = canvas["items"][0]["items"][0]["body"]
    other = {**body, "service": [{"@id": f"{base}/iiif/b", "profile": "http://iiif.io/api/image/2/level2.json"}]}
    canvas["items"][0]["items"][0]["body"] = {"type": "Choice", "items": [other, body]}
    elsewhere = canvas3(base, "m", "c")
    server.documents["/page"] = elsewhere["items"][0]
    elsewhere["items"] = [{"id": f"{base}/page", "type": "AnnotationPage"}]
    empty = {"id": f"{base}/empty", "type": "Canvas", "items": []}
    server.documents["/m"] = {**manifest3(base, "m", []), "items": [canvas, elsewhere, empty]}
    one, two, none = read(f"{base}/m", web)
    assert isinstance(one, SourceRecord) and isinstance(two, SourceRecord) and isinstance(none, Skip)
    assert one.uri == f"{base}/iiif/b/full/1024,/0/default.jpg"
    assert two.uri == f"{base}/iiif/c/full/1024,/0/default.jpg"
    assert (none.reason, none.is_defect) == ("no_picture", False)


def test_a_picture_behind_a_login_is_restricted(server: Museum, web: Web) -> None:
    document = manifest3(server.url, "m", ["a"])
    body = document["items"][0]["items"][0]["items"][0]["body"]
    body["service"][0]["service"] = [{"@id": "https://login", "profile": "http://iiif.io/api/auth/1/login"}]
    server.documents["/m"] = document
    assert pictures(read(f"{server.url}/m", web))[0].restricted is True


@pytest.mark.parametrize(
    ("version", "width", "height", "size"),
    [
        (3, 4000, 3000, "1024,/0/default"),
        (3, 800, 600, "max/0/default"),
        (2, 3000, 6000, "512,/0/default"),
        (2, 1024, 1024, "full/0/default"),
        (1, 5000, 100, "1024,/0/native"),
        (2, 3, 9000, "1,/0/default"),
    ],
)
def test_a_size_is_asked_for_that_every_server_has(version: int, width: int, height: int, size: str) -> None:
    assert sized(Service("https://x/i", version, 1), width, height) == f"https://x/i/full/{size}.jpg"


@pytest.mark.parametrize(
    ("info", "found"),
    [
        ({"width": 4000, "height": 2000, "profile": ["http://iiif.io/api/image/2/level2.json"]}, "1024,"),
        ({"width": 4000, "height": 2000, "profile": "level1", "maxWidth": 600}, "600,"),
        (
            {"sizes": [{"width": 200, "height": 100}, {"width": 900, "height": 450}, {"width": 4000, "height": 2000}]},
            "900,",
        ),
        ({"sizes": [{"width": 4000, "height": 2000}, {"width": 2000, "height": 1000}]}, "2000,"),
        ({"width": 4000, "height": 2000, "profile": "level0"}, "full"),
    ],
)
def test_a_service_that_says_little_is_asked_for_its_sizes(server: Museum, web: Web, info: Any, found: str) -> None:
    server.documents["/iiif/a/info.json"] = {"@context": "http://iiif.io/api/image/2/context.json", **info}
    resource = {"@id": "https://x/a.jpg", "service": {"@id": f"{server.url}/iiif/a", "profile": "level0"}}
    picture = picture_of(resource)
    assert isinstance(picture, IiifImage)
    assert picture.find(web) == Url(f"{server.url}/iiif/a/full/{found}/0/default.jpg")


def test_a_service_that_does_not_answer_leaves_the_plain_address(server: Museum, web: Web) -> None:
    service = Service(f"{server.url}/iiif/none", 2, 0)
    assert IiifImage(service, "https://x/a.jpg").find(web) == Url("https://x/a.jpg")
    with pytest.raises(FetchError):
        IiifImage(service).find(web)
    server.documents["/iiif/none/info.json"] = {}
    with pytest.raises(ImageError, match="no sizes"):
        IiifImage(service).find(web)


def test_words_are_chosen_by_language() -> None:
    value = {"fr": ["banc"], "en-GB": ["bench", "seat"], "none": ["x"]}
    assert spoken(value, "en") == ("bench; seat", "en-GB")
    assert spoken(value, "fr") == ("banc", "fr")
    assert spoken(value, "ja") == ("x", "")
    assert spoken([{"@value": "a"}, "b"], "en") == ("a; b", "")
    assert spoken("1 < 2", "en") == ("1 < 2", "")
    assert spoken("<b>a</b><script>c</script>", "en") == ("a  c", "")
    assert pairs([{"label": "x", "value": "1"}, {"label": "x", "value": ["2"]}, 3], "en") == {"x": "1; 2"}


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["type", "@type", "id", "@id", "items", "images", "resource", "body", "service", "label", "metadata",
             "value", "@value", "sequences", "canvases", "profile", "width", "rights", "homepage", "summary"]
        ),
        inner,
        max_size=5,
    ),
    max_leaves=25,
)  # fmt: skip


@given(
    parts=st.dictionaries(st.sampled_from(["items", "sequences", "label", "metadata", "summary", "rights"]), anything)
)
def test_no_manifest_ends_a_run(parts: dict[str, Any]) -> None:
    with Web(per_second=1000) as web:
        source = Iiif(Place.of("m.json"), {"type": "Manifest", "id": "not an address", **parts}, SourceOptions(web))
        assert all(isinstance(one, SourceRecord | Skip) for one in source.records())
