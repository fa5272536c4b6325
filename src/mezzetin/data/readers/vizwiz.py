"""VizWiz-Captions: `train.json`, `val.json`, `test.json` (or in `annotations/`) beside folders of those names.

Gurari and others, "Captioning images taken by people who are blind", ECCV (2020). Captions that the crowd worker chose
from a list (`is_precanned`: "quality issues are too severe…") or that were refused (`is_rejected`) are left out.
"""

from __future__ import annotations

from collections.abc import Iterator

from mezzetin.data.readers.jsonfiles import kind_of, placed, root_of, rows_of
from mezzetin.data.readers.lines import read_json
from mezzetin.data.readers.names import Pictures
from mezzetin.data.readers.record import (
    Defect,
    ReadOptions,
    Record,
    is_name,
    is_text,
    only_defect,
    only_defects,
    refuse_columns,
)
from mezzetin.data.splits import split_name, splits_by_name
from mezzetin.errors import DatasetError
from mezzetin.storage.paths import Place

LOOKS_FOR = "train.json, val.json, test.json of VizWiz beside folders train/, val/, test/"
PUBLISHED_SPLIT = "train.json and val.json"
_FILES = tuple(f"{folder}{split}.json" for folder in ("annotations/", "") for split in ("train", "val", "test"))
_LEFT_OUT = {
    "is_rejected": Defect("rejected", "", "a caption that its makers refused: left out"),
    "is_precanned": Defect("precanned", "", "a caption chosen from a list (the picture's quality is poor): left out"),
}


def found(source: Place) -> bool:
    """Say whether `source` is VizWiz, or one of its files."""
    return any(kind_of(file) == "vizwiz" for file in _files(source) or [source])


def read(source: Place, options: ReadOptions) -> Iterator[Record]:
    """Yield a record a picture.

    Raises:
        DatasetError: there is no such file, or it is something else.

    """
    refuse_columns(options, "vizwiz")
    files = _files(source) or ([source] if source.is_file() else [])
    if not files:
        raise DatasetError(f"{source} holds no VizWiz: name the folder that holds {LOOKS_FOR}")
    splits = splits_by_name(file.name for file in files)
    with Pictures(root_of(source)) as pictures:
        for file, split in zip(files, splits, strict=True):
            yield from _records(file, pictures, split, options.language)


def _files(source: Place) -> list[Place]:
    if source.name.lower().endswith(".json"):
        return []
    return [source / name for name in _FILES if (source / name).is_file()]


def _records(file: Place, pictures: Pictures, split: str | None, language: str) -> Iterator[Record]:
    value, defects = read_json(file)
    # The test pictures were published without captions.
    notes = rows_of(file, value, "annotations") if isinstance(value, dict) and "annotations" in value else []
    captions: dict[object, list[str | Defect]] = {}
    for number, note in enumerate(notes):
        text, owner = note.get("caption"), note.get("image_id")
        if not is_text(text) or not isinstance(owner, int | str):
            yield only_defect("bad_row", f"{file.name}: annotation {number}", "it has no caption or no image_id")
            continue
        left_out = next((defect for key, defect in _LEFT_OUT.items() if note.get(key)), None)
        captions.setdefault(owner, []).append(left_out or str(text))
    own = split or split_name(file.name.rpartition(".")[0]) or ""
    folders = (own, f"images/{own}", "images", "Images", "")
    for number, image in enumerate(rows_of(file, value, "images")):
        name, key = image.get("file_name"), image.get("id")
        if not is_name(name) or not isinstance(key, int | str):
            yield only_defect("bad_row", f"{file.name}: image {number}", "it has no file_name or no id")
            continue
        place, path = placed(pictures, str(name), folders)
        yield _record(str(name).strip(), place, path, captions.pop(key, []), split, language)
    yield from only_defects(defects)


def _record(name: str, place: Place, path: str, said: list[str | Defect], split: str | None, language: str) -> Record:
    kept = tuple(text for text in said if isinstance(text, str))
    left_out = tuple(Defect(d.kind, name, d.detail) for d in said if isinstance(d, Defect))
    return Record(name, place, path, kept, split, language, left_out)
