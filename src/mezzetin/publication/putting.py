"""What the formats for the web have in common: their options, their count, and documents as bytes.

Enters: an order, and pictures as they go by. Leaves: an address, a title, and an `Exported` that is filled.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from mezzetin.collection.opening import Collection
from mezzetin.errors import InputError
from mezzetin.publication.order import Exported, Order
from mezzetin.publication.rows import Published, label, published, published_count
from mezzetin.records import Progress

T = TypeVar("T")
_ODD = frozenset('?#"<>\\^`{|}@')


def base_of(order: Order) -> str:
    """The address under which an export will stand, without a slash at its end; "" where nobody said.

    Raises:
        InputError: it is no address of the web, or has a name, a query, a fragment or a space in it.

    """
    base = str(order.options.get("base_url") or "").strip().rstrip("/")
    host = base.partition("://")[2].partition("/")[0]
    odd = _ODD.intersection(base) or any(character.isspace() for character in base) or not base.isprintable()
    if base and (not base.startswith(("http://", "https://")) or not host or odd):
        raise InputError("--base-url takes an address such as https://museum.example/pictures: this is none")
    return base


def title_of(collection: Collection, order: Order) -> str:
    """What the collection is called: as asked for, or its own title, or its file's name."""
    row = collection.one("SELECT value FROM facts WHERE name = 'title'")
    return str(order.options.get("title") or "") or (row["value"] if row else "") or collection.path.stem


@contextmanager
def chosen(collection: Collection, order: Order) -> Iterator[tuple[Iterator[Published], int]]:
    """The pictures that an order asks for, of one moment of the collection, and how many they are."""
    with collection.reading() as reader:
        found = published(reader, order.selection)
        try:
            yield found, published_count(reader, order.selection)
        finally:
            # Whoever stops early must not leave a query behind on a connection that goes on.
            if isinstance(found, Generator):
                found.close()


def counted(
    found: Iterable[tuple[Published, T]], order: Order, done: Exported, total: int
) -> Iterator[tuple[Published, T]]:
    """Pictures with what was made of them, entered in what came of the export as they go by."""
    for one, made in found:
        _enter(one, order, done, total)
        yield one, made


def tally(found: Iterable[Published], order: Order, done: Exported, total: int) -> None:
    """Enter pictures alone: what would be exported."""
    for one in found:
        _enter(one, order, done, total)


def encoded(document: Mapping[str, Any]) -> bytes:
    """A document as a file."""
    return json.dumps(document, ensure_ascii=False, indent=1).encode("utf-8", "replace") + b"\n"


def _enter(one: Published, order: Order, done: Exported, total: int) -> None:
    done.pictures += 1
    done.texts += len(one.texts)
    done.labels.update(label(text) for text in one.texts)
    order.report(Progress("export", done.pictures, total))
