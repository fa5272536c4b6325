"""Mappings: which columns of a museum's records say what, as small TOML files.

Enters: a row (a CSV row or a JSON object). Leaves: a `SourceRecord`, or why there is none. A name of a column that
holds braces is a template: `https://host/{image_id}.jpg`. In JSON, dots lead inside: `people.0.displayname`. Where
several names are listed, the first that has a value counts.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import Field, field_validator

from mezzetin.collection.sources.web import Web
from mezzetin.config import Settings, parse, read_toml
from mezzetin.data.readers.record import is_text
from mezzetin.data.readers.source import Url
from mezzetin.errors import ImageError, InputError
from mezzetin.storage.address import without_secrets

_NAMED = re.compile(r"\{([^{}]+)\}")
_LONGEST = 20_000
Names = tuple[str, ...]
Row = Mapping[str, Any]


class Question(Settings):
    """An address that is asked for the picture's: `url` is a template, `image` the fields of its JSON answer."""

    url: str
    image: Names

    @field_validator("image", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


class RecordMapping(Settings):
    """What the columns of one museum's records mean.

    A table is of this kind when it has all columns of `recognised_by`. `image` holds the picture's address or a path
    beside the table; with `ask` the address comes from the answer there. A picture is restricted unless the first
    value of `restricted` is one of `restricted_unless`; a row is left out where a column of `only_where` has no value
    of its list. `licences` translates the values of `licence`. `changed` is a column that changes with the picture.
    `lang` is the language of the texts, a tag, and `lang_column` holds a row's own.
    """

    about: str
    recognised_by: Names = ()
    id: Names
    image: Names = ()
    ask: Question | None = None
    page: Names = ()
    title: Names = ()
    artist: Names = ()
    date: Names = ()
    licence: Names = ()
    licences: dict[str, str] = Field(default_factory=dict)
    restricted: Names = ()
    restricted_unless: Names = ()
    only_where: dict[str, Names] = Field(default_factory=dict)
    alt_text: Names = ()
    description: Names = ()
    changed: Names = ()
    lang: str = ""
    lang_column: Names = ()
    extra: dict[str, Names] = Field(default_factory=dict)

    @field_validator(
        "recognised_by", "id", "image", "page", "title", "artist", "date", "licence", "restricted",
        "restricted_unless", "alt_text", "description", "changed", "lang_column", mode="before",
    )  # fmt: skip
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("only_where", "extra", mode="before")
    @classmethod
    def _listed_inside(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {key: (names,) if isinstance(names, str) else names for key, names in value.items()}


@dataclass(frozen=True, slots=True)
class Asked:
    """A picture whose address stands in a JSON document of the museum's: `Lookup` for records."""

    url: str
    image: Names

    def find(self, web: Web) -> Url:
        """See `Lookup`."""
        answer = web.json(self.url)
        address = first(answer, self.image) if isinstance(answer, dict) else ""
        if not address:
            raise ImageError("missing", f"{self} names no picture: the museum shows none")
        return Url(address)

    def __str__(self) -> str:
        return without_secrets(self.url)


@lru_cache(maxsize=1)
def shipped() -> dict[str, RecordMapping]:
    """The mappings that come with this package, the most particular first; `plain` is the last."""
    folder = files("mezzetin.collection.sources") / "mappings"
    found = {}
    for name in ("met", "met-api", "artic", "harvard", "plain"):
        found[name] = parse(RecordMapping, tomllib.loads((folder / f"{name}.toml").read_text("utf-8")), f"{name}.toml")
    return found


def read_mapping(chosen: str) -> RecordMapping:
    """The mapping of a name that ships with this package, or of a TOML file.

    Raises:
        InputError: there is none, or it is wrong.

    """
    known = shipped()
    if chosen in known:
        return known[chosen]
    path = Path(chosen).expanduser()
    if not path.is_file():
        raise InputError(f"there is no mapping {chosen!r}: name a TOML file, or one of {', '.join(known)}")
    found = parse(RecordMapping, read_toml(path), path.name)
    if not found.image and found.ask is None:
        raise InputError(f"{path.name}: says neither image nor ask: name the column of the picture's address")
    return found


def recognised(names: Row) -> RecordMapping | None:
    """The shipped mapping of records with such columns (a first row: the values don't matter)."""
    return next((one for one in shipped().values() if all(has(names, key) for key in one.recognised_by)), None)


def has(row: Row, name: str) -> bool:
    """Whether a row has a column; one of several that are written with bars between them (`image|photo`) is enough."""
    return any(_found(row, one)[0] for one in name.split("|"))


def first(row: Any, names: Iterable[str]) -> str:
    """The first text among columns and templates; "" where there is none."""
    return next((text for name in names if (text := _text_of(row, name))), "")


def _text_of(row: Any, name: str) -> str:
    if "{" not in name:
        return text_of(_found(row, name)[1])
    values = {part: text_of(_found(row, part)[1]) for part in _NAMED.findall(name)}
    if not all(values.values()):
        return ""
    # What a template begins with is an address itself; further on a value is a part of one.
    return _NAMED.sub(lambda part: values[part[1]] if part.start() == 0 else quote(values[part[1]], safe=""), name)


def text_of(value: Any) -> str:
    """A value as text: lists joined, NULs and half characters left out, no longer than 20,000 characters."""
    if value is None or isinstance(value, dict):
        return ""
    if isinstance(value, list | tuple):
        return "; ".join(text for item in value[:50] if (text := text_of(item)))
    text = str(value) if is_text(str(value)) else str(value).encode("utf-8", "replace").decode()
    return text.replace("\0", "").strip()[:_LONGEST]


def _found(row: Any, name: str) -> tuple[bool, Any]:
    """Whether there is such a column, whatever its capitals, and its value; with dots inside objects and lists."""
    if not isinstance(row, dict):
        return False, None
    if name in row:
        return True, row[name]
    lowered = name.lower()
    for key, value in row.items():
        if isinstance(key, str) and key.strip().lower() == lowered:
            return True, value
    head, _, rest = name.partition(".")
    return _inside(row[head], rest) if rest and head in row else (False, None)


def _inside(value: Any, path: str) -> tuple[bool, Any]:
    head, _, rest = path.partition(".")
    if isinstance(value, list):
        if not head.isdigit() or int(head) >= len(value):
            return False, None
        value = value[int(head)]
        return _inside(value, rest) if rest else (True, value)
    return _found(value, path)
