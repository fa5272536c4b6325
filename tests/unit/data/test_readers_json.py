"""The published sets in JSON: COCO, Karpathy's splits, TextCaps, VizWiz."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.data.readers import READERS, choose_layout
from mezzetin.data.readers.record import ReadOptions, Record
from mezzetin.data.readers.source import Url
from mezzetin.errors import DatasetError
from mezzetin.storage.paths import Place

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def read(source: Path, layout: str) -> list[Record]:
    place = Place.of(source)
    assert choose_layout(place) == layout
    return list(READERS[layout].read(place, ReadOptions("en")))


def defects(records: list[Record]) -> list[tuple[str, str]]:
    return [(defect.kind, defect.name) for record in records for defect in record.defects]


def put(path: Path, value: Any = b"x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())


def coco(*pictures: tuple[str, list[str]]) -> dict[str, Any]:
    return {
        "info": {"year": 2014},
        "images": [{"id": number, "file_name": name, "license": 1} for number, (name, _) in enumerate(pictures)],
        "licenses": [],
        "annotations": [
            {"id": number, "image_id": number, "caption": text}
            for number, (_, texts) in enumerate(pictures)
            for text in texts
        ],
    }


def test_coco_with_its_folders(tmp_path: Path) -> None:
    put(tmp_path / "annotations/captions_train2014.json", coco(("COCO_train2014_1.jpg", ["one", "eins"])))
    put(
        tmp_path / "annotations/captions_val2014.json",
        coco(("COCO_val2014_2.jpg", ["two"]), ("COCO_val2014_3.jpg", [])),
    )
    put(tmp_path / "train2014/COCO_train2014_1.jpg")
    put(tmp_path / "images/val2014/COCO_val2014_2.JPG")
    one, two, three = read(tmp_path, "coco")
    assert (one.image_id, one.captions, one.split) == ("COCO_train2014_1.jpg", ("one", "eins"), "train")
    assert one.image == Place.of(tmp_path / "train2014/COCO_train2014_1.jpg")
    assert (two.split, two.source_uri) == ("val", "images/val2014/COCO_val2014_2.JPG")
    assert (three.captions, three.source_uri) == ((), "val2014/COCO_val2014_3.jpg")


def test_coco_of_both_years_is_read_once(tmp_path: Path) -> None:
    for split in ("train", "val"):
        put(tmp_path / f"annotations/captions_{split}2014.json", coco((f"{split}14.jpg", ["x"])))
        put(tmp_path / f"annotations/captions_{split}2017.json", coco((f"{split}17.jpg", ["x"])))
    records = read(tmp_path, "coco")
    assert [(r.image_id, r.split) for r in records if r.image_id] == [("train17.jpg", "train"), ("val17.jpg", "val")]
    assert defects(records) == [
        ("left_out_file", "captions_train2014.json"),
        ("left_out_file", "captions_val2014.json"),
    ]


def test_one_half_of_coco_is_left_to_be_split(tmp_path: Path) -> None:
    put(tmp_path / "annotations/captions_val2017.json", coco(("1.jpg", ["x"])))
    put(tmp_path / "val2017/1.jpg")
    for source in (tmp_path, tmp_path / "annotations/captions_val2017.json"):
        (record,) = read(source, "coco")
        assert (record.split, record.image) == (None, Place.of(tmp_path / "val2017/1.jpg"))


def test_a_large_json_like_cocos_with_odd_entries(tmp_path: Path) -> None:
    value = coco(*((f"sub\\{number}.jpg", [f"caption {number}"]) for number in range(3000)))
    value["images"] += [{"id": 7}, 7]
    value["annotations"] += [{"image_id": 5}, {"image_id": -1, "caption": "whose?"}, None]
    put(tmp_path / "mine.json", value)
    records = read(tmp_path / "mine.json", "coco")
    assert [r.captions for r in records if r.image_id] == [(f"caption {number}",) for number in range(3000)]
    assert records[2].source_uri == "sub/0.jpg"
    assert len(defects(records)) == 5 and {kind for kind, _ in defects(records)} == {"bad_row"}


@given(st.lists(st.lists(TEXT, max_size=3), max_size=5))
def test_any_captions_come_back_from_coco(captions: list[list[str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        put(
            Path(folder) / "annotations/captions_val2014.json", coco(*((f"{n}.jpg", c) for n, c in enumerate(captions)))
        )
        records = read(Path(folder), "coco")
    assert [list(record.captions) for record in records] == captions


def karpathy(*images: dict[str, Any]) -> dict[str, Any]:
    made = [
        {
            "sentids": [0],
            "imgid": number,
            "sentences": [{"tokens": ["a"], "raw": f"Caption {number}.", "imgid": number, "sentid": 0}],
            **image,
        }
        for number, image in enumerate(images)
    ]
    return {"images": made, "dataset": "x"}


def test_karpathys_coco(tmp_path: Path) -> None:
    put(
        tmp_path / "dataset_coco.json",
        karpathy(
            {"filepath": "val2014", "filename": "v.jpg", "split": "restval"},
            {"filepath": "train2014", "filename": "t.jpg", "split": "train"},
            {"filepath": "val2014", "filename": "w.jpg", "split": "test"},
            {"filename": "x.jpg", "split": "val", "sentences": "none"},
        ),
    )
    for name in ("val2014/v.jpg", "images/train2014/t.jpg", "val2014/w.jpg"):
        put(tmp_path / name)
    records = read(tmp_path, "karpathy")
    assert [(r.image_id, r.split, r.source_uri, r.captions) for r in records if r.image_id] == [
        ("v.jpg", "train", "val2014/v.jpg", ("Caption 0.",)),
        ("t.jpg", "train", "images/train2014/t.jpg", ("Caption 1.",)),
        ("w.jpg", "test", "val2014/w.jpg", ("Caption 2.",)),
    ]
    assert defects(records) == [("bad_row", "dataset_coco.json: image 3")]


@pytest.mark.parametrize("name", ["dataset_flickr8k.json", "dataset_flickr30k.json", "my_split.json"])
@pytest.mark.parametrize("folder", ["Images", "images", "Flicker8k_Dataset", "flickr30k_images", ""])
def test_karpathys_flickr(tmp_path: Path, name: str, folder: str) -> None:
    put(tmp_path / name, karpathy({"filename": "a.jpg", "split": "val"}))
    put(tmp_path / folder / "a.jpg")
    (record,) = read(tmp_path / name, "karpathy")
    assert record.image == Place.of(tmp_path / folder / "a.jpg")


def test_several_of_karpathys_files_are_a_question(tmp_path: Path) -> None:
    for name in ("coco", "flickr8k"):
        put(tmp_path / f"dataset_{name}.json", karpathy())
    with pytest.raises(DatasetError, match=r"dataset_flickr8k.json, dataset_coco.json\): name it"):
        read(tmp_path, "karpathy")


def textcaps(key: str, split: str, *captions: str, **more: str) -> list[dict[str, Any]]:
    told = {"image_id": key, "set_name": split, "image_path": f"{split}/{key}.jpg", "image_classes": [], **more}
    return [{**told, "caption_str": caption, "reference_strs": list(captions)} for caption in captions]


def test_textcaps_has_each_reference_once(tmp_path: Path) -> None:
    rows = [*textcaps("aa", "train", "A sign.", "A red sign.", "A sign."), *textcaps("bb", "train", "A can.")]
    put(tmp_path / "TextCaps_0.1_train.json", {"dataset_type": "train", "data": [rows[0], rows[3], *rows[1:3], {}]})
    val = textcaps("cc", "val", "A bus.", flickr_original_url="https://host/cc.jpg?sig=hush")
    put(tmp_path / "TextCaps_0.1_val.json", {"data": val})
    for name in ("train_images/aa.jpg", "train/bb.jpg"):
        put(tmp_path / name)
    a, b, c = [r for r in read(tmp_path, "textcaps") if r.image_id]
    assert (a.captions, a.split, a.source_uri) == (("A sign.", "A red sign."), "train", "train_images/aa.jpg")
    assert (b.captions, b.source_uri) == (("A can.",), "train/bb.jpg")
    assert (c.split, c.image) == ("val", Url("https://host/cc.jpg?sig=hush"))
    assert "hush" not in c.source_uri
    assert defects(read(tmp_path, "textcaps")) == [("bad_row", "TextCaps_0.1_train.json: row 4")]


@pytest.mark.parametrize("folder", ["", "annotations/"])
def test_vizwiz_without_what_is_no_description(tmp_path: Path, folder: str) -> None:
    notes = [
        {"caption": "a can", "image_id": 0, "is_precanned": False, "is_rejected": False},
        {"caption": "Quality issues", "image_id": 0, "is_precanned": True, "is_rejected": False},
        {"caption": "nonsense", "image_id": 1, "is_precanned": False, "is_rejected": True},
        {"caption": "Quality issues", "image_id": 1, "is_precanned": True, "is_rejected": False},
        {"image_id": 1},
    ]
    images = [{"file_name": f"VizWiz_train_{n}.jpg", "id": n, "vizwiz_url": "x"} for n in range(2)]
    put(tmp_path / f"{folder}train.json", {"info": {}, "images": images, "annotations": notes})
    put(tmp_path / f"{folder}val.json", {"images": [{"file_name": "v.jpg", "id": 3}], "annotations": notes[:0]})
    put(tmp_path / f"{folder}test.json", {"images": [{"file_name": "t.jpg", "id": 4}]})
    put(tmp_path / "train/VizWiz_train_0.jpg")
    records = read(tmp_path, "vizwiz")
    assert [(r.image_id, r.captions, r.split) for r in records if r.image_id] == [
        ("VizWiz_train_0.jpg", ("a can",), "train"),
        ("VizWiz_train_1.jpg", (), "train"),
        ("v.jpg", (), "val"),
        ("t.jpg", (), "test"),
    ]
    assert sorted(defects(records)) == [
        ("bad_row", "train.json: annotation 4"),
        ("precanned", "VizWiz_train_0.jpg"),
        ("precanned", "VizWiz_train_1.jpg"),
        ("rejected", "VizWiz_train_1.jpg"),
    ]
    assert next(r.image for r in records if r.captions) == Place.of(tmp_path / "train/VizWiz_train_0.jpg")


@pytest.mark.parametrize("layout", ["coco", "karpathy", "textcaps", "vizwiz"])
@pytest.mark.parametrize("value", [[], {}, {"images": 3}, None, {"data": {}}])
def test_other_json_is_one_line(tmp_path: Path, layout: str, value: object) -> None:
    put(tmp_path / "x.json", value)
    with pytest.raises(DatasetError, match="has no list") as caught:
        list(READERS[layout].read(Place.of(tmp_path / "x.json"), ReadOptions()))
    assert "\n" not in str(caught.value)
