"""How well a search finds the picture that a person describes; prints tables, and one JSON line at the end.

    python bench/search.py DATASET FOLDER [--split val] [--rerank 100] [--sentences PATH]

Each picture of the split is in a collection with the bundled captioner's texts alone (made in FOLDER, left there and
used again); the captions that people wrote for it are the questions. `R@1` and `R@10`: the share of questions whose
picture is the first, or among the first ten, with a 95 % interval (pictures drawn again 1,000 times); `median`: the
rank of the picture, of all. A question that finds nothing has not found its picture. "any word, fused" is the usual
way to join signals, ranks of BM25 over any word and of the vectors (Cormack et al. 2009, k = 60), to compare with.

Weights are chosen on one half of the pictures and judged on the other, both ways, and printed beside those in use. The
floor is judged by the questions whose picture it loses, and by nonsense that finds something all the same.
"""

from __future__ import annotations

import argparse
import json
import random
import string
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import mezzetin
from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.collection.opening import Collection, Reader
from mezzetin.collection.vectors import unpacked
from mezzetin.data.dataset import Dataset
from mezzetin.meaning import SentenceEncoder, find_sentences
from mezzetin.retrieval.finder import Finder
from mezzetin.retrieval.keywords import holding
from mezzetin.retrieval.meanings import space_of
from mezzetin.retrieval.query import Query
from mezzetin.retrieval.weighing import Signals, Weights, weigh

Floats = NDArray[np.float32]
FUSED = 60
FOREIGN = """
quarterly tax return of a limited company | the boiling point of ethanol at sea level | a lecture on string theory
how to renew a passport online | stock prices fell after the announcement | a recipe for sourdough rye bread
the second law of thermodynamics | install the printer driver on windows | a contract of sale with warranty
mitochondria under an electron microscope | minutes of the annual general meeting | a chart of interest rates
symptoms of vitamin deficiency | an x-ray of a fractured wrist | the chemical structure of caffeine
a medieval manuscript with gold initials | a marble bust of an emperor | a still life with lemons and oysters
the crucifixion with two saints | a map of the trade routes of venice | a satellite image of a hurricane
a coin of the roman republic | an astronaut on the moon | a submarine under the arctic ice
a telescope in the desert at night | a violin maker's bill from 1720 | the skeleton of a dinosaur
a blueprint of a steam engine | a page of handwritten music | the periodic table of elements
""".replace("\n", "|")


@dataclass(frozen=True, slots=True)
class Table:
    """Q questions against P pictures: cosines, words that match, BM25 of any word, the share of known words."""

    meaning_QP: Floats
    picture_QP: Floats
    words_QP: Floats
    any_QP: Floats
    known_Q: Floats


def collected(dataset: Dataset, split: str, folder: Path, sentences: Path) -> tuple[Path, dict[str, list[str]]]:
    """The collection of a split, and what people said of its pictures, by file name."""
    pictures, path, said = folder / "pictures", folder / "search.sqlite", {}
    pictures.mkdir(parents=True, exist_ok=True)
    for row in dataset.rows({split}, images=True):
        name = f"{Path(row.image_id).stem}.jpg"
        (pictures / name).write_bytes(row.image or b"")
        said[name] = list(row.captions)
    if not path.exists():
        mezzetin.collect(pictures, path, captioners=[load_captioner(alternatives=4)])
        mezzetin.index(path, sentences=sentences)
    return path, said


def table(reader: Reader, numbers: list[int], queries: Sequence[str], models: tuple[Any, BundleCaptioner]) -> Table:
    """Everything that speaks for any of the pictures in answer to any of the questions."""
    encoder, captioner = models
    texts = _vectors(reader, numbers, space_of(encoder))
    sights = _vectors(reader, numbers, str(captioner.space))
    asked = encoder.vectors(queries)
    seen = [captioner.text_vector(query) for query in queries]
    blank = np.full(len(numbers), np.nan, np.float32)
    picture = np.stack([blank if vector is None else sights @ vector for vector in seen]).astype(np.float32)
    places = {number: place for place, number in enumerate(numbers)}
    words = np.zeros((len(queries), len(numbers)), np.float32)
    some, known = np.full_like(words, -np.inf), np.ones(len(queries), np.float32)
    for row, text in enumerate(queries):
        query = Query.of(text)
        for number, place in holding(reader, query, numbers).items():
            words[row, places[number]] = place
        for number, score in _any_word(reader, query):
            some[row, places[number]] = -score
        unknown = {word.casefold() for word in captioner.unknown_words(query.text)}
        known[row] = np.mean([word not in unknown for word in query.words or ("",)])
    return Table(asked @ texts.T, picture, words, some, known)


def _any_word(reader: Reader, query: Query) -> list[tuple[int, float]]:
    either = " OR ".join(f'"{word}"' for word in query.words)
    if not either:
        return []
    rows = reader.rows("SELECT rowid, bm25(words) FROM words WHERE words MATCH ?", (either,))
    return [(row[0], row[1]) for row in rows]


def _vectors(reader: Reader, numbers: list[int], space: str) -> Floats:
    rows = {row[0]: row[1] for row in reader.rows("SELECT picture_id, vector FROM vectors WHERE space = ?", (space,))}
    return unpacked(np.frombuffer(b"".join(rows[number] for number in numbers), np.int8).reshape(len(numbers), -1))


def ranks_of(scores_QP: Floats, target_Q: NDArray[np.int64]) -> Floats:
    """The rank of each question's picture from 1 on, those that score the same shared; infinite where it is no hit."""
    own = scores_QP[np.arange(len(target_Q)), target_Q][:, None]
    ranks = 1 + (scores_QP > own).sum(1) + ((scores_QP == own).sum(1) - 1) / 2
    return np.where(np.isfinite(own[:, 0]), ranks, np.inf).astype(np.float32)


def ours(found: Table, weights: Weights, *, floor: bool = True, only: str = "") -> Floats:
    """What a search of ours scores, minus infinity where it finds nothing; `only` one signal where it is named."""
    scores = np.full_like(found.words_QP, -np.inf)
    for row, known in enumerate(found.known_Q):
        parts = {"meaning": found.meaning_QP[row], "picture": found.picture_QP[row], "words": found.words_QP[row]}
        if only:
            parts = {
                name: part if name == only else np.full_like(part, 0 if name == "words" else np.nan)
                for name, part in parts.items()
            }
        signals = Signals(parts["meaning"], parts["picture"], parts["words"], float(known))
        own, above = weigh(signals, weights)
        hit = (above >= 0) | (not floor and only != "words")
        scores[row] = np.where(hit, own, -np.inf)
    return scores


def fused(found: Table) -> Floats:
    """Reciprocal-rank fusion of BM25 over any word, meaning, and sight."""
    total = np.zeros_like(found.words_QP)
    for scores in (found.any_QP, found.meaning_QP, np.nan_to_num(found.picture_QP)):
        order = np.argsort(np.argsort(-scores, axis=1, kind="stable"), axis=1)
        total += np.where(np.isfinite(scores), 1 / (FUSED + 1 + order), 0).astype(np.float32)
    return total


def told(name: str, ranks: Floats, target_Q: NDArray[np.int64]) -> dict[str, Any]:
    """A line of the table, printed and returned."""
    luck, pictures = np.random.default_rng(0), int(target_Q.max()) + 1
    of = [ranks[target_Q == one] for one in range(pictures)]
    line: dict[str, Any] = {"signal": name, "median": float(np.median(ranks))}
    drawn = luck.integers(0, pictures, (1000, pictures))
    many = np.array([len(one) for one in of])
    for most in (1, 10):
        hits = np.array([(one <= most).sum() for one in of])
        shares = hits[drawn].sum(1) / many[drawn].sum(1)
        line[f"R@{most}"] = round(float((ranks <= most).mean()), 4)
        line[f"R@{most} interval"] = [round(float(one), 4) for one in np.percentile(shares, (2.5, 97.5))]
    low, high = line["R@10 interval"]
    print(f"{name:28} R@1 {line['R@1']:.3f}  R@10 {line['R@10']:.3f} ({low:.3f}-{high:.3f})  median {line['median']:g}")
    return line


def chosen(found: Table, target_Q: NDArray[np.int64], use: NDArray[np.bool_]) -> Weights:
    """The weights of picture and words that do best on some of the questions, by the mean of R@1 and R@10."""
    part = Table(*(getattr(found, name)[use] for name in Table.__slots__))
    best = (-1.0, Weights())
    for picture, words in product((0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0), (0.0, 0.1, 0.3, 0.5)):
        weights = replace(Weights(), picture=picture, words=words)
        ranks = ranks_of(ours(part, weights, floor=False), target_Q[use])
        value = float((ranks <= 1).mean() + (ranks <= 10).mean())
        if value > best[0]:
            best = (value, weights)
    return best[1]


def nonsense(count: int = 200) -> dict[str, list[str]]:
    """Questions that no picture of everyday life answers: letters, and sentences of other worlds."""
    luck = random.Random(0)
    letters = ["".join(luck.choices(string.ascii_lowercase, k=luck.randint(4, 9))) for _ in range(3 * count)]
    return {
        "letters": [" ".join(letters[3 * one : 3 * one + 3]) for one in range(count)],
        "other worlds": [one.strip() for one in FOREIGN.split("|") if one.strip()],
    }


def reranked(finder: Finder, queries: Sequence[tuple[str, int]], most: int) -> dict[str, Any]:
    """The captioner's likelihood as the last step, on some questions: what it brings, and what it costs."""
    found: dict[str, Any] = {"questions": len(queries)}
    for name, first in (("without", 0), (f"first {most}", most)):
        began, ranks = time.monotonic(), []
        for text, number in queries:
            hits = finder.search(text, limit=most, rerank=first).hits
            ranks.append(next((1 + at for at, hit in enumerate(hits) if hit.picture.id == number), np.inf))
        place = np.array(ranks)
        cost = 1000 * (time.monotonic() - began) / len(queries)
        found[name] = {"R@1": float((place <= 1).mean()), "R@10": float((place <= 10).mean()), "ms": round(cost, 1)}
        print(f"{name:28} {found[name]}")
    return found


def main() -> None:
    """Collect, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument("--rerank", type=int, default=100, help="how many questions for the last step")
    parser.add_argument("--sentences")
    asked = parser.parse_args()
    place = find_sentences(asked.sentences)
    if place is None:
        raise SystemExit("name a sentence model: --sentences PATH")
    path, said = collected(Dataset.open(asked.dataset), asked.split, asked.folder, place)
    captioner, encoder = load_captioner(), SentenceEncoder.open(place)
    with Collection.open(path) as collection, Finder.open(collection, captioner=captioner, sentences=encoder) as finder:
        with collection.reading() as reader:
            rows = list(reader.rows("SELECT id, uri FROM pictures ORDER BY id"))
            numbers = [row["id"] for row in rows]
            asking = [(text, at) for at, row in enumerate(rows) for text in said[Path(row["uri"]).name]]
            target = np.array([at for _, at in asking])
            found = table(reader, numbers, [text for text, _ in asking], (encoder, captioner))
            strange = {name: table(reader, numbers, ones, (encoder, captioner)) for name, ones in nonsense().items()}
        result = judged(found, target, strange)
        some = random.Random(1).sample([(text, numbers[at]) for text, at in asking], asked.rerank)
        result["likelihood"] = reranked(finder, some, 50)
    print(json.dumps(result))


def judged(found: Table, target: NDArray[np.int64], strange: dict[str, Table]) -> dict[str, Any]:
    """Every signal alone and together, the weights by halves, and the floor."""
    weights = Weights()
    lines = [
        told(f"{one} alone", ranks_of(ours(found, weights, floor=False, only=one), target), target)
        for one in ("words", "meaning", "picture")
    ]
    lines.append(told("any word alone (BM25)", ranks_of(found.any_QP, target), target))
    lines.append(told("any word, fused", ranks_of(fused(found), target), target))
    without = ranks_of(ours(found, weights, floor=False), target)
    lines.append(told("together", without, target))
    with_floor = ranks_of(ours(found, weights), target)
    lines.append(told("together, with the floor", with_floor, target))
    halves, first = {}, target % 2 == 0
    for name, use in (("even", first), ("odd", ~first)):
        best = chosen(found, target, use)
        ranks = ranks_of(ours(found, best, floor=False), target)[~use]
        halves[f"chosen on {name}"] = {
            "picture": best.picture,
            "words": best.words,
            "R@10": float((ranks <= 10).mean()),
        }
        print(
            f"chosen on {name:18} picture {best.picture}, words {best.words}: others' R@10 {(ranks <= 10).mean():.3f}"
        )
    lost = float(((without <= 10) & ~np.isfinite(with_floor)).mean())
    finds = {name: float(np.isfinite(ours(one, weights)).any(1).mean()) for name, one in strange.items()}
    print(f"lost to the floor {lost:.3f}; nonsense that finds something: {finds}")
    return {"questions": len(target), "signals": lines, "halves": halves, "lost": lost, "nonsense": finds}


if __name__ == "__main__":
    main()
