"""Slices: how good the captions are for pictures of a kind, beside all other pictures.

Enters: `Material` in English. Leaves: a `Slice` a kind. What a picture is of is told by its references, never by the
caption under judgement; how it looks by its pixels, where they were measured. CIDEr-D keeps the document frequencies
of the whole split.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mezzetin.data.inspection.lexicon import THEMES, theme_mask
from mezzetin.evaluation.counting import counts_in
from mezzetin.evaluation.findings import Slice
from mezzetin.evaluation.judged import Look, Material
from mezzetin.evaluation.lexicon import BLURRY
from mezzetin.evaluation.rates import RESAMPLES, SEED, estimate, in_order
from mezzetin.metrics.bleu import bleu, bleu_statistics
from mezzetin.metrics.bootstrap import resampled_sums
from mezzetin.metrics.corpus import Floats

Flags = NDArray[np.bool_]

SMALL = 30
_RARE = 3
"""A word is rare when the references of at most so many pictures have it."""
_SAY = "at least two of its references (or the only one)"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a slice holds: `flags` (images,) tells which pictures."""

    name: str
    title: str
    how: str
    flags: Flags


def slices(
    material: Material, *, english: bool = True, resamples: int = RESAMPLES, seed: int = SEED
) -> tuple[Slice, ...]:
    """Measure every kind of picture; nothing where the captions are not `english`.

    Kinds told by pixels have no pictures where no picture was looked at.
    """
    if not english:
        return ()
    material = in_order(material)
    kinds = kinds_of(material)
    flags = np.array([kind.flags for kind in kinds], np.float64).T
    columns = np.concatenate(
        [flags, flags * material.cider[:, None], np.ones((len(flags), 1)), material.cider[:, None]], 1
    )
    drawn = resampled_sums(columns, resamples=resamples, seed=seed)
    statistics = bleu_statistics(material.references, material.hypotheses)
    return tuple(
        _slice(kind, material.cider, statistics, drawn[:, [place, len(kinds) + place, -2, -1]])
        for place, kind in enumerate(kinds)
    )


def kinds_of(material: Material) -> list[Kind]:
    """Every kind, with which of the material's pictures, in their order, it holds."""
    told = _by_words(material)
    people = next(kind.flags for kind in told if kind.name == "people")
    return [*told, *_by_looks(material, people), *_by_references(material)]


def _slice(kind: Kind, cider: Floats, statistics: Floats, drawn: Floats) -> Slice:
    """`drawn` (resamples, 4): pictures and summed CIDEr-D of the slice, and of the split."""
    images = int(kind.flags.sum())
    small = images < SMALL
    if not images:
        return Slice(kind.name, kind.title, kind.how, 0, small, None, None, None)
    here, of_here, everywhere, of_everywhere = drawn.T
    means = _divided(of_here, here)
    mean = float(cider[kind.flags].mean())
    difference = None
    if images < len(cider):
        others = _divided(of_everywhere - of_here, everywhere - here)
        difference = estimate(mean - float(cider[~kind.flags].mean()), means - others)
    bleu_4 = float(bleu(statistics[kind.flags].sum(axis=0))[3])
    return Slice(kind.name, kind.title, kind.how, images, small, estimate(mean, means), bleu_4, difference)


def _divided(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)


def _by_words(material: Material) -> list[Kind]:
    """Kinds that the references name."""
    masks = [[theme_mask(tokens) for tokens in references] for references in material.references]

    def votes(theme: str) -> NDArray[np.int64]:
        bit = 1 << THEMES.index(theme)
        return np.array([sum(bool(mask & bit) for mask in own) for own in masks], np.int64)

    needed = np.array([min(2, len(own)) for own in masks], np.int64)
    inside, outside = votes("indoors"), votes("outdoors")
    plain = (
        ("people", "People", "people", "name people"),
        ("dogs", "Dogs", "dog", "name a dog"),
        ("children", "Children", "child", "name a child, a boy, a girl or a baby"),
        ("snow", "Snow and winter", "snow and winter", "name snow, winter or a winter sport"),
        ("night", "Night", "night", "name the night, the dark or lights of the night"),
        ("water", "Water", "water", "name water or what happens in it"),
        ("crowds", "Crowds", "crowd", "name a crowd, an audience or a large group"),
    )
    kinds = {
        name: Kind(name, title, f"{_SAY.capitalize()} {says}.", votes(theme) >= needed)
        for name, title, theme, says in plain
    }
    told = f"{_SAY.capitalize()} name a thing or place of that kind, and more do so than of the other."
    indoors = Kind("indoors", "Indoors", told, (inside >= needed) & (inside > outside))
    outdoors = Kind("outdoors", "Outdoors", told, (outside >= needed) & (outside > inside))
    first = [kinds.pop(name) for name in ("people", "dogs", "children")]
    return [*first, indoors, outdoors, *kinds.values()]


def _by_looks(material: Material, people: Flags) -> list[Kind]:
    """Kinds that the pixels tell, the references helping."""
    said_blurry = np.array([any(not BLURRY.isdisjoint(tokens) for tokens in own) for own in material.references], bool)
    few = np.array([_few_subjects(own) for own in material.references], bool)
    blurred = _extreme(material, lambda look: -look.sharpness, 0.1) | said_blurry
    plain = _extreme(material, lambda look: look.plainness, 0.25)
    dark = _extreme(material, lambda look: -look.brightness, 0.1)
    unsharp = "the least sharp tenth of the split, or a reference calls it blurred"
    return [
        Kind("blurred", "Blurred", f"It is among {unsharp}.", blurred),
        Kind(
            "blurred_people",
            "Blurred people",
            f"{_SAY.capitalize()} name people, and it is among {unsharp}.",
            blurred & people,
        ),
        Kind(
            "plain",
            "Plain background, few subjects",
            "It is among the quarter of the split with the most area without an edge, and most references speak of two "
            "people and animals at most.",
            plain & few,
        ),
        Kind("dark", "Dark", "It is among the darkest tenth of the split.", dark),
    ]


def _extreme(material: Material, measure: Callable[[Look], float], share: float) -> Flags:
    """The share of the pictures looked at with the highest measure; equal ones stay together, outside if need be."""
    values = np.array([np.nan if p.look is None else measure(p.look) for p in material.pictures], np.float64)
    known = np.sort(values[~np.isnan(values)])
    count = int(len(known) * share)
    return values > known[-count - 1] if count else np.zeros(len(values), bool)


def _few_subjects(references: Sequence[Sequence[str]]) -> bool:
    return 2 * sum(counts_in(tokens).few() for tokens in references) > len(references)


def _by_references(material: Material) -> list[Kind]:
    """Kinds that the wording of the references tells."""
    spread = Counter(word for own in material.references for word in {word for tokens in own for word in tokens})
    rare = np.array([_shares_rare_word(own, spread) for own in material.references], bool)
    lengths = np.array([np.mean([len(tokens) for tokens in own]) for own in material.references])
    short, long = np.quantile(lengths, [0.25, 0.75]) if len(lengths) else (0.0, 0.0)
    return [
        Kind(
            "rare_words",
            "Rare words",
            f"{_SAY.capitalize()} share a word that the references of at most {_RARE} pictures of the split have.",
            rare,
        ),
        Kind(
            "short_references",
            "Short reference captions",
            f"Its references have {short:.1f} words or fewer on average, the shortest quarter of the split.",
            lengths <= short,
        ),
        Kind(
            "long_references",
            "Long reference captions",
            f"Its references have {long:.1f} words or more on average, the longest quarter of the split.",
            lengths >= long,
        ),
    ]


def _shares_rare_word(references: Sequence[Sequence[str]], spread: Counter[str]) -> bool:
    said = Counter(word for tokens in references for word in set(tokens))
    return any(count >= min(2, len(references)) and spread[word] <= _RARE for word, count in said.items())
