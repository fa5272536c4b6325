"""Flickr8k as Kaggle ships it: `Images/`, `captions.txt` and, beside them, perhaps the official split files.

Hodosh, Young and Hockenmaier, "Framing image description as a ranking task", JAIR 47 (2013).
"""

from __future__ import annotations

from collections.abc import Iterator

from mezzetin.data.readers.record import PICTURES, Record, is_name, only_defect, read_csv, read_lines
from mezzetin.errors import DatasetError
from mezzetin.storage.paths import Place, reading

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


def read(source: Place, language: str) -> Iterator[Record]:
    """Yield a record a caption, then one for every picture of the folder and every name of a split file.

    Raises:
        DatasetError: the folder of pictures is missing, or `captions.txt` is something else.

    """
    if not found(source):
        raise DatasetError(f"{source} holds no captions.txt: name the folder that holds {LOOKS_FOR}")
    pictures = source / "Images"
    if not pictures.is_folder():
        raise DatasetError(f"{source} holds captions.txt but no folder Images/: put the pictures in {source}/Images")
    splits = list(_official_splits(source))
    for name, caption, line in _captions(source / "captions.txt"):
        if caption is None:
            yield only_defect("bad_row", f"captions.txt:{line}", "the line is not `image,caption`")
        else:
            yield Record(name, pictures / name, f"Images/{name}", (caption,), None, language)
    for name, split in splits:
        yield Record(name, pictures / name, f"Images/{name}", (), split, language)
    with reading(pictures):
        for picture in pictures.children():
            if not is_name(picture.name):
                yield only_defect("bad_name", ascii(picture.name), "the name is not UTF-8: rename the file")
            elif picture.name.lower().endswith(PICTURES):
                yield Record(picture.name, picture, f"Images/{picture.name}", (), None, language)


def _captions(place: Place) -> Iterator[tuple[str, str | None, int]]:
    rows = read_csv(place)
    header = [field.strip().lower() for field in next(rows, (0, []))[1]]
    if header[:2] != ["image", "caption"]:
        raise DatasetError(f"{place} does not begin with the header `image,caption`: add that line")
    for line, row in rows:
        if not row:
            continue
        well_formed = len(row) == 2 and is_name(row[0])
        yield row[0].strip(), row[1] if well_formed else None, line


def _official_splits(source: Place) -> Iterator[tuple[str, str]]:
    for split, name in SPLIT_FILES.items():
        place = source / name
        if place.is_file():
            yield from ((line.strip(), split) for line in read_lines(place) if line.strip())
