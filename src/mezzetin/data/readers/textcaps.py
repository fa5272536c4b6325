"""TextCaps: `TextCaps_0.1_train.json` and its like, beside the pictures of TextVQA.

Sidorov and others, "TextCaps: a dataset for image captioning with reading comprehension", ECCV (2020). A row a caption,
and each repeats all references of its picture: here a picture ends with each of them once.
"""

from __future__ import annotations

from collections.abc import Iterator

from mezzetin.data.readers.columns import is_url
from mezzetin.data.readers.jsonfiles import kind_of, root_of, rows_of
from mezzetin.data.readers.lines import read_json
from mezzetin.data.readers.names import Pictures, clean
from mezzetin.data.readers.record import (
    ReadOptions,
    Record,
    is_name,
    is_text,
    only_defect,
    only_defects,
    refuse_columns,
)
from mezzetin.data.readers.source import Url
from mezzetin.data.splits import split_name, splits_by_name
from mezzetin.errors import DatasetError
from mezzetin.storage.address import without_secrets
from mezzetin.storage.paths import Place

LOOKS_FOR = "TextCaps_0.1_train.json (or val, test) beside a folder train_images/"
PUBLISHED_SPLIT = "TextCaps_0.1_train.json and TextCaps_0.1_val.json"
_FILES = tuple(f"TextCaps_0.1_{split}.json" for split in ("train", "val", "test"))
_FOLDERS = ("train_images", "test_images", "images", "train_val_images/train_images", "Images", "")


def found(source: Place) -> bool:
    """Say whether `source` is TextCaps, or one of its files."""
    return bool(_files(source)) or kind_of(source) == "textcaps"


def read(source: Place, options: ReadOptions) -> Iterator[Record]:
    """Yield a record a picture; one that is not in the folders is taken from where it was published.

    Raises:
        DatasetError: there is no such file, or it is something else.

    """
    refuse_columns(options, "textcaps")
    files = _files(source) or ([source] if source.is_file() else [])
    if not files:
        raise DatasetError(f"{source} holds no TextCaps: name the folder that holds {LOOKS_FOR}")
    named = splits_by_name(file.name for file in files)
    with Pictures(root_of(source)) as pictures:
        for file, split in zip(files, named, strict=True):
            yield from _records(file, pictures, split is not None, options.language)


def _files(source: Place) -> list[Place]:
    if source.name.lower().endswith(".json"):
        return []
    return [source / name for name in _FILES if (source / name).is_file()]


def _records(file: Place, pictures: Pictures, with_split: bool, language: str) -> Iterator[Record]:
    value, defects = read_json(file)
    first: dict[str, dict[str, object]] = {}
    said: dict[str, dict[str, None]] = {}
    for number, row in enumerate(rows_of(file, value, "data")):
        key = str(row.get("image_id") or "").strip()
        if not is_name(key):
            yield only_defect("bad_row", f"{file.name}: row {number}", "it has no image_id")
            continue
        first.setdefault(key, row)
        said.setdefault(key, {}).update(dict.fromkeys(_references(row)))
    for key, row in first.items():
        image, uri = _source(key, row, pictures)
        split = split_name(str(row.get("set_name") or "")) if with_split else None
        yield Record(key, image, uri, tuple(said[key]), split, language)
    yield from only_defects(defects)


def _references(row: dict[str, object]) -> list[str]:
    references = row.get("reference_strs")
    listed = references if isinstance(references, list) else []
    return [str(text).strip() for text in (*listed, row.get("caption_str")) if is_text(text)]


def _source(key: str, row: dict[str, object], pictures: Pictures) -> tuple[Place | Url, str]:
    own = row.get("image_path")
    path = pictures.best(f"{key}.jpg", _FOLDERS)
    if pictures.find(path) is None and is_name(own):
        path = pictures.best(str(own), ("", "images", "train_val_images"))
    url = row.get("flickr_original_url")
    if pictures.find(path) is None and is_url(url):
        return Url(str(url).strip()), without_secrets(str(url).strip())
    return pictures.root / path, clean(path)
