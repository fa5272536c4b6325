"""Collecting from the web: IIIF and museum tables over real HTTP, hostile records, slow and failing hosts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mezzetin import api, cli
from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.collection import people, pictures, texts
from mezzetin.collection.collecting.options import Collected
from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Actor, Text
from mezzetin.errors import FetchError
from tests.unit.collection_sources.museum import Museum, manifest2, manifest3, museum, painted

Run = Callable[..., Collected]


@pytest.fixture
def server() -> Iterator[Museum]:
    with museum() as one:
        one.pictures = {f"p{n}": painted(n, (1600, 1200)) for n in range(6)}
        one.documents = {f"/p{n}.jpg": painted(n) for n in range(6)}
        yield one


@pytest.fixture(scope="module")
def captioner() -> BundleCaptioner:
    return load_captioner(beam=1)


@pytest.fixture
def run(tmp_path: Path, server: Museum, captioner: BundleCaptioner) -> Run:
    def collect(source: str | Path, **choices: Any) -> Collected:
        given = {"captioners": [captioner], "allow_hosts": [server.host], "per_second": 1000.0, **choices}
        return api.collect(source, tmp_path / "c.sqlite", **given)

    return collect


def said(path: Path) -> dict[str, list[Text]]:
    """All texts of each picture, by the house's own number."""
    with Collection.open(path) as collection:
        return {str(one.record_id): texts.of_picture(collection, one.id) for one in pictures.each(collection)}


def write_table(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def test_a_iiif_collection_is_described_and_renewed(tmp_path: Path, server: Museum, run: Run) -> None:
    base = server.url
    server.documents["/m3"] = manifest3(base, "m3", ["p0", "p1", "p2"])
    server.documents["/m2"] = manifest2(base, "m2", ["p3", "p4"], description="A <b>bench</b>.")
    items = [{"id": f"{base}/{name}", "type": "Manifest"} for name in ("m3", "m2")]
    server.documents["/top"] = {"id": f"{base}/top", "type": "Collection", "items": items}
    first = run(f"{base}/top")
    assert (first.described, first.what["new"], first.listed) == (5, 5, True)
    with Collection.open(tmp_path / "c.sqlite") as collection:
        found = {one.uri: one for one in pictures.each(collection)}
        one = found[f"{base}/iiif/p0/full/1024,/0/default.jpg"]
        assert (one.title, one.record_id) == ("The bench, m3, p0", f"{base}/m3/canvas/p0")
        assert (one.width, one.height) == (1024, 768)
    before = len(server.asked)
    again = run(f"{base}/top")
    # Manifests are read again, pictures are not.
    assert (again.what, len(server.asked) - before) == ({"same": 5}, 3)
    server.documents["/m3"] = manifest3(base, "m3", ["p0", "p1", "p5"])
    third = run(f"{base}/top")
    assert (third.what["new"], third.gone, third.described) == (1, 1, 1)


def test_a_manifest_that_cannot_be_read_makes_nothing_gone(tmp_path: Path, server: Museum, run: Run) -> None:
    base = server.url
    server.documents |= {f"/m{n}": manifest3(base, f"m{n}", [f"p{n}"]) for n in range(2)}
    items = [{"id": f"{base}/m{n}", "type": "Manifest"} for n in range(2)]
    server.documents["/top"] = {"id": f"{base}/top", "type": "Collection", "items": items}
    run(f"{base}/top")
    del server.documents["/m1"]
    again = run(f"{base}/top")
    assert (again.gone, again.listed, again.defects, again.has_failures) == (0, False, {"bad_manifest": 1}, True)
    with Collection.open(tmp_path / "c.sqlite") as collection:
        assert pictures.counts(collection) == {"done": 2}


HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "'); DROP TABLE texts; --",
    "\u202e gnp.elif",
    "y" * 10_000,
    "a\0b",
    "\ud800",
]


def test_hostile_records_are_kept_as_text(tmp_path: Path, server: Museum, run: Run) -> None:
    rows = [
        {"id": n, "image_url": f"{server.url}/p{n}.jpg", "title": text, "artist": text, "alt_text": text}
        for n, text in enumerate(HOSTILE)
    ]
    done = run(write_table(tmp_path / "t.jsonl", rows))
    assert (done.described, done.given) == (6, 6)
    with Collection.open(tmp_path / "c.sqlite") as collection:
        titles = {str(one.record_id): one.title for one in pictures.each(collection)}
    assert [titles[str(n)] for n in range(5)] == [text.replace("\0", "") for text in HOSTILE[:5]]


def test_the_museums_words_stand_beside_the_machines_and_people_may_change_them(
    tmp_path: Path, server: Museum, run: Run
) -> None:
    row = {"id": 1, "image_url": f"{server.url}/p0.jpg", "alt_text": "Eine Bank.", "description": "Lang.", "lang": "de"}
    table = write_table(tmp_path / "t.jsonl", [row, {**row, "id": 2, "image_url": f"{server.url}/p1.jpg", "lang": "?"}])
    run(table, lang="fr")
    kept = {(one.kind, one.lang, one.status) for one in said(tmp_path / "c.sqlite")["1"]}
    assert kept == {("alt", "de", "given"), ("description", "de", "given"), ("alt", "en", "machine")}
    assert {one.lang for one in said(tmp_path / "c.sqlite")["2"]} == {"fr", "en"}
    with Collection.open(tmp_path / "c.sqlite") as collection:
        given = next(one for one in texts.of_picture(collection, 1) if one.lang == "de" and one.kind == "alt")
        people.edit(collection, Actor.person("anna"), given.id, "Eine Bank im Park.", version=1)
    row["alt_text"] = "Eine neue Bank."
    run(write_table(tmp_path / "t.jsonl", [row]))
    words = {(one.kind, one.lang): one.text for one in said(tmp_path / "c.sqlite")["1"]}
    assert words["alt", "de"] == "Eine Bank im Park."


def test_a_record_whose_picture_moves_keeps_its_words(tmp_path: Path, server: Museum, run: Run) -> None:
    run(write_table(tmp_path / "t.jsonl", [{"id": 7, "image_url": f"{server.url}/p0.jpg"}]))
    before = said(tmp_path / "c.sqlite")["7"]
    server.documents["/new/p0.jpg"] = server.documents["/p0.jpg"]
    again = run(write_table(tmp_path / "t.jsonl", [{"id": 7, "image_url": f"{server.url}/new/p0.jpg"}]))
    assert (again.what, again.described, again.gone) == ({"moved": 1}, 0, 0)
    assert said(tmp_path / "c.sqlite")["7"] == before


def test_addresses_that_fail_are_told_apart(tmp_path: Path, server: Museum, run: Run) -> None:
    server.documents["/page.html"] = "<html>no picture</html>"
    addresses = [
        f"{server.url}/p0.jpg",
        f"{server.url}/missing.jpg",
        f"{server.url}/page.html",
        "http://127.0.0.1:9/inside.jpg",
        "s3://bucket/x.jpg",
        "",
    ]
    rows = [{"id": n, "image_url": address} for n, address in enumerate(addresses)]
    done = run(write_table(tmp_path / "t.jsonl", rows))
    assert done.described == 1
    assert done.failed == {"http_status": 1, "unsupported_format": 1, "refused_port": 1}
    assert (done.defects, done.left_out) == ({"bad_address": 1}, {"no_picture": 1})
    assert all("\n" not in message for message in done.examples.values())


def test_a_host_that_breaks_down_is_put_off_and_taken_later(tmp_path: Path, server: Museum, run: Run) -> None:
    table = write_table(
        tmp_path / "t.jsonl", [{"id": n, "image_url": f"{server.url}/p{n % 6}.jpg?n={n}"} for n in range(30)]
    )
    for n in range(30):
        server.documents[f"/p{n % 6}.jpg?n={n}"] = painted(n)
    server.moods["/p"] = lambda times: (500, {})
    first = run(table)
    assert first.put_off > 0 and first.failed["http_status"] >= 6 and first.put_off + first.failed.total() == 30
    assert len(server.asked) < 30
    server.moods.clear()
    # Those that failed wait to be asked for; those that were put off do not.
    assert run(table).described == first.put_off
    last = run(table, retry_failed=True)
    assert last.described == first.failed.total() and not last.has_failures
    with Collection.open(tmp_path / "c.sqlite") as collection:
        assert pictures.counts(collection) == {"done": 30}


def test_a_signature_in_a_record_is_used_and_never_kept(tmp_path: Path, server: Museum, run: Run) -> None:
    path = "/p0.jpg?sv=1&sig=c2VjcmV0"
    server.documents[path] = painted(0)
    done = run(write_table(tmp_path / "t.jsonl", [{"id": 1, "image_url": f"{server.url}{path}"}]))
    assert (done.described, server.counted(path)) == (1, 1)
    files = list(tmp_path.glob("c.sqlite*"))
    assert files and all(b"c2VjcmV0" not in file.read_bytes() for file in files)


def test_a_table_on_the_web_names_pictures_beside_it(tmp_path: Path, server: Museum, run: Run) -> None:
    server.documents["/data/t.csv"] = "id,image,title\n1,../p0.jpg,Bench\n"
    assert run(f"{server.url}/data/t.csv").described == 1
    with pytest.raises(FetchError):
        run(f"{server.url}/data/none.csv")


def test_the_command_collects_from_a_host_that_is_allowed(
    tmp_path: Path, server: Museum, capsys: pytest.CaptureFixture[str]
) -> None:
    server.documents["/m"] = manifest3(server.url, "m", ["p0"])
    arguments = ["collect", f"{server.url}/m", str(tmp_path / "c.sqlite"), "--beam", "1"]
    assert cli.run(arguments) == 2
    assert "MEZZETIN_FETCH" in capsys.readouterr().err
    assert cli.run([*arguments, "--allow-host", server.host, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["described"] == 1
