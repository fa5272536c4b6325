"""Flickr8k as its authors published it: `Flickr8k.token.txt`, the official split files, and a folder of pictures.

Hodosh, Young and Hockenmaier, "Framing image description as a ranking task", JAIR 47 (2013). The two archives,
`Flickr8k_text` and `Flickr8k_Dataset`, may lie unpacked side by side or in one folder; five captions are of a picture
`2258277193_586949ec62.jpg.1` that was never in it.
"""

from __future__ import annotations

from collections.abc import Iterator

from mezzetin.data.readers.flickr8k import read_rest, read_splits
from mezzetin.data.readers.names import Pictures
from mezzetin.data.readers.record import ReadOptions, Record, refuse_columns
from mezzetin.data.readers.tokens import read_tokens
from mezzetin.errors import DatasetError
from mezzetin.storage.paths import Place

LOOKS_FOR = "Flickr8k.token.txt beside a folder Flicker8k_Dataset/"
PUBLISHED_SPLIT = "Flickr_8k.trainImages.txt, .devImages.txt and .testImages.txt"
_TOKENS = "Flickr8k.token.txt"
_TEXTS = ("", "Flickr8k_text", "text")
_FOLDERS = (
    "Flicker8k_Dataset",
    "Flickr8k_Dataset",
    "Images",
    "images",
    "Flickr8k_Dataset/Flicker8k_Dataset",
    "Flicker8k_Dataset/Flicker8k_Dataset",
)


def found(source: Place) -> bool:
    """Say whether `source` looks like the authors' Flickr8k."""
    return _texts(source) is not None


def read(source: Place, options: ReadOptions) -> Iterator[Record]:
    """Yield a record a caption, then one for every name of a split file and every picture of the folder.

    Raises:
        DatasetError: the token file or the folder of pictures is missing.

    """
    refuse_columns(options, "flickr8k-original")
    texts = _texts(source)
    if texts is None:
        raise DatasetError(f"{source} holds no {_TOKENS}: name the folder that holds {LOOKS_FOR}")
    folders = [folder for folder in _FOLDERS if (source / folder).is_folder()]
    # Unpacked with its archive's name around it, the picture folder holds only the other.
    folder = next((name for name in reversed(folders) if "/" in name), folders[0] if folders else None)
    if folder is None:
        raise DatasetError(f"{source} holds {_TOKENS} but no folder {_FOLDERS[0]}/: put the pictures in it")
    with Pictures(source) as pictures:
        yield from read_tokens(texts / _TOKENS, pictures, folder, options.language)
        yield from read_splits(texts, pictures, folder, options.language)
        yield from read_rest(pictures, folder, options.language)


def _texts(source: Place) -> Place | None:
    places = (source / folder if folder else source for folder in _TEXTS)
    return next((place for place in places if (place / _TOKENS).is_file()), None)
