"""How long it takes to judge captions that are there already; prints one JSON line.

    python bench/evaluate.py [--captions FILE] [--count 1000] [--resamples 1000]

From texts to numbers: captions and references are tokenised, every score gets its interval, and every section of an
evaluation that needs no captioner is computed: protocols, slices, truth, variety beside 30,000 training captions, and
reliability of a confidence drawn by lot. METEOR is left out, for it is somebody else's Java. `--captions` is a
`captions.jsonl` that `mezzetin evaluate` kept; without it captions are generated: as many different words, and words
a caption, as Flickr8k has. The median of the rounds counts; `cpu_seconds` are what is left of it on an idle machine.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from mezzetin.evaluation.judged import Judged, material_of
from mezzetin.evaluation.protocols import protocol_table
from mezzetin.evaluation.reliability import reliability
from mezzetin.evaluation.slices import slices
from mezzetin.evaluation.truth import truth
from mezzetin.evaluation.variety import variety
from mezzetin.metrics import score

BAR_SECONDS = 10.0
WORDS, REFERENCES, TRAINING = 3000, 5, 30_000
KNOWN = "a in the man on and dog woman of two is boy red girl with water snow street blue black running"


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--captions", type=Path, help="a captions.jsonl; default: captions generated here")
    parser.add_argument("--count", type=int, default=1000, help="captions to judge")
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    pictures = read(chosen.captions, chosen.count) if chosen.captions else generate(chosen.count)
    turns, cpu = [], []
    for _ in range(chosen.rounds):
        start = time.process_time()
        turns.append(measure(pictures, chosen.resamples))
        cpu.append(time.process_time() - start)
    middle = {name: round(median(turn[name] for turn in turns), 3) for name in turns[0]}
    result = {
        "bar_seconds": BAR_SECONDS,
        "captions": len(pictures),
        "references": sum(len(picture.references) for picture in pictures),
        "resamples": chosen.resamples,
        "seconds": round(median(sum(turn.values()) for turn in turns), 3),
        "cpu_seconds": round(median(cpu), 3),
        "parts_seconds": middle,
    }
    print(json.dumps(result))


def measure(pictures: list[Judged], resamples: int) -> dict[str, float]:
    """Wall seconds of each part, in the order in which an evaluation has them."""
    seconds: dict[str, float] = {}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        found = work()
        seconds[name] = time.perf_counter() - start
        return found

    material = timed("tokenise", lambda: material_of(pictures))
    references, hypotheses = material.references, material.hypotheses
    timed("score", lambda: score(references, hypotheses, protocol="bench", resamples=resamples))
    timed("protocols", lambda: protocol_table(material))
    timed("slices", lambda: slices(material, resamples=resamples))
    timed("truth", lambda: truth(material, resamples=resamples))
    training = islice(cycle(text for picture in pictures for text in picture.references), TRAINING)
    timed("variety", lambda: variety(material, WORDS, training, resamples=resamples))
    timed("reliability", lambda: reliability(material, resamples=resamples))
    return seconds


def read(path: Path, count: int) -> list[Judged]:
    """The first `count` captions of a file, from its beginning again where it has fewer."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        Judged(f"{turn}-{line['image']}", line["caption"], tuple(line["references"]), confidence=random.random())
        for turn, line in enumerate(islice(cycle(lines), count))
    ]


def generate(count: int) -> list[Judged]:
    """Captions of words as rare as Zipf has them, among them those that the sections look for."""
    draw = np.random.default_rng(0)
    words = np.array([*KNOWN.split(), *(f"word{number}" for number in range(WORDS - len(KNOWN.split())))])
    chances = 1 / np.arange(1, WORDS + 1)
    chances /= chances.sum()

    def caption() -> str:
        length = int(np.clip(draw.normal(11, 3), 3, 30))
        return " ".join(draw.choice(words, length, p=chances)).capitalize() + " ."

    return [
        Judged(f"{number:06}.jpg", caption(), tuple(caption() for _ in range(REFERENCES)), confidence=random.random())
        for number in range(count)
    ]


if __name__ == "__main__":
    main()
