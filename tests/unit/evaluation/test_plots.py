"""The plots as documents: marks stand where the numbers say, words are text, and both widths tell the same."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.evaluation.findings import Bin, Coverage, Estimate
from mezzetin.evaluation.plots import NARROW, WIDE, Bar, Chart, bars, reliability, risk_coverage

shares = st.floats(0, 1)


def parsed(markup: str) -> list[tuple[str, dict[str, str], str]]:
    """(tag, attributes, text) of every element; a document that is not well-formed fails."""
    return [(e.tag, e.attrib, e.text or "") for e in ElementTree.fromstring(markup).iter()]  # noqa: S314 - our own


def marks(markup: str, kind: str) -> list[dict[str, float]]:
    found = [attributes for _, attributes, _ in parsed(markup) if kind in attributes.get("class", "").split()]
    return [{name: float(value) for name, value in one.items() if name != "class"} for one in found]


def texts(markup: str) -> list[str]:
    return [words for tag, _, words in parsed(markup) if tag == "text"]


def chart(*rows: Bar, line: float | None = None, **more: object) -> Chart:
    return Chart("c", "Title", "Description", rows, line=line, line_text="all", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_bars_whiskers_and_line_share_one_scale(width: int) -> None:
    drawn = bars(
        chart(Bar("a", Estimate(0.4, 0.2, 0.8), "0.40"), Bar("b", Estimate(0.8, 0.8, 0.8), "0.80"), line=0.6), width
    )
    first, second = marks(drawn, "bar")
    start = first["x"]
    assert second["width"] == pytest.approx(2 * first["width"], abs=0.3)
    (whisker,) = [one for one in marks(drawn, "whisker") if one["y1"] == one["y2"]]
    assert whisker["x1"] - start == pytest.approx(first["width"] / 2, abs=0.3)
    assert whisker["x2"] - start == pytest.approx(second["width"], abs=0.3)
    (mean,) = marks(drawn, "mean")
    assert mean["x1"] == mean["x2"] == pytest.approx(start + 1.5 * first["width"], abs=0.3)


@given(
    st.lists(st.tuples(shares, shares, shares), min_size=1, max_size=8), st.sampled_from([NARROW, WIDE]), st.booleans()
)
def test_no_mark_leaves_the_drawing(rows: list[tuple[float, float, float]], width: int, percent: bool) -> None:
    sorted_rows = [sorted(row) for row in rows]
    drawn = bars(
        chart(
            *(Bar("l", Estimate(b, a, c), "t", weak=i % 2 == 0) for i, (a, b, c) in enumerate(sorted_rows)),
            percent=percent,
        ),
        width,
    )
    height = float(re.findall(r'viewBox="0 0 \d+ (\d+)"', drawn)[0])
    for one in marks(drawn, "bar"):
        assert 0 <= one["x"] <= one["x"] + one["width"] <= width + 0.1 and one["y"] + one["height"] <= height
    for one in marks(drawn, "whisker"):
        assert 0 <= one["x1"] <= one["x2"] <= width


def test_long_labels_push_the_bars_aside() -> None:
    short, long = (marks(bars(chart(Bar("x" * n, Estimate(1, 1, 1), ""))), "bar")[0]["x"] for n in (5, 44))
    assert long >= 7 * 44 > short


def test_the_whisker_of_few_pictures_does_not_squeeze_the_others() -> None:
    sure, weak = Bar("a", Estimate(0.4, 0.3, 0.5), ""), Bar("b", Estimate(0.2, 0.0, 9.0), "", weak=True)
    alone, both = (marks(bars(chart(*rows)), "bar")[0]["width"] for rows in ((sure,), (sure, weak)))
    assert alone == both


@pytest.mark.parametrize(
    ("top", "percent", "ticks"),
    [
        (0.9, False, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (0.011, False, ["0.0000", "0.0025", "0.0050", "0.0075", "0.0100", "0.0125"]),
        (0.09, True, [f"{number}\u00a0%" for number in (0, 2, 4, 6, 8, 10)]),
        (7.0, False, ["0", "2", "4", "6", "8"]),
    ],
)
def test_ticks_are_round_numbers(top: float, percent: bool, ticks: list[str]) -> None:
    drawn = bars(chart(Bar("", Estimate(top, top, top), ""), percent=percent))
    assert [words for _, attributes, words in parsed(drawn) if "tick" in attributes.get("class", "")] == ticks


def test_a_second_value_has_a_bar_and_words_of_its_own() -> None:
    row = Bar("a", Estimate(0.4, 0.3, 0.5), "40 %", other=Estimate(0.1, 0.1, 0.1), other_text="people 10 %")
    for width in (NARROW, WIDE):
        drawn = bars(chart(row, percent=True), width)
        own, other = marks(drawn, "bar")
        assert other["width"] == pytest.approx(own["width"] / 4, abs=0.3) and other["y"] > own["y"]
        assert {"40 %", "people 10 %", "a"} <= set(texts(drawn))


def test_a_narrow_drawing_says_what_its_numbers_are_since_it_has_no_columns() -> None:
    row = Bar("Dogs", Estimate(0.4, 0.3, 0.5), "0.40", note="61", aside="+0.10", strong=True)
    heads = ("pictures", "CIDEr-D", "against all others")
    assert {"61 pictures", "against all others +0.10"} <= set(texts(bars(chart(row, heads=heads), NARROW)))
    assert {"61", "pictures", "+0.10", "against all others"} <= set(texts(bars(chart(row, heads=heads), WIDE)))


@pytest.mark.parametrize("hostile", ['<script>alert("1")</script>', "a & b", "שלום", "\x00\u202e"])
def test_words_are_escaped_and_what_cannot_be_seen_is_made_visible(hostile: str) -> None:
    drawn = bars(Chart("c", hostile, hostile, [Bar(hostile, Estimate(1, 1, 1), hostile)]))
    assert "<script" not in drawn and "\x00" not in drawn and "\u202e" not in drawn
    assert len(parsed(drawn)) > 5


def test_each_drawing_has_a_title_a_description_and_ids_of_its_own() -> None:
    bins = [Bin(0, 0.5, 50, 0.2, Estimate(0.3, 0.2, 0.4)), Bin(0.5, 1, 50, 0.7, Estimate(0.6, 0.5, 0.7))]
    drawn = [draw for width in (NARROW, WIDE) for draw in (reliability("r", bins, width), bars(chart(), width))]
    seen: set[str] = set()
    for one in drawn:
        elements = parsed(one)
        _, attributes, _ = elements[0]
        ids = {e[1]["id"]: e[2] for e in elements if "id" in e[1]}
        assert attributes["role"] == "img" and ids[attributes["aria-labelledby"]]
        assert attributes["aria-describedby"] in ids and not seen & set(ids)
        seen |= set(ids)
    assert "stated 20\u00a0%, held 30\u00a0% of 50; stated 70\u00a0%, held 60\u00a0% of 50." in drawn[0]


def test_a_perfect_calibration_lies_on_the_diagonal() -> None:
    bins = [Bin(i / 10, i / 10 + 0.1, 9, i / 10, Estimate(i / 10, i / 10, i / 10)) for i in range(11)]
    drawn = reliability("r", bins)
    (line,) = marks(drawn, "diagonal")
    dots = marks(drawn, "dot")
    assert (dots[0]["cx"], dots[0]["cy"]) == (line["x1"], line["y1"])
    assert (dots[-1]["cx"], dots[-1]["cy"]) == (line["x2"], line["y2"])
    assert all(a["cx"] < b["cx"] and a["cy"] > b["cy"] for a, b in pairwise(dots))


def test_risk_is_told_at_a_fifth_a_half_and_all_of_the_pictures() -> None:
    curve = [Coverage(1 - i / 100, i / 100, i / 200) for i in range(100, 0, -1)]
    for width in (NARROW, 440):
        drawn = risk_coverage("k", curve, width)
        said = {"10\u00a0% of the surest 20\u00a0%", "25\u00a0% of the surest 50\u00a0%", "50\u00a0% of all"}
        assert said <= set(texts(drawn)) and all(words in drawn for words in said)
        across = [float(x) for x in re.findall(r"[ML]([\d.]+) ", re.findall(r'class="curve" d="([^"]+)"', drawn)[0])]
        assert across == sorted(across) and len(across) == 100
