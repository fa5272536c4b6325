"""A search among very many captions: how long, how much memory, how near to exact; prints one JSON line.

    python bench/search_scale.py FOLDER [--captions 1000000] [--sentences PATH]

A collection of generated captions is made in FOLDER (about 2 KB a caption; left there, and used again). Every tenth
caption's vector, at most 20,000, is the sentence model's own; the others lie between two of these, with some noise, so
that neighbourhoods are as dense as real ones. The questions are captions that were not put in. A process of its own
then opens it: `p95_ms` is of questions in words with keywords, half of them with filters, one after the other and
warm; `resident_bytes` is what the process grew by, mapped files included, a caption; `recall_at_10` of the graph
against every vector compared; `inserted_ms` is until 1,000 more vectors are found, without the graph made anew.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mezzetin.collection.opening import Collection, connect
from mezzetin.collection.rows import Actor
from mezzetin.collection.vectors import packed, unpacked
from mezzetin.meaning import SentenceEncoder, find_sentences
from mezzetin.retrieval.filters import EVERYTHING, Filter
from mezzetin.retrieval.finder import Finder
from mezzetin.retrieval.meanings import space_of

WORDS = """
man woman boy girl child dog cat horse person crowd player musician painter sailor farmer dancer
old young tall small smiling tired brown black white red blue green wet bearded elegant barefoot
sits stands runs jumps sleeps plays reads rides walks climbs waits swims sings dances works paints
bench street beach field river snow garden kitchen stage bridge market forest boat church hill harbour
guitar lute ball book hat umbrella bicycle basket letter mirror candle dog flower sword map violin
"""
WHO, LOOK, DOES, WHERE, WITH = (line.split() for line in WORDS.strip().splitlines())
BASE, CHUNK, QUESTIONS = 20_000, 5000, 300


def sentence(luck: random.Random) -> str:
    """A caption; "man" is in a third of them, as in real ones."""
    who = "man" if luck.random() < 0.3 else luck.choice(WHO)
    parts = [luck.choice(LOOK), who, luck.choice(DOES), "by a", luck.choice(LOOK), luck.choice(WHERE)]
    return f"A {' '.join(parts)} with a {luck.choice(LOOK)} {luck.choice(WITH)} and {luck.randrange(2, 999)} birds."


def rows(base: NDArray[np.float32], many: int) -> Iterator[NDArray[np.int8]]:
    """Vectors, packed, some thousand at a time."""
    luck = np.random.default_rng(0)
    for _ in range(0, many, CHUNK):
        one, other = base[luck.integers(0, len(base), (2, CHUNK))]
        share = luck.uniform(0.5, 1, (CHUNK, 1)).astype(np.float32)
        mixed = share * one + (1 - share) * other
        mixed /= np.linalg.norm(mixed, axis=1, keepdims=True)
        yield packed(mixed + luck.normal(0, 0.015, mixed.shape).astype(np.float32))


def fill(path: Path, many: int, encoder: SentenceEncoder) -> dict[str, float]:
    """Make the collection, and tell how long it took."""
    luck = random.Random(1)
    began = time.monotonic()
    base = encoder.vectors([sentence(luck) for _ in range(min(BASE, max(many // 10, 100)))])
    encoded = time.monotonic() - began
    began, number, space = time.monotonic(), 0, space_of(encoder)
    with Collection.open(path, create=True) as collection:
        for chunk in rows(base, many):
            with collection.writing(Actor.machine("bench"), "collect") as writing:
                for row in chunk:
                    number += 1
                    date, artist = str(1500 + number % 500), f"Artist {number % 2000}"
                    writing.execute(
                        "INSERT INTO pictures (id, source, uri, artist, date, status, first_seen, last_seen)"
                        " VALUES (?, 'bench', ?, ?, ?, 'done', '', '')",
                        (number, f"/bench/{number}.jpg", artist, date),
                    )
                    writing.execute(
                        "INSERT INTO texts (id, picture_id, kind, lang, source, status, text, confidence, act_id)"
                        " VALUES (?, ?, 'alt', 'en', 'bench', 'machine', ?, ?, ?)",
                        (number, number, sentence(luck), luck.random(), writing.act),
                    )
                    writing.execute(
                        "INSERT INTO vectors (picture_id, space, text_id, of, vector) VALUES (?, ?, ?, '', ?)",
                        (number, space, number, row.tobytes()),
                    )
        with collection.writing(Actor.machine("bench"), "index") as writing:
            writing.execute("INSERT INTO vector_marks SELECT ?, max(seq) FROM changes", (space,))
    return {"encoded_per_s": round(len(base) / encoded, 1), "fill_s": round(time.monotonic() - began, 1)}


def resident() -> int:
    """What this process holds in memory, bytes."""
    line = next(one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmRSS"))
    return 1024 * int(line.split()[1])


def measure(path: Path, encoder: SentenceEncoder, *, captions: int) -> dict[str, float]:
    """Ask, and tell what it took."""
    luck = random.Random(2)
    encoder.vectors(["warm"])
    before = resident()
    with Collection.open(path) as collection:
        began = time.monotonic()
        with Finder.open(collection, sentences=encoder) as finder:
            opened = time.monotonic() - began
            wanted = [EVERYTHING, Filter(date_from=1700, date_to=1720), EVERYTHING, Filter(artist="Artist 77")]
            wanted += [Filter(min_confidence=0.5), EVERYTHING, Filter(statuses=("machine",), lang="en"), EVERYTHING]
            times = []
            short = ["man", "man dog", "old man", "red guitar", "Artist", "a person with an instrument on a bench"]
            for turn in range(QUESTIONS):
                question = short[turn % 6] if turn % 3 == 0 else " ".join(sentence(luck).split()[1:10])
                began = time.monotonic()
                finder.search(question, filter=wanted[turn % 8])
                times.append(time.monotonic() - began)
            grown = resident() - before
            near = recall(collection, finder, encoder, luck)
            inserted = insert(collection, finder, encoder)
    warm = 1000 * np.array(times[len(wanted) :])
    return {
        "open_s": round(opened, 2),
        "p50_ms": round(float(np.percentile(warm, 50)), 1),
        "p95_ms": round(float(np.percentile(warm, 95)), 1),
        "slowest_ms": round(float(warm.max()), 1),
        "resident_bytes": round(grown / captions),
        "recall_at_10": round(near, 4),
        "inserted_ms": round(1000 * inserted, 1),
    }


def recall(collection: Collection, finder: Finder, encoder: SentenceEncoder, luck: random.Random) -> float:
    """Of the ten nearest of a hundred questions, how many the index finds."""
    questions = encoder.vectors([sentence(luck) for _ in range(100)])
    best: list[list[tuple[float, int]]] = [[] for _ in questions]
    with closing(connect(collection.path)) as connection:
        found = connection.execute("SELECT id, vector FROM vectors WHERE space = ?", (space_of(encoder),))
        while chunk := found.fetchmany(20_000):
            matrix = unpacked(np.frombuffer(b"".join(row[1] for row in chunk), np.int8).reshape(len(chunk), -1))
            for place, cosines in enumerate(questions @ matrix.T):
                ten = np.argpartition(-cosines, 10)[:10]
                best[place] = sorted([*best[place], *((float(cosines[one]), chunk[one][0]) for one in ten)])[-10:]
    index = finder.index_of(space_of(encoder))
    hits = [
        len({key for _, key in exact} & set(index.nearest(vector, 10).keys.tolist()))
        for exact, vector in zip(best, questions, strict=True)
    ]
    return sum(hits) / (10 * len(hits))


def insert(collection: Collection, finder: Finder, encoder: SentenceEncoder) -> float:
    """How long 1,000 more vectors take to be found, in seconds; they are taken out again."""
    vectors = packed(encoder.vectors([f"An astronaut floats past planet {number}." for number in range(1000)]))
    values = [("bench-inserted", row.tobytes()) for row in vectors]
    with collection.writing(Actor.machine("bench"), "index") as writing:
        writing.execute("DELETE FROM vectors WHERE of = 'bench-inserted'")
        for number, (of, blob) in enumerate(values, 1):
            writing.execute(
                "INSERT INTO vectors (picture_id, space, text_id, part, of, vector) VALUES (?, ?, ?, 9, ?, ?)",
                (number, space_of(encoder), number, of, blob),
            )
    began = time.monotonic()
    found = finder.search("an astronaut floats past a planet")
    took = time.monotonic() - began
    if not any(hit.picture.id <= 1000 for hit in found.hits):
        raise SystemExit("what was inserted is not found")
    with collection.writing(Actor.machine("bench"), "index") as writing:
        writing.execute("DELETE FROM vectors WHERE of = 'bench-inserted'")
    return took


def main() -> None:
    """Make, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--captions", type=int, default=1_000_000)
    parser.add_argument("--sentences")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    folder = find_sentences(asked.sentences)
    if folder is None:
        raise SystemExit("name a sentence model: --sentences PATH")
    path = asked.folder / f"search-{asked.captions}.sqlite"
    encoder = SentenceEncoder.open(folder, threads=1)
    if asked.measure:
        print(json.dumps(measure(path, encoder, captions=asked.captions)))
        return
    made = {} if path.exists() else fill(path, asked.captions, SentenceEncoder.open(folder))
    again = [sys.executable, __file__, str(asked.folder), "--captions", str(asked.captions), "--measure"]
    told = subprocess.run([*again, "--sentences", str(folder)], check=True, capture_output=True, text=True)
    print(json.dumps({"captions": asked.captions, **made, **json.loads(told.stdout), "bytes": path.stat().st_size}))


if __name__ == "__main__":
    main()
