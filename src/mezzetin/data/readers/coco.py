"""COCO captions: `annotations/captions_train2014.json` and its like, and folders of pictures; or one such file.

Chen and others, "Microsoft COCO captions: data collection and evaluation server", arXiv:1504.00325 (2015). The sets of
2014 and 2017 are the same pictures, split otherwise: where both are there, 2017 is read.
"""

from __future__ import annotations

from collections.abc import Iterator

from mezzetin.data.readers.jsonfiles import kind_of, placed, root_of, rows_of
from mezzetin.data.readers.lines import read_json
from mezzetin.data.readers.names import Pictures
from mezzetin.data.readers.record import (
    ReadOptions,
    Record,
    is_name,
    is_text,
    only_defect,
    only_defects,
    refuse_columns,
)
from mezzetin.data.splits import splits_by_name
from mezzetin.errors import DatasetError
from mezzetin.storage.paths import Place

LOOKS_FOR = "annotations/captions_train2014.json (or val, or 2017), or one such .json"
PUBLISHED_SPLIT = "captions_train and captions_val"
_FILES = tuple(f"captions_{split}{year}.json" for year in ("2017", "2014") for split in ("train", "val"))


def found(source: Place) -> bool:
    """Say whether `source` is COCO's folder, or a file like COCO's."""
    return bool(_files(source)) or kind_of(source) == "coco"


def read(source: Place, options: ReadOptions) -> Iterator[Record]:
    """Yield a record a picture.

    Raises:
        DatasetError: there are no captions, or they are something else.

    """
    refuse_columns(options, "coco")
    files = _files(source) or ([source] if source.is_file() else [])
    if not files:
        raise DatasetError(f"{source} holds no captions of COCO: name the folder that holds {LOOKS_FOR}")
    if any("2017" in file.name for file in files):
        for file in (file for file in files if "2014" in file.name):
            yield only_defect("left_out_file", file.name, "the same pictures as those of 2017: name it to read it")
        files = [file for file in files if "2014" not in file.name]
    splits = splits_by_name(file.name for file in files)
    with Pictures(root_of(source)) as pictures:
        for file, split in zip(files, splits, strict=True):
            yield from _records(file, pictures, split, options.language)


def _files(source: Place) -> list[Place]:
    if source.name.lower().endswith(".json"):
        return []
    places = [source / "annotations" / name for name in _FILES] + [source / name for name in _FILES]
    return [place for place in places if place.is_file()]


def _records(file: Place, pictures: Pictures, split: str | None, language: str) -> Iterator[Record]:
    value, defects = read_json(file)
    captions: dict[object, list[str]] = {}
    for number, note in enumerate(rows_of(file, value, "annotations")):
        text, owner = note.get("caption"), note.get("image_id")
        if is_text(text) and isinstance(owner, int | str):
            captions.setdefault(owner, []).append(str(text))
        else:
            yield only_defect("bad_row", f"{file.name}: annotation {number}", "it has no caption or no image_id")
    folders = _folders(file)
    for number, image in enumerate(rows_of(file, value, "images")):
        name, key = image.get("file_name"), image.get("id")
        if not is_name(name) or not isinstance(key, int | str):
            yield only_defect("bad_row", f"{file.name}: image {number}", "it has no file_name or no id")
            continue
        place, path = placed(pictures, str(name), folders)
        yield Record(str(name).strip(), place, path, tuple(captions.pop(key, ())), split, language)
    for key in captions:
        yield only_defect("bad_row", f"{file.name}: image {key}", "its captions are there but not its file_name")
    yield from only_defects(defects)


def _folders(file: Place) -> tuple[str, ...]:
    """Where the pictures may be: `train2014/` for `captions_train2014.json`."""
    if not file.name.startswith("captions_"):
        return ("", "images", "Images")
    own = file.name.rpartition(".")[0].removeprefix("captions_")
    return (own, f"images/{own}", "images", "Images", "")
