"""What an evaluation finds, beside its scores: one frozen record a section, each with `to_json`.

Shares and probabilities are 0..1; `low` and `high` are a 95 % interval; `images` is a count. What could not be measured
is None, never 0.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ProtocolRow:
    """The same captions under one way of computing BLEU: `how` tells it in one sentence."""

    name: str
    how: str
    bleu: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Slice:
    """The pictures of one kind: `cider` of them, `difference` from all other pictures; both None without pictures.

    `small` marks fewer than 30 pictures, whose numbers mean little. `how` says what puts a picture in.
    """

    name: str
    title: str
    how: str
    images: int
    small: bool
    cider: Estimate | None
    bleu_4: float | None
    difference: Estimate | None


@dataclass(frozen=True, slots=True)
class Rate:
    """How often something happens: `count` of `of` occasions; `share` is None where there was none.

    `examples` are image ids, the clearest first, at most five.
    """

    name: str
    title: str
    how: str
    count: int
    of: int
    share: Estimate | None
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Variety:
    """How varied the captions are: different ones, words used of those the model knows, copies of training captions.

    `words_known` and `copied` are None where the captioner or the training captions are unknown; `distinct_2` is the
    share of different bigrams among all.
    """

    captions: int
    distinct: int
    words_used: int
    words_known: int | None
    mean_words: float
    distinct_2: float
    human_distinct_2: float
    copied: Rate | None


@dataclass(frozen=True, slots=True)
class Bin:
    """Captions of similar confidence: their mean `confidence` and the share that is `acceptable`."""

    low: float
    high: float
    images: int
    confidence: float
    acceptable: Estimate


@dataclass(frozen=True, slots=True)
class Coverage:
    """When only captions from `threshold` on are given: the share of pictures `covered`, of these the `risk`: the
    share that is not acceptable.
    """

    threshold: float
    covered: float
    risk: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """What confidence is worth.

    A caption is acceptable when its CIDEr-D is at least `human_median`: that of the median human caption against the
    others of its picture. `error` is the expected calibration error over ten bins of equal size (Naeini et al., AAAI
    2015); `auroc` how well confidence sorts acceptable from other captions; `lowest_fifth` the share of the bad
    captions (the worst tenth by CIDEr-D) that the least certain fifth holds.
    """

    human_median: float
    acceptable: Estimate
    error: Estimate
    auroc: Estimate
    lowest_fifth: Estimate
    bins: tuple[Bin, ...]
    coverage: tuple[Coverage, ...]


@dataclass(frozen=True, slots=True)
class Foreign:
    """How well the warning tells one kind of foreign pictures from the split's: `auroc`, and the share warned of."""

    name: str
    title: str
    images: int
    auroc: Estimate
    warned: float


@dataclass(frozen=True, slots=True)
class Band:
    """The split's pictures with `unlike_training` in a band, and how good their captions are."""

    low: float
    high: float
    images: int
    cider: Estimate | None


@dataclass(frozen=True, slots=True)
class Unfamiliar:
    """What the warning of unlike pictures is worth."""

    foreign: tuple[Foreign, ...]
    bands: tuple[Band, ...]


@dataclass(frozen=True, slots=True)
class Looked:
    """Where the model looked before each word: `maps` are rows of numbers 0..1, a grid a word."""

    image_id: str
    words: tuple[str, ...]
    maps: tuple[tuple[tuple[float, ...], ...], ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """All sections; one that could not be computed is None or empty."""

    protocols: tuple[ProtocolRow, ...] = ()
    slices: tuple[Slice, ...] = ()
    truth: tuple[Rate, ...] = ()
    variety: Variety | None = None
    reliability: Reliability | None = None
    unfamiliar: Unfamiliar | None = None
    looked: tuple[Looked, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain dicts, lists and numbers, as `scores.json` holds them."""
        return asdict(self)
