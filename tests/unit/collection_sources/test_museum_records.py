"""Tables of museum records: recognised, mapped, and never led astray by what stands in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.collection.sources import Skip, SourceOptions, SourceRecord, Web, open_source
from mezzetin.collection.sources.mapping import Asked, first, shipped
from mezzetin.data.readers.source import Url
from mezzetin.errors import ImageError, InputError
from mezzetin.storage.paths import Place
from tests.unit.collection_sources.museum import museum

MET = (
    "Object Number,Is Highlight,Is Timeline Work,Is Public Domain,Object ID,Gallery Number,Department,AccessionYear,"
    "Object Name,Title,Culture,Artist Display Name,Object Date,Medium,Link Resource,Metadata Date,Repository,Tags\n"
)


@pytest.fixture
def web() -> Iterator[Web]:
    with Web(per_second=1000) as one:
        yield one


def read(path: Path, web: Web, **options: Any) -> list[SourceRecord | Skip]:
    source = open_source(str(path), SourceOptions(web, **options))
    found = list(source.records())
    assert source.count() == len(found)
    return found


def one(path: Path, web: Web, **options: Any) -> SourceRecord:
    (record,) = read(path, web, **options)
    assert isinstance(record, SourceRecord)
    return record


def table(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def test_the_mets_table_asks_its_api_for_works_in_the_public_domain(tmp_path: Path, web: Web) -> None:
    rows = (
        '36.100.45,False,False,True,45734,,Asian Art,1936,Hanging scroll,"Quail, and\n""Millet""",Japan,'
        "Kiyohara Yukinobu,late 17th century,ink,http://www.metmuseum.org/art/collection/search/45734,,NY,Birds\n"
        "1,False,False,False,9,,X,,Y,Z,,,,,http://w,,NY,\n"
    )
    kept, left = read(table(tmp_path / "MetObjects.csv", MET + rows, "utf-8-sig"), web)
    assert isinstance(kept, SourceRecord) and isinstance(left, Skip)
    url = "https://collectionapi.metmuseum.org/public/collection/v1/objects/45734"
    assert kept.picture == Asked(url, ("primaryImageSmall", "primaryImage"))
    assert (kept.record_id, kept.title, kept.artist) == ("45734", 'Quail, and\n"Millet"', "Kiyohara Yukinobu")
    assert (kept.date, kept.licence, kept.lang, kept.extra["tags"]) == ("late 17th century", "CC0 1.0", "en", "Birds")
    assert (left.reason, left.is_defect) == ("left_out", False)


def test_the_address_that_an_api_gives_is_found_or_missed() -> None:
    with museum() as server, Web([server.host], per_second=1000) as web:
        server.documents["/objects/1"] = {"primaryImageSmall": "", "primaryImage": f"{server.url}/big.jpg"}
        server.documents["/objects/2"] = {"primaryImage": ""}
        assert (
            Asked(f"{server.url}/objects/1", ("primaryImageSmall", "primaryImage")).find(web).url.endswith("/big.jpg")
        )
        with pytest.raises(ImageError, match="names no picture"):
            Asked(f"{server.url}/objects/2", ("primaryImage",)).find(web)


def test_chicagos_artworks_have_iiif_addresses_and_alt_texts(tmp_path: Path, web: Web) -> None:
    row = {
        "id": 27992,
        "title": "A Sunday on La Grande Jatte",
        "artist_display": "Georges Seurat\nFrench, 1859-1891",
        "artist_title": "Georges Seurat",
        "date_display": "1884–86",
        "image_id": "2d484387-2509-5e8e-2c43-22f9981972eb",
        "thumbnail": {"alt_text": "Large painting of people in a park by the water."},
        "is_public_domain": True,
    }
    record = one(table(tmp_path / "allArtworks.jsonl", json.dumps(row)), web)
    assert record.uri == f"https://www.artic.edu/iiif/2/{row['image_id']}/full/843,/0/default.jpg"
    assert (record.artist, record.licence, record.page) == (
        "Georges Seurat",
        "CC0 1.0",
        "https://www.artic.edu/artworks/27992",
    )
    assert record.alt_text == "Large painting of people in a park by the water."


def test_harvards_permission_level_makes_a_picture_restricted(tmp_path: Path, web: Web) -> None:
    image = {"iiifbaseuri": "https://ids.lib.harvard.edu/ids/iiif/43183146", "alttext": "A bench."}
    records = [
        {"objectid": 1, "imagepermissionlevel": 0, "primaryimageurl": "https://nrs/1", "images": [image]},
        {"objectid": 2, "imagepermissionlevel": 1, "primaryimageurl": "https://nrs/2", "images": []},
        {"objectid": 3, "imagepermissionlevel": 2, "images": [], "people": [{"displayname": "Anna"}]},
    ]
    text = json.dumps({"info": {"pages": 1}, "records": records})
    free, marked, none = read(table(tmp_path / "harvard.json", text), web)
    assert isinstance(free, SourceRecord) and isinstance(marked, SourceRecord) and isinstance(none, Skip)
    assert free.uri == "https://ids.lib.harvard.edu/ids/iiif/43183146/full/!1024,1024/0/default.jpg"
    assert (free.restricted, free.alt_text, marked.restricted, marked.uri) == (False, "A bench.", True, "https://nrs/2")
    assert none.reason == "no_picture"


def test_a_table_of_ones_own_is_understood_by_its_column_names(tmp_path: Path, web: Web) -> None:
    head = "Inventory_Number\tTitle\tCreator\tYear\tLicense\tFile\tAlt Text\tRestricted\n"
    text = head + "7\tBench\tAnna\t1900\tCC0\ta/b.tif\tA bench.\tyes\n"
    record = one(table(tmp_path / "own.tsv", text, "utf-16"), web)
    assert record.picture == Place.of(tmp_path / "a" / "b.tif")
    assert (record.record_id, record.artist, record.licence, record.restricted) == ("7", "Anna", "CC0", True)
    assert record.alt_text == "A bench."


def test_a_mapping_of_ones_own_says_what_columns_mean(tmp_path: Path, web: Web) -> None:
    mapping = table(
        tmp_path / "own.toml",
        'about = "ours"\nid = "Nr"\nimage = "https://media.example/{Nr}/{Datei}"\ntitle = ["Titel", "Objekt"]\n'
        'lang = "de"\nrestricted = "frei"\nrestricted_unless = "ja"\nonly_where = { online = "x" }\n',
    )
    text = "Nr;Datei;Titel;Objekt;frei;online\n1;a b/ü.jpg;;Bank;ja;x\n2;b.jpg;T;;nein;x\n3;c.jpg;T;;ja;\n"
    free, marked, left = read(table(tmp_path / "t.csv", text, "cp1252"), web, mapping=str(mapping))
    assert isinstance(free, SourceRecord) and isinstance(marked, SourceRecord) and isinstance(left, Skip)
    assert free.uri == "https://media.example/1/a%20b%2F%C3%BC.jpg"
    assert (free.title, free.lang, free.restricted, marked.restricted) == ("Bank", "de", False, True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('about = "x"\nid = "a"\nimagee = "b"', "did you mean 'image'"),
        ('about = "x"\nid = "a"', "neither image nor ask"),
        ("about = ", "not valid TOML"),
    ],
)
def test_a_wrong_mapping_is_refused_in_one_line(tmp_path: Path, web: Web, content: str, message: str) -> None:
    mapping = table(tmp_path / "own.toml", content)
    with pytest.raises(InputError, match=message) as refused:
        read(table(tmp_path / "t.csv", "a,b\n1,2\n"), web, mapping=str(mapping))
    assert "\n" not in str(refused.value)


def test_a_table_without_pictures_says_how_to_map_it(tmp_path: Path, web: Web) -> None:
    with pytest.raises(InputError, match="--mapping"):
        read(table(tmp_path / "t.csv", "colour,weight\nred,2\n"), web)
    with pytest.raises(InputError, match="no mapping 'louvre'"):
        read(table(tmp_path / "t.csv", "image\na.jpg\n"), web, mapping="louvre")


@pytest.mark.parametrize(
    "address",
    [
        "/etc/passwd",
        "../secret.jpg",
        "a/../../secret.jpg",
        "\\\\server\\share\\x.jpg",
        "file:///etc/passwd",
        "s3://bucket/x.jpg",
        "az://container/x.jpg",
    ],
)
def test_a_record_leads_nowhere_but_to_the_web_and_below_its_table(tmp_path: Path, web: Web, address: str) -> None:
    (found,) = read(table(tmp_path / "t.jsonl", json.dumps({"id": 1, "image": address})), web)
    assert isinstance(found, Skip) and found.reason == "bad_address" and found.is_defect


def test_an_azure_address_in_a_record_is_fetched_as_any_stranger_and_shown_without_its_signature(
    tmp_path: Path, web: Web
) -> None:
    address = "https://museum.blob.core.windows.net/c/x.jpg?sv=2020&sig=c2VjcmV0"
    record = one(table(tmp_path / "t.jsonl", json.dumps({"id": 1, "image": address})), web)
    assert isinstance(record.picture, Url) and record.picture.url == address
    assert "c2VjcmV0" not in f"{record.uri}{record.picture!r}{record.stamp}"


def test_broken_lines_cost_themselves_alone(tmp_path: Path, web: Web) -> None:
    text = 'id,image,title\n1,a.jpg,ok\n2,b.jpg\n3,"c.jpg,never ends\n4,d.jpg,ok\n,e.jpg,no number but a picture\n'
    found = read(table(tmp_path / "t.csv", text), web)
    assert [one.record_id for one in found if isinstance(one, SourceRecord)] == ["1", "4", "e.jpg"]
    assert [one.reason for one in found if isinstance(one, Skip)] == ["bad_row", "bad_row"]


HOSTILE = [
    "<script>alert(1)</script>",
    "'; DROP TABLE pictures; --",
    "\u202egpj.exe\u202c ملصق",
    "x" * 10_000,
    "a\0b",
    "{image}",
    '"quoted", and\nbroken',
]


def test_hostile_titles_come_through_as_text(tmp_path: Path, web: Web) -> None:
    lines = "\n".join(json.dumps({"id": n, "image": "a.jpg", "title": text}) for n, text in enumerate(HOSTILE))
    titles = [one.title for one in read(table(tmp_path / "t.jsonl", lines), web) if isinstance(one, SourceRecord)]
    assert titles == [text.replace("\0", "") for text in HOSTILE]


def test_the_shipped_mappings_are_valid_and_name_their_museum() -> None:
    assert list(shipped()) == ["met", "met-api", "artic", "harvard", "plain"]
    assert all(one.about and one.id and (one.image or one.ask) and one.recognised_by for one in shipped().values())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(row=st.dictionaries(st.text(), json_values, max_size=5), name=st.text(max_size=20))
def test_any_name_of_any_row_gives_storable_text(row: dict[str, Any], name: str) -> None:
    for asked in (name, *row, f"{name}.0.a", f"https://x/{{{name}}}"):
        found = first(row, [asked])
        assert "\0" not in found and len(found.encode()) < 200_000
