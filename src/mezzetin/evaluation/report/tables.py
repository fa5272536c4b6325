"""The page's tables: the numbers behind each plot, as rows of words.

Enters: the parts of `Findings`. Leaves: `Table`s, which one macro of the template draws.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mezzetin.evaluation.findings import (
    Band,
    Coverage,
    Estimate,
    ProtocolRow,
    Rate,
    Reliability,
    Slice,
    Unfamiliar,
)
from mezzetin.evaluation.report.words import percent

NONE = "–"


@dataclass(frozen=True, slots=True)
class Row:
    """A row: its heading, a sentence below it, and a cell for each further column."""

    title: str
    how: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """`heads` name all columns, that of the headings first."""

    caption: str
    heads: tuple[str, ...]
    rows: tuple[Row, ...]


def protocol_table(rows: Sequence[ProtocolRow]) -> Table:
    """BLEU under each protocol."""
    return Table(
        "BLEU of the very same captions under rules that tutorials and papers use. A bare “BLEU 0.6” tells little "
        "without its row.",
        ("Protocol", "BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4"),
        tuple(Row(row.name, row.how, tuple(f"{value:.3f}" for value in row.bleu)) for row in rows),
    )


def slice_table(rows: Sequence[Slice]) -> Table:
    """Every kind of picture that the split has."""
    return Table(
        "CIDEr-D by kind of picture",
        ("Kind", "Pictures", "CIDEr-D", "95 % interval", "BLEU-4", "Against all others"),
        tuple(
            Row(
                f"{row.title} (too few)" if row.small else row.title,
                row.how,
                (
                    f"{row.images:,}",
                    f"{row.cider.value:.2f}" if row.cider else NONE,
                    plain(row.cider),
                    NONE if row.bleu_4 is None else f"{row.bleu_4:.3f}",
                    _difference(row.difference),
                ),
            )
            for row in rows
        ),
    )


def truth_table(pairs: Sequence[tuple[Rate, Rate | None]]) -> Table:
    """Every rate, with people's own beside it."""
    return Table(
        "How often a caption states something that the references do not bear out",
        ("Statement", "Captions", "Share", "95 % interval", "People’s own"),
        tuple(
            Row(
                rate.title,
                rate.how,
                (
                    f"{rate.count:,} of {rate.of:,}",
                    _share(rate),
                    shares(rate.share),
                    f"{_share(other)} of {other.of:,}" if other and other.share else NONE,
                ),
            )
            for rate, other in pairs
        ),
    )


def reliability_table(found: Reliability) -> Table:
    """Each bin of confidence."""
    return Table(
        "Share of acceptable captions by stated confidence",
        ("Confidence", "Captions", "Stated, on average", "Acceptable", "95 % interval"),
        tuple(
            Row(
                f"{each.low:.2f} to {each.high:.2f}",
                "",
                (
                    f"{each.images:,}",
                    percent(each.confidence),
                    percent(each.acceptable.value),
                    shares(each.acceptable),
                ),
            )
            for each in found.bins
        ),
    )


def coverage_table(curve: Sequence[Coverage]) -> Table:
    """The curve at about every tenth of the pictures."""
    steps = [min(curve, key=lambda point: abs(point.covered - share / 10)) for share in range(1, 11)] if curve else []
    return Table(
        "What a threshold of confidence costs and brings",
        ("Least confidence", "Pictures captioned", "Not acceptable"),
        tuple(
            Row(f"{step.threshold:.2f}", "", (percent(step.covered), percent(step.risk)))
            for step in dict.fromkeys(steps)
        ),
    )


def kind_table(found: Unfamiliar) -> Table:
    """Each kind of foreign pictures."""
    return Table(
        "Foreign pictures against the split’s",
        ("Kind", "Pictures", "AUROC", "95 % interval", "Warned of"),
        tuple(
            Row(
                f"{kind.title[:1].upper()}{kind.title[1:]}",
                "",
                (
                    f"{kind.images:,}",
                    f"{kind.auroc.value:.3f}",
                    f"{kind.auroc.low:.3f} to {kind.auroc.high:.3f}",
                    percent(kind.warned),
                ),
            )
            for kind in found.foreign
        ),
    )


def band_table(found: Unfamiliar) -> Table:
    """Each band of the warning."""
    return Table(
        "CIDEr-D by warning",
        ("Unlike training", "Pictures", "CIDEr-D", "95 % interval"),
        tuple(
            Row(
                band_name(band),
                "",
                (f"{band.images:,}", f"{band.cider.value:.2f}" if band.cider else NONE, plain(band.cider)),
            )
            for band in found.bands
        ),
    )


def band_name(band: Band) -> str:
    """How a band is called: its edges, or the one number that it holds."""
    if band.high == band.low:
        return f"{band.low:g}"
    return f"Over {band.low:g}, to {band.high:g}"


def signed(value: float) -> str:
    """A difference with its sign, a true minus."""
    return f"{value:+.2f}".replace("-", "−")


def plain(found: Estimate | None) -> str:
    """An interval with two decimals."""
    return _ends(found, "{:.2f}".format)


def shares(found: Estimate | None) -> str:
    """An interval in percent."""
    return _ends(found, percent)


def _ends(found: Estimate | None, show: Callable[[float], str]) -> str:
    return f"{show(found.low)} to {show(found.high)}".replace("-", "−") if found else NONE


def _share(rate: Rate) -> str:
    return percent(rate.share.value if rate.share else None)


def _difference(apart: Estimate | None) -> str:
    return f"{signed(apart.value)} ({signed(apart.low)} to {signed(apart.high)})" if apart else NONE
