"""Findings as the page's template wants them: sentences, plots and tables.

Enters: an `EvaluationPage`. Leaves: the template's values. A section that has nothing is None or empty.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from markupsafe import Markup

from mezzetin.evaluation import plots
from mezzetin.evaluation.findings import Estimate, Rate, Slice
from mezzetin.evaluation.plots import NARROW, WIDE, Bar, Chart
from mezzetin.evaluation.report import statements, tables, tiles, words
from mezzetin.evaluation.report.page import EvaluationPage
from mezzetin.evaluation.report.words import percent
from mezzetin.records import Score

_SQUARE = 440
_FEW = 30


def values_of(page: EvaluationPage) -> dict[str, Any]:
    """All that the template needs, but for which pictures are left out."""
    found = page.findings
    return {
        "title": page.title,
        "report": page,
        "language": page.language,
        "summary": words.summary(page),
        "protocol": words.protocol(page),
        "rows": [_row(score) for score in page.scores],
        "facts": _facts(page),
        "protocols": tables.protocol_table(found.protocols) if found.protocols else None,
        "protocols_say": words.protocols([row.bleu[0] for row in found.protocols]),
        "gate_failed": sum(line.outcome == "failed" for line in page.gate),
        "slices": _slices(page),
        "truth": _truth(found.truth),
        "variety": found.variety,
        "confidence": _confidence(page),
        "unfamiliar": _unfamiliar(page),
        "looked": tiles.looks(page),
        "examples": tiles.examples(page),
        "galleries": tiles.galleries(page),
        "percent": percent,
        "english": page.language.partition("-")[0] == "en",
    }


def _facts(report: EvaluationPage) -> list[tuple[str, str]]:
    protocol = report.protocol
    return [
        ("Dataset", protocol.dataset),
        ("Split", protocol.split),
        ("Pictures", f"{protocol.images:,}"),
        ("References", protocol.references),
        ("Tokeniser", protocol.tokeniser),
        ("Decoding", protocol.decoding),
        ("Model", f"{report.model.name} {report.model.version}"),
        ("Mezzetin", protocol.version),
    ]


def _row(score: Score) -> dict[str, Any]:
    # CIDEr-D is defined up to 10, but a bar on that scale would show nothing of a score near 0.5.
    scale = max(1, math.ceil(max(score.value, score.high, 0.0)))
    left, at, right = (
        f"{100 * min(max(value, 0.0), scale) / scale:.2f}" for value in (score.low, score.value, score.high)
    )
    return {"score": score, "left": left, "at": at, "right": right, "scale": scale}


def _both(draw: Callable[[int], Markup], wide: int = WIDE) -> dict[str, Markup]:
    return {"wide": draw(wide), "narrow": draw(NARROW)}


def _chart(chart: Chart) -> dict[str, Markup]:
    return _both(lambda width: plots.bars(chart, width))


def _slices(page: EvaluationPage) -> dict[str, Any] | None:
    rows = [(row, row.cider) for row in page.findings.slices if row.cider]
    if not rows:
        return None
    rows.sort(key=lambda pair: (pair[0].small, -pair[1].value))
    overall = next((score.value for score in page.scores if score.name == "CIDEr-D"), None)
    told = ", ".join(f"{row.title} {cider.value:.2f}" for row, cider in rows)
    chart = Chart(
        "slices",
        "CIDEr-D by kind of picture",
        f"{told}." if overall is None else f"All pictures: {overall:.2f}. {told}.",
        [_slice(row, cider) for row, cider in rows],
        ("pictures", "CIDEr-D", "against all others"),
        overall,
        "" if overall is None else f"all pictures {overall:.2f}",
    )
    return {
        "plot": _chart(chart),
        "table": tables.slice_table([row for row, _ in rows]),
        "absent": [words.lowered(row.title) for row in page.findings.slices if not row.cider],
        "small": any(row.small for row, _ in rows),
        "says": words.slices([row for row, _ in rows]),
    }


def _slice(row: Slice, cider: Estimate) -> Bar:
    apart = row.difference
    return Bar(
        label=row.title,
        estimate=cider,
        text=f"{cider.value:.2f}",
        note=f"{row.images:,}",
        aside="too few" if row.small else tables.signed(apart.value) if apart else "",
        strong=bool(apart and not row.small and (apart.low > 0 or apart.high < 0)),
        weak=row.small,
    )


def _truth(rates: Sequence[Rate]) -> dict[str, Any] | None:
    main, parts = statements.main_rates(rates), statements.parts(rates)
    if not any(rate.share for rate, _ in main):
        return None
    return {
        "plot": _chart(_rates("truth", "How often captions state what no reference bears out", main)),
        "parts": _chart(_rates("parts", "The same, by what is stated", parts)) if parts else None,
        "table": tables.truth_table(statements.with_peoples(rates)),
    }


def _rates(name: str, title: str, pairs: Sequence[tuple[Rate, Rate | None]]) -> Chart:
    told = (
        f"{rate.title}: {percent(rate.share.value)} of {rate.of:,}"
        + (f", people {percent(other.share.value)}" if other and other.share else "")
        for rate, other in pairs
        if rate.share
    )
    drawn = [_rate(rate, rate.share, other) for rate, other in pairs if rate.share]
    return Chart(name, title, f"{'. '.join(told)}.", drawn, ("", "", "cases"), percent=True)


def _rate(rate: Rate, share: Estimate, other: Rate | None) -> Bar:
    theirs = other.share if other else None
    return Bar(
        label=_label(rate.title),
        estimate=share,
        text=percent(share.value),
        aside=f"{rate.count:,} of {rate.of:,}",
        weak=rate.of < statements.ENOUGH,
        other=theirs,
        other_text=f"people {percent(theirs.value)}" if theirs else "",
    )


def _label(title: str) -> str:
    """A title as a bar has room for it: without what stands in parentheses; the table has all of it."""
    part = title.removeprefix("Of these: ")
    return (part if part == title else part.capitalize()).partition(" (")[0]


def _confidence(page: EvaluationPage) -> dict[str, Any] | None:
    found = page.findings.reliability
    if found is None:
        return None
    return {
        "found": found,
        "says": words.reliability(found),
        "bins": _both(lambda width: plots.reliability("reliability", found.bins, width), _SQUARE),
        "bins_table": tables.reliability_table(found),
        "curve": _both(lambda width: plots.risk_coverage("risk", found.coverage, width), _SQUARE)
        if found.coverage
        else None,
        "curve_table": tables.coverage_table(found.coverage),
        "facts": [
            (
                "Expected calibration error",
                f"{found.error.value:.3f} ({found.error.low:.3f} to {found.error.high:.3f})",
            ),
            ("Sorts acceptable from others (AUROC)", f"{found.auroc.value:.2f} ({tables.plain(found.auroc)})"),
            (
                "Worst tenth in the least certain fifth",
                f"{percent(found.lowest_fifth.value)} ({tables.shares(found.lowest_fifth)})",
            ),
        ],
    }


def _unfamiliar(page: EvaluationPage) -> dict[str, Any] | None:
    found = page.findings.unfamiliar
    if found is None:
        return None
    held = [(band, band.cider) for band in found.bands if band.cider]
    kinds = Chart(
        "kinds",
        "How often a foreign picture gets the higher warning",
        "; ".join(f"{kind.title} {kind.auroc.value:.3f}, warned of {percent(kind.warned)}" for kind in found.foreign),
        [
            Bar(row.title, kind.auroc, f"{kind.auroc.value:.3f}", f"{kind.images:,}", percent(kind.warned))
            for kind, row in zip(found.foreign, tables.kind_table(found).rows, strict=True)
        ],
        ("pictures", "", "warned of"),
        0.5,
        "by chance 0.5",
        top=1.0,
    )
    rising = Chart(
        "bands",
        "CIDEr-D by how unlike training the picture is",
        "; ".join(f"{tables.band_name(band)}: {cider.value:.2f}" for band, cider in held),
        [
            Bar(tables.band_name(band), cider, f"{cider.value:.2f}", f"{band.images:,}", weak=band.images < _FEW)
            for band, cider in held
        ],
        ("pictures", "CIDEr-D", ""),
    )
    return {
        "kinds": _chart(kinds) if found.foreign else None,
        "kinds_table": tables.kind_table(found),
        "bands": _chart(rising) if held else None,
        "bands_table": tables.band_table(found),
        "says": words.unfamiliar_bands([(band.images, band.cider) for band in found.bands]),
    }
