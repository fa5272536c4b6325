"""Listings: what a job has to do, cut into parts that depend on what is listed and on nothing else.

Enters: entries, one a picture. Leaves: parts of some hundred entries, each named by the digest of what it lists and of
how it is described. The same picture lands in the same part whatever the cluster's size, and a picture that is added
changes the part that it falls into, now and then a neighbour, too: the others, when they are done, stay done.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mezzetin.data.readers.source import ImageSource
from mezzetin.spark.hiding import Secrets, told
from mezzetin.storage.paths import Place

MEAN = 128
"""Pictures of a part, on average: some seconds of work, beside which a task's own cost is small."""
_MOST = 4


@dataclass(frozen=True, slots=True)
class Entry:
    """A picture to take: `uri` names it in the results, `stamp` changes when it does, as far as anybody can tell.

    `about` goes along, as JSON, to whoever reads the results; None as `source` is a picture that nobody has.
    """

    uri: str
    source: ImageSource | None
    stamp: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """Some entries: `name` is a digest of them, `text` the entries as an executor reads them."""

    name: str
    rows: int
    text: bytes = field(repr=False)


def parts(entries: Iterable[Entry], secrets: Secrets, settings: str, mean: int = MEAN) -> Iterator[Part]:
    """Cut a listing; `settings` is a digest of how the pictures are described. Signatures go to `secrets`."""
    lines: list[dict[str, Any]] = []
    # What is listed twice is done twice, each time in a file of its own.
    times = Counter[str]()
    for entry in entries:
        where = None if entry.source is None else told(entry.source, secrets)
        lines.append({"uri": entry.uri, "where": where, "stamp": entry.stamp, "about": dict(entry.about)})
        if len(lines) >= _MOST * mean or _ends_here(entry.uri, mean):
            yield _part(lines, settings, times)
            lines = []
    if lines:
        yield _part(lines, settings, times)


def lines_of(text: bytes) -> list[dict[str, Any]]:
    """The entries of a part."""
    lines: list[dict[str, Any]] = json.loads(text)
    return lines


def digest_of(settings: Mapping[str, Any]) -> str:
    """A digest of plain values."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def stamp_of(source: object) -> str:
    """What changes when a local file does; "" of what lies elsewhere or is not there."""
    if not isinstance(source, Place) or not source.is_local:
        return ""
    try:
        status = Path(source.address.path).stat()
    except OSError:
        return ""
    return f"{status.st_size}-{status.st_mtime_ns}"


def _ends_here(uri: str, mean: int) -> bool:
    """Whether a part ends behind this picture: so the cuts stay where they are when others come or go."""
    return int.from_bytes(hashlib.sha256(uri.encode("utf-8", "replace")).digest()[:4]) % mean == 0


def _part(lines: list[dict[str, Any]], settings: str, times: Counter[str]) -> Part:
    # Another signature for the same picture is no other picture.
    plain = [[line["uri"], line["where"] and line["where"][:-1], line["stamp"], line["about"]] for line in lines]
    digest = hashlib.sha256(json.dumps([settings, plain]).encode()).hexdigest()
    times[digest] += 1
    if times[digest] > 1:
        digest = hashlib.sha256(f"{digest} {times[digest]}".encode()).hexdigest()
    return Part(digest[:32], len(lines), json.dumps(lines).encode())
