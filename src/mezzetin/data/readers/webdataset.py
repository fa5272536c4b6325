"""webdataset: tars in which members of one key follow each other, `0001.jpg`, `0001.txt` or `0001.json`.

Captions are the `.txt`, else `caption`, `captions` or `text` of the `.json`. A picture's bytes stay in the tar and are
read out of it by their range, so a compressed tar is refused. Format: POSIX.1-2001 (pax), ustar and GNU tar.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from mezzetin.data.readers.columns import captions_of, labelled, roles_of
from mezzetin.data.readers.folders import files_below, holds
from mezzetin.data.readers.lines import check_head, decoded, head_of
from mezzetin.data.readers.record import PICTURES, Defect, ReadOptions, Record, is_text, only_defect
from mezzetin.data.readers.source import Slice
from mezzetin.data.splits import splits_by_name
from mezzetin.errors import DatasetError
from mezzetin.storage.paths import Place, reading

LOOKS_FOR = "*.tar shards with key.jpg and key.txt or key.json"
PUBLISHED_SPLIT: str | None = None
_KINDS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")
_LONGEST_TEXT = 1 << 20


def found(source: Place) -> bool:
    """Say whether `source` is a tar, or a folder that holds some."""
    return holds(source, _KINDS)


def read(source: Place, options: ReadOptions) -> Iterator[Record]:
    """Yield a record a key.

    Raises:
        DatasetError: there is no tar, or one is compressed.

    """
    shards = sorted(files_below(source, _KINDS))
    if not shards:
        raise DatasetError(f"{source} holds no .tar: name the folder that holds {LOOKS_FOR}")
    splits = splits_by_name(path for path, _ in shards)
    for (path, place), split in zip(shards, splits, strict=True):
        with reading(place):
            head = head_of(place, 512)
            check_head(place, head)
            if head.startswith(_COMPRESSED):
                raise DatasetError(f"{place} is compressed, and pictures can't be read out of it: unpack it to a .tar")
            yield from _records(path, place, options, split)


def _records(path: str, place: Place, options: ReadOptions, split: str | None) -> Iterator[Record]:
    key = ""
    members: dict[str, Any] = {}
    with place.open() as stream:
        try:
            with tarfile.open(fileobj=stream, mode="r:") as tar:
                for name, kind, content in _members(tar, place):
                    if name != key and members:
                        yield _record(path, key, members, options, split)
                        members = {}
                    key = name
                    members.setdefault(kind, content)
        except (tarfile.TarError, EOFError) as error:
            yield only_defect("bad_shard", path, f"the tar is cut short or altered ({error}): fetch it again")
    if members:
        yield _record(path, key, members, options, split)


def _members(tar: tarfile.TarFile, place: Place) -> Iterator[tuple[str, str, Any]]:
    """Yield (key, extension, content), the content of a picture being where it is."""
    while (member := tar.next()) is not None:
        # It would keep every member's header.
        tar.members = []  # type: ignore[attr-defined]
        folder, slash, name = member.name.rpartition("/")
        stem, dot, kind = name.partition(".")
        kind = kind.lower()
        if not member.isreg() or member.sparse or not stem or not is_text(member.name):
            continue
        if f".{kind.rpartition('.')[2]}" in PICTURES:
            yield folder + slash + stem, "image", (Slice(place, member.offset_data, member.size), dot + kind)
        elif kind in ("txt", "caption", "json") and member.size <= _LONGEST_TEXT:
            text = tar.extractfile(member)
            if text is not None:
                yield folder + slash + stem, kind, text.read()


def _record(path: str, key: str, members: dict[str, Any], options: ReadOptions, split: str | None) -> Record:
    where = f"{path}/{key}"
    if "image" not in members:
        return only_defect("bad_row", where, "the key has no picture")
    image, ending = members["image"]
    row, defects = _row(where, members)
    if row is None:
        return only_defect("bad_row", where, "its .json is no JSON object")
    roles = roles_of(row, options.columns)
    if "id" not in options.columns:
        roles.pop("id", None)
    captions = captions_of(row, roles) or ()
    uri = where + ending
    record = labelled(row, roles, options, image=image, uri=uri, captions=captions, split=split)
    # A key's name is without its extension.
    return replace(record, image_id=record.image_id if "id" in roles else where, defects=tuple(defects))


def _row(where: str, members: dict[str, Any]) -> tuple[dict[str, Any] | None, list[Defect]]:
    """What the members besides the picture say, as a table's row; None where they can't be read."""
    text, defects = decoded(where, members.get("json", b"{}"))
    try:
        row = json.loads(text)
    except (ValueError, RecursionError):
        return None, []
    if not isinstance(row, dict):
        return None, []
    for kind in ("caption", "txt"):
        if kind in members:
            text, odd = decoded(where, members[kind])
            defects.extend(odd)
            row = {**{key: value for key, value in row.items() if key != "captions"}, "caption": text.rstrip("\r\n")}
    return row, defects
