"""What a dataset's pictures are like as files: formats, sizes in pixels and bytes, those too small to learn from."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mezzetin.records import Example

#: Pictures with a shorter side below these many pixels are "tiny" and "small".
TINY, SMALL = 32, 64
NAMED = 10


@dataclass(frozen=True, slots=True)
class Spread:
    """The least, the median and the greatest of some numbers."""

    least: int
    median: int
    most: int

    @classmethod
    def of(cls, numbers: array[int]) -> Spread:
        """Measure; of no numbers everything is 0."""
        if not numbers:
            return cls(0, 0, 0)
        values = np.frombuffer(numbers, dtype=numbers.typecode)
        return cls(int(values.min()), round(float(np.median(values))), int(values.max()))


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """Usable pictures as they are stored; `width` and `height` in pixels as shown, `bytes` a picture.

    `tiny` have a side below 32 pixels, `small` one below 64 (the tiny ones among them); `flat` have no structure
    (blank); `damaged` could not be decoded any more. Of tiny, flat and damaged ones the first ten are named.
    """

    count: int
    formats: Mapping[str, int]
    width: Spread
    height: Spread
    bytes: Spread
    total_bytes: int
    tiny: int
    small: int
    flat: int
    damaged: int
    tiny_names: tuple[str, ...]
    flat_names: tuple[str, ...]
    damaged_names: tuple[str, ...]


class PictureTally:
    """Counts pictures one by one."""

    def __init__(self) -> None:
        self._formats: Counter[str] = Counter()
        self._widths, self._heights, self._bytes = array("i"), array("i"), array("q")
        self._marked: Counter[str] = Counter()
        self._names: dict[str, list[str]] = {"tiny": [], "small": [], "flat": [], "damaged": []}

    def add(self, example: Example, *, flat: bool, damaged: bool) -> None:
        """Count one usable picture."""
        self._formats[example.format or "unknown"] += 1
        self._widths.append(example.width)
        self._heights.append(example.height)
        self._bytes.append(len(example.image or b""))
        side = min(example.width, example.height)
        marks = {"tiny": side < TINY, "small": side < SMALL, "flat": flat and not damaged, "damaged": damaged}
        for mark in (mark for mark, is_so in marks.items() if is_so):
            self._marked[mark] += 1
            if len(self._names[mark]) < NAMED:
                self._names[mark].append(example.image_id)

    def facts(self) -> PictureFacts:
        """What was counted."""
        return PictureFacts(
            count=len(self._widths),
            formats=dict(self._formats.most_common()),
            width=Spread.of(self._widths),
            height=Spread.of(self._heights),
            bytes=Spread.of(self._bytes),
            total_bytes=sum(self._bytes),
            tiny=self._marked["tiny"],
            small=self._marked["small"],
            flat=self._marked["flat"],
            damaged=self._marked["damaged"],
            tiny_names=tuple(self._names["tiny"]),
            flat_names=tuple(self._names["flat"]),
            damaged_names=tuple(self._names["damaged"]),
        )
