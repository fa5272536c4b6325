"""Columns: what a table's columns are called here, and a row of it as a record.

Enters: a table's own names, and those that a person gave. Leaves: which of them is the picture, the caption, and so
on, and records. Without being told, the names that are common elsewhere are known too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mezzetin.data.readers.names import Pictures
from mezzetin.data.readers.record import ReadOptions, Record, is_name, is_text
from mezzetin.data.readers.source import Url
from mezzetin.data.splits import split_name
from mezzetin.errors import DatasetError
from mezzetin.storage.address import is_address, without_secrets
from mezzetin.storage.paths import Place

#: Our names, each with the names that it has in tables of others, the likeliest first.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "image": ("image", "file_name", "filename", "image_path", "image_name", "image_file", "path", "file"),
    "caption": ("captions", "caption", "texts", "text", "description", "alt_text", "sentences", "sentence", "raw"),
    "split": ("split",),
    "language": ("language", "lang"),
    "group": (),
    "id": ("image_id",),
    "url": ("url", "image_url", "img_url"),
}
_URL = re.compile(r"(?i)https?://[^/\s][^\s]*")
_LISTS = ("captions", "texts", "sentences", "raw")


def check_columns(options: ReadOptions) -> None:
    """Refuse a name of ours that does not exist.

    Raises:
        DatasetError: there is one among `options.columns`.

    """
    unknown = sorted(set(options.columns) - set(SYNONYMS))
    if unknown:
        raise DatasetError(f"there is no column {unknown[0]!r} to name: use one of {', '.join(SYNONYMS)}")


def roles_of(header: Iterable[str], named: Mapping[str, str]) -> dict[str, str]:
    """Return, of our names, those that a table has, each with the table's own; `named` are a person's choices.

    A name that a person chose is never taken for anything else.
    """
    spelled: dict[str, str] = {}
    for name in header:
        spelled.setdefault(name.strip().lower(), name)
    wanted = {role: name.strip().lower() for role, name in named.items()}
    roles = {}
    for role, synonyms in SYNONYMS.items():
        names = [wanted[role]] if role in wanted else [name for name in synonyms if name not in wanted.values()]
        found = next((spelled[name] for name in names if name in spelled), None)
        if found is not None:
            roles[role] = found
    return roles


def check_roles(table: Place, header: Sequence[str], roles: Mapping[str, str], named: Mapping[str, str]) -> None:
    """Refuse a table without a column that is needed, or without one that a person named.

    Raises:
        DatasetError: there is no picture or no caption, or a named column is missing.

    """
    columns = ", ".join(name.strip() for name in header[:8]) or "none"
    missing = next((name for role, name in named.items() if role not in roles), None)
    if missing is not None:
        raise DatasetError(f"{table} has no column {missing!r} (found: {columns}): name one of these")
    if "caption" not in roles or not {"image", "url"} & set(roles):
        raise DatasetError(
            f"{table} needs the columns image (or url) and caption (found: {columns}): "
            "rename them, or say which they are with --column caption=NAME"
        )


def record_of(
    row: Mapping[str, Any],
    roles: Mapping[str, str],
    options: ReadOptions,
    pictures: Pictures,
    folder: str = "",
    split: str | None = None,
) -> Record | None:
    """Return what a row says, or None where it does not name a picture and its captions.

    `folder`, relative to `pictures`, is the one that paths are relative to; `split` is that of a row without one.

    Raises:
        InputError: it names its picture by an address of a kind that can't be reached.

    """
    source = _source_of(row, roles, pictures, folder)
    captions = captions_of(row, roles)
    if source is None or captions is None:
        return None
    image, uri = source
    return labelled(row, roles, options, image=image, uri=uri, captions=captions, split=split)


def labelled(
    row: Mapping[str, Any],
    roles: Mapping[str, str],
    options: ReadOptions,
    *,
    image: Any,
    uri: str,
    captions: tuple[str, ...],
    split: str | None,
) -> Record:
    """Return the record of a picture with what the row's other columns say of it."""
    said = {role: row.get(name) for role, name in roles.items()}
    own_split, tongue, group, own_id = said.get("split"), said.get("language"), said.get("group"), said.get("id")
    return Record(
        image_id=str(own_id).strip() if _is_key(own_id) else uri,
        image=image,
        source_uri=uri,
        captions=captions,
        split=split_name(str(own_split)) if is_name(own_split) else split,
        language=str(tongue).strip() if is_name(tongue) else options.language,
        group=str(group).strip() if _is_key(group) else None,
    )


def captions_of(row: Mapping[str, Any], roles: Mapping[str, str]) -> tuple[str, ...] | None:
    """Return a row's captions: one, a list, or a list as JSON; None where there are none that are text."""
    column = roles.get("caption", "")
    value = row.get(column)
    if isinstance(value, str) and value.startswith("[") and column.strip().lower() in _LISTS:
        value = _listed(value)
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not all(map(is_text, value)):
        return None
    return tuple(caption.replace("\0", "") for caption in value)


def _listed(text: str) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, list) and all(map(is_text, value)) else text


def _is_key(value: object) -> bool:
    return is_name(value) or (isinstance(value, int) and not isinstance(value, bool))


def _source_of(
    row: Mapping[str, Any], roles: Mapping[str, str], pictures: Pictures, folder: str
) -> tuple[Place | Url, str] | None:
    name, url = (row.get(roles.get(role, "")) for role in ("image", "url"))
    if is_name(name) and not is_address(str(name).strip()):
        path = pictures.best(str(name), (folder,))
        return pictures.root / path, path
    address = str(name if is_name(name) else url).strip()
    if is_url(address):
        return Url(address), without_secrets(address)
    if is_name(name):
        return pictures.root / address, without_secrets(address)
    return None


def is_url(value: object) -> bool:
    """Say whether a value is a URL of the web."""
    return is_name(value) and _URL.fullmatch(str(value).strip()) is not None
