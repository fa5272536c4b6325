"""How many pictures are of what, split by split, with a few to look at."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from zlib import crc32

from mezzetin.data.inspection.lexicon import PARTS, THEMES, has_lexicon, theme_mask, themes_in
from mezzetin.records import Example

EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class ThemeCount:
    """How often a theme is named: pictures where at least one caption does, and where most captions do, by split.

    `part_of` is the wider theme that it belongs to; `examples` are row numbers of usable pictures, drawn by digest
    from those where most captions name the theme.
    """

    name: str
    part_of: str | None
    named: Mapping[str, int]
    mostly: Mapping[str, int]
    examples: tuple[int, ...]

    def total(self) -> int:
        """In how many pictures of all splits a caption names it."""
        return sum(self.named.values())


@dataclass(frozen=True, slots=True)
class ThemeFacts:
    """What the pictures are of. `pictures` are those whose captions are in a language with a lexicon, by split;
    `without` counts the other pictures by language.
    """

    pictures: Mapping[str, int]
    without: Mapping[str, int]
    counts: tuple[ThemeCount, ...]

    def share(self, name: str, split: str | None = None) -> float:
        """The share (0..1) of pictures in which a caption names a theme; of no pictures 0."""
        count = next(count for count in self.counts if count.name == name)
        chosen = list(self.pictures) if split is None else [split]
        total = sum(self.pictures.get(name, 0) for name in chosen)
        return sum(count.named.get(name, 0) for name in chosen) / total if total else 0.0


class ThemeTally:
    """Counts themes picture by picture."""

    def __init__(self) -> None:
        self._pictures: Counter[str] = Counter()
        self._without: Counter[str] = Counter()
        self._named: list[Counter[str]] = [Counter() for _ in THEMES]
        self._mostly: list[Counter[str]] = [Counter() for _ in THEMES]
        self._examples: list[list[tuple[int, int]]] = [[] for _ in THEMES]

    def add(self, row: int, example: Example, tokens: Sequence[Sequence[str]]) -> None:
        """Count one picture, the usable one of number `row`; `tokens` are its captions'."""
        if not has_lexicon(example.language):
            self._without[example.language] += 1
            return
        self._pictures[example.split] += 1
        named = Counter(theme for caption in tokens for theme in themes_in(theme_mask(caption)))
        for theme, captions in named.items():
            self._named[theme][example.split] += 1
            if 2 * captions > len(tokens):
                self._mostly[theme][example.split] += 1
                self._show(theme, row, example.sha256)

    def _show(self, theme: int, row: int, sha256: str | None) -> None:
        # A draw that depends on nothing but the picture, and in another order for each theme.
        ticket = crc32(f"{theme}:{sha256}".encode())
        heap = self._examples[theme]
        if len(heap) < EXAMPLES:
            heapq.heappush(heap, (ticket, row))
        elif ticket > heap[0][0]:
            heapq.heapreplace(heap, (ticket, row))

    def facts(self, splits: Iterable[str]) -> ThemeFacts:
        """What was counted, with the splits in this order."""
        order = [split for split in splits if self._pictures[split]]
        counts = (
            ThemeCount(
                name,
                PARTS.get(name),
                {split: self._named[number][split] for split in order},
                {split: self._mostly[number][split] for split in order},
                tuple(row for _, row in sorted(self._examples[number], reverse=True)),
            )
            for number, name in enumerate(THEMES)
        )
        return ThemeFacts({split: self._pictures[split] for split in order}, dict(self._without), tuple(counts))
