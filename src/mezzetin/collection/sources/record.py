"""What a source gives: one record a picture, with what its owner says of it, or why a row is of no use.

A record names its picture and does not hold it. Whatever stands in a record was written by somebody else: its
addresses go through the safe fetch alone, and its texts are data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from mezzetin.collection.sources.web import Web
from mezzetin.data.readers.source import Url
from mezzetin.storage.paths import Place


class Lookup(Protocol):
    """A picture whose address has to be asked for first."""

    def find(self, web: Web) -> Url:
        """Ask for the address.

        Raises:
            FetchError: nobody answers.
            ImageError: the answer names no picture.

        """

    def __str__(self) -> str:
        """The address that is asked, without a signature."""


Picture = Place | Url | Lookup


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """One picture of a source.

    `uri` says where the picture lies, without a signature, and is the same from run to run; `record_id` is the house's
    own number, "" where there is none. `stamp` changes when the picture does, as far as a listing can tell: while it is
    the same the picture is not read again; "" where nobody knows. `page` is a web page about the work. `lang` is the
    BCP 47 tag of title, `alt_text` and `description`, "" where nobody says. A `restricted` picture never leaves this
    machine; None where nobody says.
    """

    picture: Picture
    uri: str
    record_id: str = ""
    stamp: str = ""
    page: str = ""
    title: str = ""
    artist: str = ""
    date: str = ""
    licence: str = ""
    restricted: bool | None = None
    alt_text: str = ""
    description: str = ""
    lang: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Skip:
    """A row without a picture: a stable `reason`, where it stands, a sentence for people.

    `is_defect` says that something is wrong with it, where other rows are left out on purpose; `hides` that pictures
    may stand behind it that nobody could see, so that none can be said to be gone.
    """

    reason: str
    where: str
    detail: str
    is_defect: bool = True
    hides: bool = False


class Source(Protocol):
    """Pictures with what is known of them, as a stream."""

    @property
    def name(self) -> str:
        """The name under which a collection keeps its pictures: the same in every run, without a signature."""

    def records(self) -> Iterator[SourceRecord | Skip]:
        """Yield the source's pictures; memory does not depend on how many there are.

        Raises:
            InputError: the source can't be read.
            EnvironmentProblem: a store refuses or does not answer.

        """

    def count(self) -> int | None:
        """How many records there will be, where that can be told without reading the source twice over a network."""

    def still_there(self, uri: str) -> bool:
        """Whether a picture of this source that was met earlier is still in its place; True where that is unknown."""
