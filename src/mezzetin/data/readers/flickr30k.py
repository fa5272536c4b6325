"""Flickr30k: `results.csv` as Kaggle ships it, or the authors' `results_20130124.token`, and a folder of pictures.

Young, Lai, Hodosh and Hockenmaier, "From image descriptions to visual denotations", TACL 2 (2014). `results.csv` is no
CSV: its fields are parted by bars, its captions hold quotes as they are, and row 19999 lacks its second bar.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mezzetin.data.readers.lines import Lines, check_head, head_of
from mezzetin.data.readers.names import Pictures
from mezzetin.data.readers.record import (
    Defect,
    ReadOptions,
    Record,
    is_name,
    only_defect,
    only_defects,
    refuse_columns,
)
from mezzetin.data.readers.tokens import read_tokens
from mezzetin.errors import DatasetError
from mezzetin.storage.paths import Place

LOOKS_FOR = "results.csv (image_name| comment_number| comment) beside a folder flickr30k_images/"
PUBLISHED_SPLIT = "Karpathy's dataset_flickr30k.json"
_TABLE, _TOKENS = "results.csv", "results_20130124.token"
_FOLDERS = ("flickr30k_images/flickr30k_images", "flickr30k_images", "flickr30k-images", "images", "Images", "")
_HEADER = re.compile(r"\s*image_name\s*\|\s*comment_number\s*\|\s*comment\s*")
_UNBARRED = re.compile(r"\s*(\d)\s+(\S.*)")


def found(source: Place) -> bool:
    """Say whether `source` looks like Flickr30k."""
    return _captions_file(source) is not None


def read(source: Place, options: ReadOptions) -> Iterator[Record]:
    """Yield a record a caption.

    Raises:
        DatasetError: the captions are missing, or are something else.

    """
    refuse_columns(options, "flickr30k")
    captions = _captions_file(source)
    if captions is None:
        raise DatasetError(f"{source} holds no Flickr30k: name the folder that holds {LOOKS_FOR}")
    with Pictures(source) as pictures:
        folder = next((name for name in _FOLDERS[:-1] if (source / name).is_folder()), "")
        if captions.name == _TOKENS:
            yield from read_tokens(captions, pictures, folder, options.language)
        else:
            yield from _rows(captions, pictures, folder, options.language)


def _captions_file(source: Place) -> Place | None:
    for folder in ("", "flickr30k_images"):
        table = source / folder / _TABLE if folder else source / _TABLE
        if table.is_file():
            head = head_of(table, 256)
            check_head(table, head)
            if re.match(rb"(\xef\xbb\xbf)?\s*image_name\s*\|", head):
                return table
        tokens = table.parent / _TOKENS
        if tokens.is_file():
            return tokens
    return None


def _rows(table: Place, pictures: Pictures, folder: str, language: str) -> Iterator[Record]:
    lines = Lines(table)
    for number, line in enumerate(lines, start=1):
        if not line.strip() or (number == 1 and _HEADER.fullmatch(line)):
            continue
        where = f"{table.name}:{number}"
        name, caption, mended = _parted(line.rstrip("\r\n"))
        if caption is None or not is_name(name):
            yield only_defect("bad_row", where, "the line is not `image_name| comment_number| comment`")
            continue
        detail = "it lacks a bar before its caption; read as if it were there"
        defects = (Defect("mended_row", where, detail),) if mended else ()
        path = pictures.best(name, (folder,))
        said = path.rpartition("/")[2]
        yield Record(said, pictures.root / path, path, (caption,), None, language, defects)
    yield from only_defects(lines.defects)


def _parted(line: str) -> tuple[str, str | None, bool]:
    """The name, the caption, and whether a bar was lacking between number and caption."""
    name, *rest = line.split("|", 2)
    if len(rest) == 2 and rest[0].strip().isdigit():
        return name.strip(), rest[1].strip(), False
    unbarred = _UNBARRED.fullmatch("|".join(rest))
    return name.strip(), unbarred[2].strip() if unbarred else None, unbarred is not None
