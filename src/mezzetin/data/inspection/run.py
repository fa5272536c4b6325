"""The inspection itself: one pass over the pictures, in which everything is counted, and one over the texts.

Enters: a dataset. Leaves: an `Inspection`. Pictures are decoded to 32 x 32 pixels in a few threads, a few ahead of
the counting; the second pass, without pictures, looks up names and texts of what the first found worth naming.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from mezzetin.data.dataset import Dataset
from mezzetin.data.inspection.captions import CaptionFacts, CaptionTally, digest
from mezzetin.data.inspection.findings import remarks, warnings
from mezzetin.data.inspection.pictures import PictureFacts, PictureTally
from mezzetin.data.inspection.sharing import SharedFacts, SharingTally
from mezzetin.data.inspection.themes import ThemeFacts, ThemeTally
from mezzetin.data.inspection.words import WordFacts, WordTally
from mezzetin.data.report import IngestReport
from mezzetin.errors import DatasetError, ImageError
from mezzetin.pixels.likeness import FLAT, perceptual_hash
from mezzetin.records import Example, Progress
from mezzetin.text import tokenise

_AHEAD = 8


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture that is named: its id, its split, its first caption and the language of that."""

    image_id: str
    split: str
    caption: str
    language: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a dataset holds. `split` is the one that was inspected (None: all); `samples` are the pictures that
    `shared` and `themes` name, by row number, counted over usable pictures in the dataset's order.
    """

    dataset: str
    split: str | None
    ingest: IngestReport
    pictures: PictureFacts
    captions: CaptionFacts
    shared: SharedFacts
    words: WordFacts
    themes: ThemeFacts
    samples: Mapping[int, Sample]

    def to_json(self) -> dict[str, Any]:
        """Return everything as a plain dict, ready for `json.dumps`: row numbers become the samples' ids."""
        plain = {name: asdict(getattr(self, name)) for name in ("pictures", "captions", "shared", "words", "themes")}
        ids = {row: sample.image_id for row, sample in self.samples.items()}
        for pair in (*plain["shared"]["same_pairs"], *plain["shared"]["alike_pairs"]):
            pair.update(first=asdict(self.samples[pair["first"]]), second=asdict(self.samples[pair["second"]]))
        for count in plain["themes"]["counts"]:
            count["examples"] = [ids[row] for row in count["examples"]]
        said = {"remarks": remarks(self), "warnings": warnings(self)}
        return {"dataset": self.dataset, "split": self.split, **said, **plain, "ingest": self.ingest.to_json()}


def inspect_dataset(
    dataset: Dataset, *, split: str | None = None, report: Callable[[Progress], None] = lambda progress: None
) -> Inspection:
    """Count what a dataset holds; with `split` only what concerns that split.

    Raises:
        DatasetError: the split has no usable picture, or a part is truncated.

    """
    if not dataset.count(split):
        known = ", ".join(name for name in dataset.manifest.rows if dataset.count(name)) or "none"
        raise DatasetError(f"{dataset.folder} has no usable pictures of split {split!r}: it has {known}")
    pictures, captions, sharing = PictureTally(), CaptionTally(), SharingTally()
    words, themes = WordTally(), ThemeTally()
    total = dataset.count()
    report(Progress("inspect", 0, total))
    for row, (example, looks) in enumerate(_hashed(dataset.rows())):
        sharing.add(example.split, example.sha256 or "0", looks or FLAT)
        tokens = [tokenise(caption) for caption in example.captions]
        # The vocabulary comes from the split that is trained on, whichever is inspected.
        words.add(example.split, example.captions, tokens)
        if split in (None, example.split):
            pictures.add(example, flat=looks == FLAT, damaged=looks is None)
            captions.add(example, tokens)
            themes.add(row, example, tokens)
        report(Progress("inspect", row + 1, total))
    shared, theme_facts = sharing.facts(split), themes.facts(dataset.manifest.rows)
    samples, texts = _look_up(dataset, _named_rows(shared, theme_facts), set(captions.most_repeated()))
    return Inspection(
        dataset=str(dataset.folder),
        split=split,
        ingest=dataset.report(),
        pictures=pictures.facts(),
        captions=captions.facts(texts),
        shared=shared,
        words=words.facts(split),
        themes=theme_facts,
        samples=samples,
    )


def _hashed(examples: Iterator[Example]) -> Iterator[tuple[Example, int | None]]:
    """Yield each picture with its perceptual hash, None for one that can't be decoded any more."""
    waiting: deque[tuple[Example, Future[int | None]]] = deque()
    pool = ThreadPoolExecutor(min(4, os.cpu_count() or 1), thread_name_prefix="inspect")
    try:
        for example in examples:
            waiting.append((example, pool.submit(_looks, example)))
            if len(waiting) > _AHEAD:
                first, looks = waiting.popleft()
                yield first, looks.result()
        for last, looks in waiting:
            yield last, looks.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _looks(example: Example) -> int | None:
    try:
        return perceptual_hash(example.image or b"")
    except ImageError:
        return None


def _named_rows(shared: SharedFacts, themes: ThemeFacts) -> set[int]:
    pairs = (*shared.same_pairs, *shared.alike_pairs)
    rows = {row for pair in pairs for row in (pair.first, pair.second)}
    return rows | {row for count in themes.counts for row in count.examples}


def _look_up(dataset: Dataset, rows: set[int], digests: set[int]) -> tuple[dict[int, Sample], dict[int, str]]:
    """The samples of the wanted rows, and the first text of each wanted digest."""
    samples: dict[int, Sample] = {}
    texts: dict[int, str] = {}
    for row, example in enumerate(dataset.rows(images=False)):
        if row in rows:
            samples[row] = Sample(example.image_id, example.split, example.captions[0], example.language)
        if len(texts) < len(digests):
            for caption in example.captions:
                if (number := digest(caption)) in digests:
                    texts.setdefault(number, caption)
    return samples, texts
