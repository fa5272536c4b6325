"""A collection to search: four pictures with records, texts by machines and people, no files behind them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mezzetin.collection import people, pictures, texts
from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Actor, MachineText, Sighting
from mezzetin.collection.vectors import put_picture
from mezzetin.records import Alternative
from mezzetin.retrieval.finder import Finder
from mezzetin.retrieval.records import Found

SMALL, ANNA = Actor.machine("small"), Actor.person("anna")
DOG, LUTE, HORSE, LETTER = 1, 2, 3, 4
#: number: (machine text, alternatives, title, artist, date, extra, confidence)
RECORDS: dict[int, tuple[str, tuple[str, ...], str, str, str, dict[str, object], float]] = {
    DOG: ("A dog runs on grass.", ("A puppy in a meadow.",), "Fido", "J. Leyster", "1630", {"tags": ["animals"]}, 0.9),
    LUTE: ("A man sits on a bench.", (), "The Lute Player", "Frans Hals", "c. 1623-24", {}, 0.4),
    HORSE: ("A horse stands in a field.", (), "Het paard", "Émile Zola", "19th century", {"room": "Blue hall"}, 0.2),
    LETTER: ("A letter lies on a table.", (), "Secret", "Frans Hals", "1640-05-02", {}, 0.6),
}  # fmt: skip


def museum(path: Path) -> Collection:
    """2 is approved; 4 is restricted; 3 has a text in Dutch that came with its record."""
    collection = Collection.open(path, create=True)
    with collection.writing(SMALL, "collect") as writing:
        for number, (words, others, title, artist, date, extra, confidence) in RECORDS.items():
            seen = Sighting(
                "north" if number < HORSE else "south",
                f"/masters/{number}.jpg",
                sha256=f"{number:064x}",
                record_id=f"M.{number}",
                title=title,
                artist=artist,
                date=date,
                licence="CC0" if number == DOG else "All rights reserved",
                restricted=number == LETTER,
                extra=extra,
            )
            assert pictures.see(writing, seen).id == number
            alternatives = tuple(Alternative(one, -1.0) for one in others)
            said = MachineText(words, "en", "small", confidence=confidence, alternatives=alternatives)
            texts.put_machine(writing, number, said)
    with collection.writing(Actor.machine("import"), "import") as writing:
        texts.put_given(writing, HORSE, "Een paard in de wei.", lang="nl")
    people.approve(collection, ANNA, LUTE, version=1)
    return collection


def numbers(found: Found) -> list[int]:
    return [hit.picture.id for hit in found.hits]


def ask(collection: Collection, query: str) -> list[int]:
    with Finder.open(collection) as finder:
        return numbers(finder.search(query))


def directions(count: int, dimensions: int = 16, seed: int = 0) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    found = np.random.default_rng(seed).normal(size=(count, dimensions)).astype(np.float32)
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


def with_vectors(collection: Collection, space: str, count: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Pictures beyond the four, with a vector each in a space; the pictures of the vectors are 101, 102, …"""
    found = directions(count)
    with collection.writing(SMALL, "collect") as writing:
        writing.execute("INSERT OR IGNORE INTO sqlite_sequence (name, seq) VALUES ('pictures', 100)")
        for at, vector in enumerate(found):
            writing.execute(
                "INSERT INTO pictures (id, source, uri, status, first_seen, last_seen)"
                " VALUES (?, 'bulk', ?, 'done', '', '')",
                (101 + at, f"/bulk/{at}.jpg"),
            )
            put_picture(writing, 101 + at, space, vector, None)
    return found
