from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from mezzetin.data.dataset import Dataset
from mezzetin.data.ingest import ingest
from mezzetin.data.picture import MAX_BYTES_AS_IS, load_picture
from mezzetin.data.report import IngestReport
from mezzetin.errors import DatasetError
from mezzetin.records import Example
from mezzetin.storage.paths import Place

Picture = Callable[..., bytes]
Source = Callable[..., Path]


def rows(folder: Path) -> dict[str, Example]:
    return {row.image_id: row for row in Dataset.open(folder, verify=True).rows(every=True)}


def all_defects(folder: Path) -> set[tuple[str, str]]:
    lines = (folder / "defects.jsonl").read_text(encoding="utf-8").splitlines()
    return {(line["kind"], line["name"]) for line in map(json.loads, lines)}


def refusal(source: Path, folder: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        ingest(source, folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_whole_source_becomes_rows_with_its_own_bytes(flickr: Source, tmp_path: Path) -> None:
    source = flickr(5, train=range(3), dev=range(3, 5))
    heard: list[tuple[int, int | None]] = []
    report = ingest(source, tmp_path / "d", licence="CC0", progress=lambda done, total: heard.append((done, total)))
    assert (report.images, report.captions, report.state, report.warnings) == (5, 10, "made", ())
    assert report.rows == {"train": {"ok": 3}, "val": {"ok": 2}}
    assert report.defect_counts == {}
    assert heard == [(done, 5) for done in range(6)]
    row = rows(tmp_path / "d")["p004.jpg"]
    assert row.image == (source / "Images" / "p004.jpg").read_bytes()
    assert (row.split, row.format, row.width, row.height) == ("val", "jpeg", 48, 32)
    assert (row.source_uri, row.captions) == (
        "Images/p004.jpg",
        ("Blocks number 4 .", 'Colours, "4" .'),
    )
    assert sorted(path.name for path in (tmp_path / "d").iterdir()) == [
        "dataset.json",
        "defects.jsonl",
        "part-00000.parquet",
    ]


@pytest.fixture
def spoilt(flickr: Source, picture: Picture) -> Path:
    """Ten pictures, with one of every defect."""
    source = flickr(10, train=range(8), dev=range(7, 9))
    images = source / "Images"
    (images / "p000.jpg").unlink()
    (images / "p001.jpg").write_bytes(picture(1)[:-200])
    (images / "p002.jpg").write_text("this is text")
    (images / "p003.jpg").write_bytes(b"")
    (images / "p004.jpg").write_bytes(picture(5))
    (images / "p006.jpg").unlink()
    (images / "p006.jpg").mkdir()
    (images / "alone.JPG").write_bytes(picture(99))
    with (source / "captions.txt").open("a") as stream:
        stream.write("p005.jpg,  \np007.jpg,Blocks number 7 .\nbroken\n")
    with (source / "Flickr_8k.trainImages.txt").open("a") as stream:
        stream.write("ghost.jpg\n")
    return source


def test_every_defect_is_counted_and_named(spoilt: Path, tmp_path: Path) -> None:
    report = ingest(spoilt, tmp_path / "d")
    assert all_defects(tmp_path / "d") == {
        ("missing", "p000.jpg"),
        ("undecodable", "p001.jpg"),
        ("unsupported_format", "p002.jpg"),
        ("empty", "p003.jpg"),
        ("duplicate_image", "p005.jpg"),
        ("unreadable", "p006.jpg"),
        ("no_captions", "alone.JPG"),
        ("no_captions", "ghost.jpg"),
        ("empty_caption", "p005.jpg"),
        ("duplicate_caption", "p007.jpg"),
        ("two_splits", "p007.jpg"),
        ("in_no_split", "p009.jpg"),
        ("bad_row", "captions.txt:24"),
    }
    assert sum(report.defect_counts.values()) == 13
    text = "\n".join(report.lines())
    assert "pictures that are not there: 1 (p000.jpg)" in text
    assert "pictures without captions: 2 (alone.JPG, ghost.jpg)" in text
    assert report.to_json()["defects"]["missing"] == {
        "count": 1,
        "first": [{"name": "p000.jpg", "detail": "the file is not there"}],
    }


def test_rows_without_a_picture_stay_in_the_table(spoilt: Path, tmp_path: Path) -> None:
    report = ingest(spoilt, tmp_path / "d")
    table = rows(tmp_path / "d")
    assert report.images == 5 == sum(row.status == "ok" for row in table.values())
    broken = table["p001.jpg"]
    assert (broken.status, broken.image, broken.split, broken.width) == ("undecodable", None, "train", 0)
    assert broken.error and broken.sha256 and broken.captions
    assert table["p005.jpg"].image == table["p004.jpg"].image
    assert (table["p007.jpg"].split, table["p009.jpg"].split) == ("val", "unused")


def test_without_official_splits_it_warns_and_copies_stay_together(flickr: Source, tmp_path: Path) -> None:
    source = flickr(60)
    for number in range(30):
        shutil.copy(source / "Images" / f"p{number:03}.jpg", source / "Images" / f"p{number + 30:03}.jpg")
    report = ingest(source, tmp_path / "d")
    assert "not comparable with published ones" in report.warnings[0]
    assert f"warning: {report.warnings[0]}" in report.lines()
    assert report.defect_counts == {"duplicate_image": 30}
    assert len(report.defects) == 10
    table = rows(tmp_path / "d")
    assert all(table[f"p{number:03}.jpg"].split == table[f"p{number + 30:03}.jpg"].split for number in range(30))
    assert set(report.rows) == {"train", "val", "test"}
    other = ingest(source, tmp_path / "other", seed=1)
    assert other.rows != report.rows or other.digest != report.digest


def test_a_table_of_ones_own_carries_no_warning(tmp_path: Path, picture: Picture) -> None:
    (tmp_path / "a.png").write_bytes(picture(1, kind="PNG"))
    (tmp_path / "t.csv").write_text("image,caption,language\na.png,ein Bild,de\n", encoding="utf-8")
    report = ingest(tmp_path / "t.csv", tmp_path / "d")
    (row,) = rows(tmp_path / "d").values()
    assert (row.language, row.format, row.captions, report.warnings) == ("de", "png", ("ein Bild",), ())


def test_a_large_picture_is_stored_reduced_with_the_originals_digest(tmp_path: Path, picture: Picture) -> None:
    large = picture(1, width=3000, height=2000, kind="PNG")
    (tmp_path / "large.png").write_bytes(large)
    (tmp_path / "t.csv").write_text("image,caption\nlarge.png,big blocks\n", encoding="utf-8")
    report = ingest(tmp_path, tmp_path / "d")
    (row,) = rows(tmp_path / "d").values()
    assert row.image is not None
    with Image.open(io.BytesIO(row.image)) as small:
        assert (small.format, small.size) == ("JPEG", (1024, 683))
    assert (row.format, row.width, row.height) == ("jpeg", 1024, 683)
    assert row.sha256 == hashlib.sha256(large).hexdigest()
    assert report.reduced == 1 and "1 large pictures are stored reduced" in "\n".join(report.lines())


def test_the_same_source_elsewhere_has_the_same_digest(flickr: Source, tmp_path: Path) -> None:
    source = flickr(5)
    (source / "Images" / "p001.jpg").write_bytes(b"\xff\xd8\xff broken")
    shutil.copytree(source, tmp_path / "else where")
    here, there = ingest(source, tmp_path / "a"), ingest(tmp_path / "else where", tmp_path / "b")
    assert here.digest == there.digest
    with (source / "captions.txt").open("a") as stream:
        stream.write("p000.jpg,one more\n")
    assert ingest(source, tmp_path / "c").digest != here.digest


def test_a_finished_dataset_is_reported_without_work(flickr: Source, tmp_path: Path) -> None:
    source = flickr(5)
    made = ingest(source, tmp_path / "d")
    shutil.rmtree(source / "Images")
    (source / "Images").mkdir()
    found = ingest(source, tmp_path / "d", progress=lambda done, total: pytest.fail("it worked"))
    assert (found.state, found.digest) == ("found", made.digest)
    assert "there already" in found.lines()[0]
    assert isinstance(found, IngestReport) and found.to_json() == {**made.to_json(), "state": "found"}


def test_another_dataset_or_folder_is_never_overwritten(flickr: Source, tmp_path: Path) -> None:
    ingest(flickr(3), tmp_path / "d")
    before = (tmp_path / "d" / "dataset.json").read_bytes()
    assert "another dataset" in refusal(flickr(3, name="other"), tmp_path / "d")
    assert (tmp_path / "d" / "dataset.json").read_bytes() == before
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.doc").write_text("precious")
    assert "not empty" in refusal(tmp_path / "other", tmp_path / "full")
    assert "is a file" in refusal(tmp_path / "other", tmp_path / "full" / "thesis.doc")
    with pytest.raises(DatasetError, match="other options"):
        ingest(tmp_path / "source", tmp_path / "d", licence="another")


def test_captions_without_pictures_and_pictures_without_captions(flickr: Source, tmp_path: Path) -> None:
    source = flickr(3)
    for path in (source / "Images").iterdir():
        path.write_bytes(b"no picture")
    assert "none of the 3 captioned pictures" in refusal(source, tmp_path / "d")
    for path in (source / "Images").iterdir():
        path.unlink()
    assert "put the pictures in place" in refusal(source, tmp_path / "d")
    (source / "captions.txt").write_text("image,caption\np000.jpg, \n")
    assert "no caption that can be used" in refusal(source, tmp_path / "d")
    assert not (tmp_path / "d").exists() or not list((tmp_path / "d").iterdir())


def test_shares_are_an_argument(flickr: Source, tmp_path: Path) -> None:
    assert set(ingest(flickr(5), tmp_path / "d", shares=(0, 0, 1)).rows) == {"test"}
    with pytest.raises(DatasetError, match="shares"):
        ingest(tmp_path / "source", tmp_path / "e", shares=(0, 0, 0))


def test_a_file_name_that_is_not_utf8_is_a_named_defect(flickr: Source, tmp_path: Path) -> None:
    source = flickr(2)
    try:
        Path(os.fsdecode(os.fsencode(source / "Images") + b"/caf\xe9.jpg")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    report = ingest(source, tmp_path / "d")
    assert report.defect_counts == {"bad_name": 1}
    assert "caf" in report.lines()[2] and report.images == 2


def test_a_file_too_heavy_to_hold_is_streamed_and_its_place_is_not_told(tmp_path: Path) -> None:
    heavy = tmp_path / "heavy.tif"
    Image.new("RGB", (3600, 3200), "teal").save(heavy, "TIFF")
    assert heavy.stat().st_size > MAX_BYTES_AS_IS
    loaded = load_picture(Place.of(heavy))
    assert (loaded.status, loaded.reduced, loaded.width, loaded.height) == ("ok", True, 1024, 910)
    assert loaded.sha256 == hashlib.sha256(heavy.read_bytes()).hexdigest()
    os.truncate(heavy, MAX_BYTES_AS_IS + 1)
    cut = load_picture(Place.of(heavy))
    assert (cut.status, cut.image) == ("undecodable", None)
    assert cut.error and str(tmp_path) not in cut.error
