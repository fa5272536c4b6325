"""Which published set a JSON file of captions is of, told by its keys.

Enters: a place. Leaves: a word. Only the file's beginning and end are looked at, because they may be 100 MB long.
"""

from __future__ import annotations

import os
from typing import Literal

from mezzetin.data.readers.lines import check_head, head_of
from mezzetin.data.readers.names import Pictures
from mezzetin.errors import DatasetError
from mezzetin.storage.paths import Place

Kind = Literal["karpathy", "textcaps", "vizwiz", "coco"]
_LOOK = 1 << 16
_KEYS: dict[Kind, tuple[bytes, ...]] = {
    "karpathy": (b'"images"', b'"sentences"', b'"filename"'),
    "textcaps": (b'"data"', b'"set_name"', b'"image_id"'),
    "vizwiz": (b'"images"', b'"is_precanned"'),
    "coco": (b'"images"', b'"file_name"', b'"image_id"', b'"caption"'),
}


def kind_of(place: Place) -> Kind | None:
    """Return the set that a `.json` file seems to be of, or None.

    Raises:
        DatasetError: it is a Git LFS pointer, or empty.

    """
    if not place.name.lower().endswith(".json") or not place.is_file():
        return None
    head = head_of(place, _LOOK)
    check_head(place, head)
    text = head + (_tail(place) if len(head) == _LOOK else b"")
    # As UTF-16, every other byte of these keys is NUL.
    text = text.replace(b"\0", b"")
    return next((kind for kind, keys in _KEYS.items() if all(key in text for key in keys)), None)


def _tail(place: Place) -> bytes:
    try:
        with place.open() as stream:
            stream.seek(-min(_LOOK, place.size()), os.SEEK_END)
            return stream.read(_LOOK)
    except OSError:
        return b""


def rows_of(place: Place, value: object, key: str) -> list[dict[str, object]]:
    """Return the list of objects that a JSON object has under `key`.

    Raises:
        DatasetError: there is no such list.

    """
    rows = value.get(key) if isinstance(value, dict) else None
    if not isinstance(rows, list):
        raise DatasetError(f"{place} has no list {key!r}: it is no file of this layout, choose another with --layout")
    return [row if isinstance(row, dict) else {} for row in rows]


def root_of(source: Place) -> Place:
    """Return the folder that holds the pictures' folders, for a source that is a folder or one annotation file."""
    folder = source.parent if source.name.lower().endswith(".json") else source
    return folder.parent if folder.name == "annotations" else folder


def placed(pictures: Pictures, name: str, folders: tuple[str, ...]) -> tuple[Place, str]:
    """Return where a picture is, and that relative to the source."""
    path = pictures.best(name, folders)
    return pictures.root / path, path
