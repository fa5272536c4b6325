"""Flickr8k as Kaggle ships it: `Images/`, `captions.txt` and, beside them, perhaps the official split files.

Hodosh, Young and Hockenmaier, "Framing image description as a ranking task", JAIR 47 (2013).
"""

from __future__ import annotations

from collections.abc import Iterator

from mezzetin.data.readers.lines import Lines, csv_rows
from mezzetin.data.readers.names import Pictures, first_folder
from mezzetin.data.readers.record import (
    PICTURES,
    ReadOptions,
    Record,
    is_name,
    only_defect,
    only_defects,
    refuse_columns,
)
from mezzetin.errors import DatasetError
from mezzetin.storage.paths import Place

LOOKS_FOR = "captions.txt beside a folder Images/"
SPLIT_FILES = {
    "train": "Flickr_8k.trainImages.txt",
    "val": "Flickr_8k.devImages.txt",
    "test": "Flickr_8k.testImages.txt",
}
PUBLISHED_SPLIT = "Flickr_8k.trainImages.txt, .devImages.txt and .testImages.txt"


def found(source: Place) -> bool:
    """Say whether `source` looks like Kaggle's copy of Flickr8k."""
    return (source / "captions.txt").is_file()


def read(source: Place, options: ReadOptions) -> Iterator[Record]:
    """Yield a record a caption, then one for every name of a split file and every picture of the folder.

    Raises:
        DatasetError: the folder of pictures is missing, or `captions.txt` is something else.

    """
    refuse_columns(options, "flickr8k")
    if not found(source):
        raise DatasetError(f"{source} holds no captions.txt: name the folder that holds {LOOKS_FOR}")
    folder = first_folder(source, ("Images", "images"))
    if folder is None:
        raise DatasetError(f"{source} holds captions.txt but no folder Images/: put the pictures in {source}/Images")
    with Pictures(source) as pictures:
        yield from _captions(source / "captions.txt", pictures, folder.name, options.language)
        yield from read_splits(source, pictures, folder.name, options.language)
        yield from read_rest(pictures, folder.name, options.language)


def _captions(place: Place, pictures: Pictures, folder: str, language: str) -> Iterator[Record]:
    lines = Lines(place)
    rows = csv_rows(lines, ",", 2)
    header = next(rows, (0, None))[1] or []
    if [field.strip().lower() for field in header][:2] != ["image", "caption"]:
        raise DatasetError(f"{place} does not begin with the header `image,caption`: add that line")
    for line, row in rows:
        if row is None or len(row) != 2 or not is_name(row[0]):
            yield only_defect("bad_row", f"captions.txt:{line}", "the line is not `image,caption`")
        else:
            yield _said(pictures, folder, row[0], language, caption=row[1])
    yield from only_defects(lines.defects)


def read_splits(texts: Place, pictures: Pictures, folder: str, language: str) -> Iterator[Record]:
    """Yield a record for every name in the official split files that lie in `texts`."""
    for split, name in SPLIT_FILES.items():
        place = texts / name
        if place.is_file():
            lines = Lines(place)
            yield from (_said(pictures, folder, line, language, split=split) for line in lines if is_name(line))
            yield from only_defects(lines.defects)


def read_rest(pictures: Pictures, folder: str, language: str) -> Iterator[Record]:
    """Yield a record for every picture in the folder, so that those without a caption are told."""
    for name in pictures.names(folder):
        if name.lower().endswith(PICTURES):
            path = f"{folder}/{name}" if folder else name
            yield Record(name, pictures.root / path, path, (), None, language)
    for unreadable in pictures.unreadable:
        yield only_defect("bad_name", unreadable, "the name is not UTF-8: rename the file")


def _said(
    pictures: Pictures, folder: str, name: str, language: str, *, caption: str | None = None, split: str | None = None
) -> Record:
    path = pictures.best(name, (folder,))
    captions = () if caption is None else (caption,)
    return Record(path.rpartition("/")[2], pictures.root / path, path, captions, split, language)
