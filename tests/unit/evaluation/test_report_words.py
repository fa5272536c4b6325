"""The report's sentences, selections and tables: what they say, and nothing where nothing was measured."""

from __future__ import annotations

import dataclasses
import io
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mezzetin.evaluation.findings import (
    Band,
    Coverage,
    Estimate,
    Findings,
    Foreign,
    Looked,
    Rate,
    Reliability,
    Slice,
    Unfamiliar,
)
from mezzetin.evaluation.judged import Judged
from mezzetin.evaluation.report import EvaluationPage, ProtocolFacts, select, statements, tables, words
from mezzetin.evaluation.report.overlays import overlay, place_in_words
from mezzetin.records import ModelInfo, Score


def rate(name: str, count: int, of: int, examples: tuple[str, ...] = ()) -> Rate:
    share = Estimate(count / of, 0.0, 1.0) if of else None
    return Rate(name, name.replace("_", " ").capitalize(), "how", count, of, share, examples)


def kind(title: str, cider: float, images: int = 50, difference: Estimate | None = None) -> Slice:
    found = Estimate(cider, cider - 0.1, cider + 0.1)
    return Slice(title.lower(), title, "how", images, images < 30, found, 0.2, difference)


SURE = Reliability(
    human_median=0.6,
    acceptable=Estimate(0.36, 0.33, 0.39),
    error=Estimate(0.021, 0.01, 0.03),
    auroc=Estimate(0.7, 0.6, 0.8),
    lowest_fifth=Estimate(0.46, 0.4, 0.5),
    bins=(),
    coverage=(Coverage(0.9, 0.2, 0.25), Coverage(0.0, 1.0, 0.64)),
)


def page(findings: Findings) -> EvaluationPage:
    return EvaluationPage(
        title="t",
        model=ModelInfo("m", "1", "s", "l"),
        protocol=ProtocolFacts("d", "val", 1000, "ptb-py", "5 a picture", "beam 3", "0"),
        scores=(Score("CIDEr-D", 0.689, 0.6, 0.7, "s"),),
        best=(),
        median=(),
        worst=(),
        findings=findings,
    )


def test_the_summary_says_each_thing_that_was_found_in_plain_words() -> None:
    low = Estimate(-0.2, -0.3, -0.1)
    said = " ".join(
        words.summary(
            page(
                Findings(
                    slices=(
                        kind("Dogs", 0.9),
                        kind("Night", 0.2, 12),
                        kind("Crowds", 0.3, difference=low),
                        kind("Snow", 0.5),
                    ),
                    truth=(rate("gender_wrong", 18, 100), rate("gender_wrong.people", 2, 100)),
                    reliability=SURE,
                    unfamiliar=Unfamiliar((Foreign("scans", "scanned pages", 40, Estimate(0.9, 0.8, 1), 0.1),), ()),
                )
            )
        )
    )
    assert said.startswith("Of 100 captions, about 36 are as good as a person’s (33 to 39,")
    assert "CIDEr-D, is 0.69." in said
    assert "best kind of picture is dogs, the worst are crowds and snow." in said and "night" not in said
    assert "Gender wrong: about 18 of 100 where it can be checked (people’s own captions: about 2 of 100)." in said
    assert "can be believed; of the surest fifth of captions, about 75 of 100 are as good" in said
    assert "Most scanned pages get no warning" in said
    assert words.summary(page(Findings())) == ["The usual score for that agreement, CIDEr-D, is 0.69."]


@pytest.mark.parametrize(
    ("error", "said"),
    [(0.004, "off by less than 1 percentage point."), (0.014, "1 percentage point."), (0.12, "can’t be taken")],
)
def test_confidence_is_believed_below_five_points(error: float, said: str) -> None:
    found = dataclasses.replace(SURE, error=Estimate(error, 0, 1))
    assert said in words.reliability(found)
    assert ("may be taken" in words.reliability(found)) == (error < 0.05)


def test_slices_are_clearly_below_only_where_the_interval_says_so() -> None:
    rows = [
        kind("Dogs", 0.9),
        kind("Indoors", 0.4, difference=Estimate(-0.2, -0.3, -0.1)),
        kind("Water", 0.5, difference=Estimate(-0.1, -0.3, 0.1)),
        kind("Night", 0.1, 5, difference=Estimate(-0.9, -1, -0.8)),
    ]
    assert words.slices(rows) == (
        "Highest: dogs, 0.90. Lowest: indoors, 0.40. Clearly below the other pictures: indoors."
    )
    assert words.slices(rows[:1]) == "" and "No kind is clearly" in words.slices([rows[0], rows[2]])


@given(st.floats(0, 1))
def test_a_share_in_words_is_never_none_when_there_is_some_nor_all_when_some_are_missing(share: float) -> None:
    said = words.hundred(share)
    assert said.endswith("of 100")
    assert (said == "none of 100") == (share == 0) and (said == "all of 100") == (share == 1)


def test_bands_tell_whether_quality_falls_among_those_with_enough_pictures() -> None:
    falling = [(100, Estimate(0.6, 0, 1)), (40, Estimate(0.5, 0, 1)), (3, Estimate(0.9, 0, 1)), (0, None)]
    assert "falls from 0.60 to 0.50" in words.unfamiliar_bands(falling)
    assert "do not steadily" in words.unfamiliar_bands([*falling, (30, Estimate(0.55, 0, 1))])
    assert words.unfamiliar_bands(falling[1:]) == ""


def test_rates_of_people_stand_beside_and_parts_apart() -> None:
    rates = (
        rate("gender_wrong", 1, 50),
        rate("gender_wrong.people", 2, 60),
        rate("colours", 9, 90),
        rate("colour_red", 2, 40),
        rate("colour_red.people", 1, 40),
        rate("colour_pink", 5, 31),
        rate("colour_grey", 1, 7),
        rate("captions_with_objects", 1, 9),
    )
    names = [(own.name, other and other.name) for own, other in statements.main_rates(rates)]
    assert names == [("gender_wrong", "gender_wrong.people"), ("colours", None), ("captions_with_objects", None)]
    assert [own.name for own, _ in statements.parts(rates)] == ["colour_pink", "colour_red"]
    table = tables.truth_table(statements.with_peoples(rates))
    assert table.rows[0].cells == ("1 of 50", "2.0\u00a0%", "0\u00a0% to 100\u00a0%", "3.3\u00a0% of 60")
    assert len(table.rows) == 6 and table.rows[1].cells[-1] == "–"


def test_the_most_confident_mistakes_are_the_worst_of_the_surest_fifth() -> None:
    pictures = [Judged(f"{i}", "a dog", ("a dog",), confidence=i / 20) for i in range(20)]
    cider = [1.0] * 20
    cider[19], cider[18], cider[16], cider[3] = 0.5, 0.2, 0.2, 0.0
    found = select(pictures, cider, Findings())
    assert found.mistakes == (18, 16, 19, 17)
    assert select(pictures, cider, Findings(), count=2).mistakes == (18, 16)
    assert found.worst[0] == 3 and len(found.best) == len(found.worst) == len(found.median) == 12
    silent = [dataclasses.replace(one, confidence=None) for one in pictures]
    assert select(silent, cider, Findings()).mistakes == ()
    assert select([], [], Findings()).best == ()


def test_pictures_that_findings_point_to_are_chosen_once_and_unknown_ids_are_not() -> None:
    pictures = [Judged(name, "a", ("a",)) for name in "abcdef"]
    findings = Findings(
        truth=(rate("x", 1, 2, ("b", "zz", "c", "f")), rate("x.people", 1, 2, ("d",))),
        looked=(Looked("c", (), ()), Looked("e", (), ())),
    )
    assert select(pictures, [0.0] * 6, findings).named == (1, 2, 4)


def test_an_empty_band_and_a_missing_interval_are_dashes() -> None:
    found = Unfamiliar((), (Band(0, 0, 3, Estimate(0.5, -0.1, 1)), Band(0.5, 0.75, 0, None)))
    rows = tables.band_table(found).rows
    assert (rows[0].title, rows[0].cells) == ("0", ("3", "0.50", "−0.10 to 1.00"))
    assert (rows[1].title, rows[1].cells) == ("Over 0.5, to 0.75", ("0", "–", "–"))
    assert tables.signed(-0.2) == "−0.20" and tables.coverage_table(()).rows == ()


def grid(row: int, column: int) -> list[list[float]]:
    return [[float((r, c) == (row, column)) for c in range(7)] for r in range(7)]


@pytest.mark.parametrize(
    ("row", "column", "said"),
    [(0, 0, "upper left"), (0, 3, "upper"), (3, 3, "centre"), (3, 6, "right"), (6, 6, "lower right"), (6, 3, "lower")],
)
def test_attention_is_told_by_its_place_and_shown_by_light(row: int, column: int, said: str) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (320, 240), (200, 40, 40)).save(stream, "JPEG")
    shown = np.asarray(Image.open(io.BytesIO(overlay(stream.getvalue(), grid(row, column)))), np.float64)
    assert place_in_words(grid(row, column)) == said
    assert shown.shape == (120, 160, 3)
    y, x = np.unravel_index(int(shown.mean(2).argmax()), shown.shape[:2])
    assert (int(y * 7 / 120), int(x * 7 / 160)) == (row, column)
    away = shown[-1 if row < 3 else 0, -1 if column < 3 else 0]
    assert np.ptp(away) < 12 and away.mean() < 50


def test_even_or_absent_attention_is_everywhere() -> None:
    assert place_in_words([[1.0] * 3] * 3) == place_in_words([[0.0] * 3] * 3) == "everywhere"
    assert not re.search(r"upper|lower", place_in_words([[0.5, 0.5], [0.5, 0.5]]))
