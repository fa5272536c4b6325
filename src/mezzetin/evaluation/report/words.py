"""The page's sentences: what the numbers say, in words that a curator understands.

Enters: an `EvaluationPage`. Leaves: plain sentences, none where there is nothing to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from mezzetin.evaluation.findings import Estimate, Rate, Reliability, Slice
from mezzetin.evaluation.report.page import EvaluationPage
from mezzetin.evaluation.report.statements import ENOUGH, main_rates

_PREPARED = {"ptb-py": "turned into lower-case words without punctuation"}


def summary(page: EvaluationPage) -> list[str]:
    """The report in a paragraph."""
    found = page.findings
    sentences = [*_quality(page), *_ends(found.slices), *_wrong(found.truth)]
    if found.reliability:
        sentences.append(_worth(found.reliability))
    copied = found.variety.copied if found.variety else None
    if copied and copied.share:
        sentences.append(
            f"{hundred(copied.share.value).capitalize()} captions repeat a training caption word for word."
        )
    if found.unfamiliar and found.unfamiliar.foreign:
        missed = [kind.title for kind in found.unfamiliar.foreign if kind.warned < 0.5]
        if missed:
            sentences.append(f"Most {listed(missed)} get no warning, so don’t rely on one for them.")
    return sentences


def protocol(page: EvaluationPage) -> list[str]:
    """What the protocol means, in two sentences."""
    facts = page.protocol
    how = _PREPARED.get(facts.tokeniser, f"split into words by {facts.tokeniser}")
    return [
        f"The model captioned {facts.images:,} picture{'s' * (facts.images != 1)} that it was not trained on, and "
        f"every caption was compared with what people wrote about the same picture ({facts.references}), both {how}.",
        "The same captions get other numbers under other rules, so compare a score only with one whose signature, "
        "below, is the same.",
    ]


def slices(rows: Sequence[Slice]) -> str:
    """Which kinds of pictures do best and worst, as far as that is sure."""
    large = [row for row in rows if row.cider and not row.small]
    if len(large) < 2:
        return ""
    best, worst = (pick(large, key=_value) for pick in (max, min))
    first = f"Highest: {lowered(best.title)}, {_value(best):.2f}. Lowest: {lowered(worst.title)}, {_value(worst):.2f}."
    clear = [row for row in large if row.difference and row.difference.high < 0]
    if not clear:
        return f"{first} No kind is clearly below the other pictures."
    names = listed([lowered(row.title) for row in sorted(clear, key=_value)])
    return f"{first} Clearly below the other pictures: {names}."


def reliability(found: Reliability) -> str:
    """Whether stated confidence may be believed."""
    if found.error.value < 0.05:
        verdict = f"Confidence may be taken at its word: on average it is off by {_points(found.error.value)}."
    else:
        verdict = f"Confidence can’t be taken at its word: on average it is off by {_points(found.error.value)}."
    return (
        f"{verdict} The least certain fifth holds {percent(found.lowest_fifth.value)} of the worst captions; "
        "if confidence knew nothing, it would be 20\u00a0%."
    )


def protocols(values: Sequence[float]) -> str:
    """How far one set of captions ranges over protocols."""
    if len(values) < 2:
        return ""
    return f"BLEU-1 runs from {min(values):.2f} to {max(values):.2f}, though not one caption changes."


def unfamiliar_bands(ciders: Sequence[tuple[int, Estimate | None]]) -> str:
    """Whether captions get worse as the warning rises, over the bands that hold enough pictures."""
    sure = [cider.value for images, cider in ciders if cider and images >= 30]
    if len(sure) < 2:
        return ""
    if all(later < earlier for earlier, later in pairwise(sure)):
        return f"The more unlike, the worse the caption: CIDEr-D falls from {sure[0]:.2f} to {sure[-1]:.2f}."
    return f"Captions do not steadily get worse as the warning rises: CIDEr-D {sure[0]:.2f} first, {sure[-1]:.2f} last."


def hundred(share: float) -> str:
    """A share as people count: "about 36 of 100"."""
    if 0 < share < 0.005:
        return "fewer than 1 of 100"
    return f"about {share * 100:.0f} of 100" if 0 < share < 1 else "none of 100" if share <= 0 else "all of 100"


def percent(share: float | None) -> str:
    """A share in percent, with a decimal below 10; a dash where it is unknown."""
    if share is None:
        return "–"
    return f"{100 * share:.{1 if 0 < share < 0.0995 else 0}f}\u00a0%"


def listed(names: Sequence[str]) -> str:
    """Names as a sentence lists them: "a, b and c"."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def lowered(title: str) -> str:
    """A title inside a sentence."""
    return title if title[:2].isupper() else title[:1].lower() + title[1:]


def _value(row: Slice) -> float:
    return row.cider.value if row.cider else 0.0


def _points(share: float) -> str:
    points = 100 * share
    return (
        "less than 1 percentage point" if points < 1 else f"{points:.0f} percentage point{'s' * (round(points) != 1)}"
    )


def _quality(page: EvaluationPage) -> list[str]:
    found = page.findings.reliability
    score = next((score for score in page.scores if score.name == "CIDEr-D"), page.scores[0] if page.scores else None)
    sentences = []
    if found:
        good = found.acceptable
        sentences.append(
            f"Of 100 captions, {hundred(good.value).removesuffix(' of 100')} are as good as a person’s "
            f"({good.low * 100:.0f} to {good.high * 100:.0f}, were other pictures drawn): they agree with what people "
            "wrote at least as well as the middle one of the people’s own captions does."
        )
    if score:
        sentences.append(f"The usual score for that agreement, {score.name}, is {score.value:.2f}.")
    return sentences


def _ends(rows: Sequence[Slice]) -> list[str]:
    large = sorted((row for row in rows if row.cider and not row.small), key=_value)
    if len(large) < 3:
        return []
    low = listed([lowered(row.title) for row in large[:2]])
    return [f"The best kind of picture is {lowered(large[-1].title)}, the worst are {low}."]


def _wrong(rates: Sequence[Rate]) -> list[str]:
    """The first statement that can be checked often enough, with how often people say it."""
    for rate, other in main_rates(rates):
        if rate.share and rate.of >= ENOUGH:
            beside = f" (people’s own captions: {hundred(other.share.value)})" if other and other.share else ""
            return [f"{rate.title}: {hundred(rate.share.value)} where it can be checked{beside}."]
    return []


def _worth(found: Reliability) -> str:
    half = min(found.coverage, key=lambda point: abs(point.covered - 0.2), default=None)
    believed = "can be believed" if found.error.value < 0.05 else "can’t be taken at its word"
    if half is None:
        return f"The confidence that it states {believed}."
    good = hundred(1 - half.risk)
    return (
        f"The confidence that it states {believed}; of the surest fifth of captions, {good} are as good as a person’s."
    )
