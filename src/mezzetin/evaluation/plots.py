"""Plots as inline SVG: bars with whiskers, a reliability diagram, a curve of risk over coverage.

Enters: numbers with their labels. Leaves: markup for a page, with a title and a description for who can't see it, and
with classes that the page's style colours. Every plot is drawn for a width in pixels: text keeps its size, so that a
page shows one drawing on a wide screen and another on a narrow one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from mezzetin.evaluation.findings import Bin, Coverage, Estimate
from mezzetin.pages import visible

NARROW, WIDE = 300, 760


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: `text` is its value in words, `note` a count; `aside` stands at the end, `strong` where it is sure.

    `weak` marks what rests on too few pictures; `other` is a second value to compare with, and `other_text` its words.
    """

    label: str
    estimate: Estimate
    text: str
    note: str = ""
    aside: str = ""
    strong: bool = False
    weak: bool = False
    other: Estimate | None = None
    other_text: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars on one scale from 0: `heads` name the columns note, value and aside; `line` is a value drawn through all.

    `name` is unique on its page; `top` is the scale's end, or None to take it from the bars.
    """

    name: str
    title: str
    description: str
    bars: Sequence[Bar]
    heads: tuple[str, str, str] = ("", "", "")
    line: float | None = None
    line_text: str = ""
    percent: bool = False
    top: float | None = None


def bars(chart: Chart, width: int = WIDE) -> Markup:
    """Draw bars from 0 with whiskers for their intervals: beside their labels where wide, below them where narrow."""
    wide = width >= 600
    left, right = (_room_for_labels(chart, width), 0.80 * width) if wide else (0.0, width - 8.0)
    if not any(bar.aside for bar in chart.bars) and wide:
        right = 0.9 * width
    top, step = _scale(chart)
    x = _Axis(0, top, left, right)
    row, start = (30, 46) if wide else (58, 44)
    heights = [row + (20 if bar.other else 0) for bar in chart.bars]
    height = start + sum(heights) + 26
    parts = [*_grid(x, start - 8, height - 22, step, chart.percent)]
    y = float(start)
    labels = []
    for bar, high in zip(chart.bars, heights, strict=True):
        parts += _marks(bar, x, y, 18) if wide else _marks(bar, x, y + 18, 14)
        labels += _wide_labels(bar, x, y, width) if wide else _narrow_labels(bar, chart.heads, y, width)
        y += high
    if wide:
        note, value, aside = chart.heads
        parts += [_text(left - 14, 14, note, "head end"), _text(width, 14, aside, "head end")]
        parts += [_text(left, 14, value, "head")] if chart.line is None else []
    if chart.line is not None:
        at = x(chart.line)
        parts.append(_line(at, start - 14, at, height - 22, "mean"))
        anchor = "end" if at > 0.6 * width else "middle" if at > 0.25 * width else ""
        parts.append(_text(at, start - 20, chart.line_text, f"mean-label {anchor}"))
    parts += labels
    return _svg(chart.name, chart.title, chart.description, width, height, parts)


def reliability(name: str, bins: Sequence[Bin], width: int = 440) -> Markup:
    """Draw stated confidence against the share that held: on the diagonal, the two agree (Murphy, Winkler 1977)."""
    left, bottom, size = 48.0, width - 46.0, width - 74.0
    x, y = _Axis(0, 1, left, left + size), _Axis(0, 1, bottom, bottom - size)
    parts = _square(x, y, 1.0, 0.2)
    below = f"M{_n(x(0))} {_n(y(0))}L{_n(x(1))} {_n(y(1))}L{_n(x(1))} {_n(y(0))}Z"
    parts.insert(0, Markup('<path class="shade" d="{}"/>').format(below))
    parts.append(_line(x(0), y(0), x(1), y(1), "diagonal"))
    parts += [
        _text(x(0.04), y(0.93), "too modest", "zone"),
        _text(x(0.97), y(0.05), "too sure", "zone end"),
        _text(left + size, bottom + 38, "confidence stated", "head end"),
        _text(0, 12, "share acceptable", "head"),
    ]
    for each in bins:
        at = x(each.confidence)
        parts.append(_line(at, y(each.acceptable.low), at, y(each.acceptable.high), "whisker"))
    for each in bins:
        parts.append(_dot(x(each.confidence), y(each.acceptable.value), 5))
    told = "; ".join(
        f"stated {_percent(each.confidence)}, held {_percent(each.acceptable.value)} of {each.images:,}"
        for each in bins
    )
    title = "How often captions are acceptable, by stated confidence"
    return _svg(name, title, f"From the least to the most certain: {told}.", width, int(bottom + 46), parts)


def risk_coverage(name: str, curve: Sequence[Coverage], width: int = 440) -> Markup:
    """Draw how many captions are not acceptable over the share of pictures captioned (El-Yaniv, Wiener 2010)."""
    points = sorted(curve, key=lambda point: point.covered)
    left, bottom, size = 48.0, width - 46.0, width - 74.0
    top = min(1.0, math.ceil(10 * max((point.risk for point in points), default=1.0) + 0.5) / 10)
    x, y = _Axis(0, 1, left, left + size), _Axis(0, top, bottom, bottom - size)
    parts = _square(x, y, top, 0.2 if top > 0.4 else 0.1)
    path = "".join(f"{'L' if i else 'M'}{_n(x(p.covered))} {_n(y(p.risk))}" for i, p in enumerate(points))
    parts.append(Markup('<path class="curve" d="{}"/>').format(path))
    told = []
    for share in (0.2, 0.5, 1.0):
        if not points:
            break
        point = min(points, key=lambda p: abs(p.covered - share))
        among = "all" if point.covered > 0.995 else f"the surest {_percent(point.covered)}"
        words = f"{_percent(point.risk)} of {among}"
        told.append(words)
        at, level = x(point.covered), y(point.risk)
        # A label that would run over the edge stands before its point instead, above the curve.
        before = at + 8 + 6.5 * len(words) > width
        place = (at - 4, level - 12, "label end") if before else (at + 8, level + 20, "label")
        parts += [_dot(at, level, 4), _text(place[0], place[1], words, place[2])]
    parts += [
        _text(left + size, bottom + 38, "pictures that get a caption, surest first", "head end"),
        _text(0, 12, "of their captions not acceptable", "head"),
    ]
    title = "How many captions are not acceptable when only the surest are given"
    return _svg(name, title, f"Not acceptable are {', '.join(told)}.", width, int(bottom + 46), parts)


@dataclass(frozen=True, slots=True)
class _Axis:
    """From values `low`..`high` to pixels `start`..`end`; what lies outside is drawn at the edge."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def _room_for_labels(chart: Chart, width: int) -> float:
    """Where bars begin: after the longest label and the notes. Nobody can measure text here: 7 pixels a letter."""
    letters = max((len(bar.label) + len(bar.note) for bar in chart.bars), default=0)
    return min(max(7.0 * letters + 36, 0.36 * width), 0.46 * width)


def _scale(chart: Chart) -> tuple[float, float]:
    """Where the scale ends, and the step of its ticks; the whiskers of weak bars may run out of it."""
    sure = [bar.estimate.high for bar in chart.bars if not bar.weak] or [bar.estimate.high for bar in chart.bars]
    wanted = [*sure, *(bar.estimate.value for bar in chart.bars), *(b.other.high for b in chart.bars if b.other)]
    largest = chart.top or max([*wanted, chart.line or 0.0, 1e-3])
    rough = largest / 5
    unit: float = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= rough * 0.999)
    return chart.top or step * math.ceil(largest / step - 1e-9), step


def _grid(x: _Axis, above: float, below: float, step: float, percent: bool) -> list[Markup]:
    parts = []
    digits = max(0, -math.floor(math.log10(step * (100 if percent else 1)) + 1e-9))
    # A step of 0.25 takes one digit more than its magnitude says.
    digits += round(step * (100 if percent else 1) * 10**digits, 6) % 1 != 0
    for tick in range(round(x.high / step) + 1):
        at = x(tick * step)
        parts.append(_line(at, above, at, below, "grid" if tick else "axis"))
        words = f"{100 * tick * step:.{digits}f}\u00a0%" if percent else f"{tick * step:.{digits}f}"
        anchor = "" if at < 8 else "end" if at > x.end - 4 and x.start < 8 else "middle"
        parts.append(_text(at, below + 16, words, f"tick {anchor}"))
    return parts


def _square(x: _Axis, y: _Axis, top: float, step: float) -> list[Markup]:
    parts = []
    for tick in range(round(top / step + 1e-6) + 1):
        level = tick * step
        parts.append(_line(x.start, y(level), x.end, y(level), "grid" if tick else "axis"))
        parts.append(_text(x.start - 8, y(level) + 4, _percent(level), "tick end"))
    for tick in range(6):
        parts.append(_text(x(tick / 5), y.start + 18, _percent(tick / 5), "tick middle"))
    return parts


def _wide_labels(bar: Bar, x: _Axis, y: float, width: int) -> list[Markup]:
    parts = [
        _text(0, y + 14, bar.label, "label"),
        _text(x.start - 14, y + 14, bar.note, "note end"),
        _text(x(max(bar.estimate.high, bar.estimate.value)) + 8, y + 14, bar.text, "value"),
        _text(width, y + 14, bar.aside, "aside end strong" if bar.strong else "aside end"),
    ]
    if bar.other:
        parts.append(_text(x(bar.other.value) + 8, y + 33, bar.other_text, "note"))
    return parts


def _narrow_labels(bar: Bar, heads: tuple[str, str, str], y: float, width: int) -> list[Markup]:
    below = y + 45 + (20 if bar.other else 0)
    # There are no columns here, so what heads them stands with each number.
    note = f"{bar.note} {heads[0]}" if bar.note else ""
    aside = bar.aside if bar.weak or not bar.aside else f"{heads[2]} {bar.aside}"
    parts = [
        _text(0, y + 12, bar.label, "label"),
        _text(width, y + 12, bar.text, "value end"),
        _text(0, below, note, "note"),
        _text(width, below, aside, "note end strong" if bar.strong else "note end"),
    ]
    if bar.other:
        parts.append(_text(width, y + 47, bar.other_text, "note end"))
    return parts


def _marks(bar: Bar, x: _Axis, y: float, thick: float) -> list[Markup]:
    found, middle = bar.estimate, y + thick / 2
    parts = [_rect(x.start, y, x(found.value) - x.start, thick, "bar weak" if bar.weak else "bar")]
    if found.high > found.low:
        parts.append(_line(x(found.low), middle, x(found.high), middle, "whisker"))
        parts += [_line(x(e), middle - 4, x(e), middle + 4, "whisker") for e in (found.low, found.high) if e <= x.high]
    if bar.other:
        parts.append(_rect(x.start, y + thick + 3, x(bar.other.value) - x.start, thick / 2, "bar other"))
    return parts


def _svg(name: str, title: str, description: str, width: int, height: int, parts: Sequence[Markup]) -> Markup:
    unique = f"{name}-{width}"
    return Markup(
        '<svg class="plot" role="img" viewBox="0 0 {w} {h}" width="{w}" height="{h}" '
        'aria-labelledby="{u}-t" aria-describedby="{u}-d">'
        '<title id="{u}-t">{title}</title><desc id="{u}-d">{told}</desc>\n{body}\n</svg>'
    ).format(
        w=width, h=height, u=unique, title=visible(title), told=visible(description), body=Markup("\n").join(parts)
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f}\u00a0%"


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    return Markup('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(kind, _n(x1), _n(y1), _n(x2), _n(y2))


def _rect(x: float, y: float, width: float, height: float, kind: str) -> Markup:
    return Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>').format(
        kind, _n(x), _n(y), _n(max(width, 0)), _n(height)
    )


def _dot(x: float, y: float, radius: float) -> Markup:
    return Markup('<circle class="dot" cx="{}" cy="{}" r="{}"/>').format(_n(x), _n(y), _n(radius))


def _text(x: float, y: float, words: str, kind: str) -> Markup:
    if not words:
        return Markup("")
    return Markup('<text class="{}" x="{}" y="{}">{}</text>').format(kind.strip(), _n(x), _n(y), escape(visible(words)))
