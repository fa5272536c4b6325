"""Karpathy's splits: `dataset_flickr8k.json`, `dataset_flickr30k.json` or `dataset_coco.json`, beside the pictures.

Karpathy and Fei-Fei, "Deep visual-semantic alignments for generating image descriptions", CVPR (2015). `restval`, what
is left of COCO's validation pictures, is trained on, as the papers do.
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
from mezzetin.data.splits import split_name
from mezzetin.errors import DatasetError
from mezzetin.storage.paths import Place

LOOKS_FOR = "dataset_flickr8k.json, dataset_flickr30k.json or dataset_coco.json"
PUBLISHED_SPLIT: str | None = None
_FILES = ("dataset_flickr8k.json", "dataset_flickr30k.json", "dataset_coco.json")
_FOLDERS = (
    "images",
    "Images",
    "Flicker8k_Dataset",
    "Flickr8k_Dataset",
    "flickr30k_images",
    "flickr30k_images/flickr30k_images",
    "flickr30k-images",
    "",
)


def found(source: Place) -> bool:
    """Say whether `source` is one of Karpathy's files, or a folder that holds one."""
    return bool(_files(source)) or kind_of(source) == "karpathy"


def read(source: Place, options: ReadOptions) -> Iterator[Record]:
    """Yield a record a picture.

    Raises:
        DatasetError: there is no such file, more than one, or it is something else.

    """
    refuse_columns(options, "karpathy")
    files = _files(source) or ([source] if source.is_file() else [])
    if len(files) != 1:
        names = ", ".join(file.name for file in files) or "none"
        raise DatasetError(f"{source} should hold one file of Karpathy's (found: {names}): name it")
    value, defects = read_json(files[0])
    with Pictures(root_of(source)) as pictures:
        for number, image in enumerate(rows_of(files[0], value, "images")):
            record = _record(image, pictures, options.language)
            detail = "it has no filename or no sentences"
            yield record or only_defect("bad_row", f"{files[0].name}: image {number}", detail)
    yield from only_defects(defects)


def _files(source: Place) -> list[Place]:
    if source.name.lower().endswith(".json"):
        return []
    return [source / name for name in _FILES if (source / name).is_file()]


def _record(image: dict[str, object], pictures: Pictures, language: str) -> Record | None:
    name, sentences, split, folder = (image.get(key) for key in ("filename", "sentences", "split", "filepath"))
    if not is_name(name) or not isinstance(sentences, list):
        return None
    captions = tuple(said["raw"] for said in sentences if isinstance(said, dict) and is_text(said.get("raw")))
    own = (str(folder).strip(), f"images/{str(folder).strip()}") if is_name(folder) else ()
    place, path = placed(pictures, str(name), (*own, *_FOLDERS))
    said_split = split_name(str(split)) if is_name(split) else None
    return Record(str(name).strip(), place, path, captions, said_split, language)
