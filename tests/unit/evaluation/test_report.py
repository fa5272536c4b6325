"""The evaluation's page: the numbers with their protocol, the pictures with both sides, under 5 MB.

Every section of findings, and how a browser shows it, is in tests/browser and test_report_words.
"""

from __future__ import annotations

import dataclasses
import random
import re
from pathlib import Path

import pytest

from mezzetin.evaluation.gate import GateLine
from mezzetin.evaluation.report import (
    LARGEST_PAGE,
    EvaluationPage,
    JudgedPicture,
    ProtocolFacts,
    write_report,
)
from mezzetin.records import ModelInfo, Score

# Not a picture: the page doesn't decode it, and what a browser makes of it is tests/browser's question.
THUMBNAIL = b"\xff\xd8\xff\xe0" + bytes(200)
HOSTILE = '"><script>alert(1)</script> {{ 7 * 7 }} שלום \u202e \x00 ' + "w" * 10_000


def picture(name: str, thumbnail: bytes | None = THUMBNAIL, text: str = "a dog runs") -> JudgedPicture:
    return JudgedPicture(name, thumbnail, text, (f"{text} fast", f"{text} home"), 1.25)


def page(**changes: object) -> EvaluationPage:
    whole = EvaluationPage(
        title="Evaluation",
        model=ModelInfo("small", "3", "0123456789abcdef0123", "Research use only"),
        protocol=ProtocolFacts("Flickr8k", "val", 1000, "PTB", "5 a picture", "beam 3", "0.1.0"),
        scores=(
            Score("BLEU-4", 0.207, 0.195, 0.219, "BLEU-4|split=val"),
            Score("CIDEr-D", 1.5, 1.4, 1.6, "CIDEr-D|split=val"),
        ),
        best=(picture("best.jpg"),),
        median=(picture("median.jpg"),),
        worst=(picture("worst.jpg"),),
        notes=("METEOR is not here: Java was not found.",),
    )
    return dataclasses.replace(whole, **changes)  # type: ignore[arg-type]


def html(path: Path, report: EvaluationPage) -> str:
    write_report(path, report)
    return path.read_text(encoding="utf-8")


def test_scores_are_a_table_with_value_interval_and_signature(tmp_path: Path) -> None:
    text = html(tmp_path / "r.html", page())
    assert '<th scope="row">BLEU-4</th><td class="value">0.207</td>' in text
    assert "0.195 to 0.219" in text and "BLEU-4|split=val" in text
    for fact in ("Flickr8k", "val", "1,000", "PTB", "5 a picture", "beam 3", "small 3", "0.1.0"):
        assert f"<bdi>{fact}</bdi>" in text
    assert "METEOR is not here: Java was not found." in text


def test_the_bar_spans_the_interval_on_a_scale_that_holds_it(tmp_path: Path) -> None:
    text = html(tmp_path / "r.html", page())
    bars = re.findall(r'class="interval" x1="([\d.]+)" x2="([\d.]+)"', text)
    points = re.findall(r'class="point" x1="([\d.]+)"', text)
    assert bars == [("19.50", "21.90"), ("70.00", "80.00")]
    assert points == ["20.70", "75.00"]
    assert "of 1<" in text and "of 2<" in text


def test_each_picture_stands_with_hypothesis_references_and_its_score(tmp_path: Path) -> None:
    text = html(tmp_path / "r.html", page())
    places = [text.index(words) for words in ('<h2 id="best">', "best.jpg", '<h2 id="median">', "median.jpg")]
    assert places == sorted(places) and text.count('alt="a dog runs"') == 3
    assert text.count("a dog runs fast") == text.count("a dog runs home") == 3
    assert "Best 1 · CIDEr-D 1.250" in text and "Worst 1 · CIDEr-D 1.250" in text


def test_a_section_without_pictures_is_left_out(tmp_path: Path) -> None:
    assert "Median pictures" not in html(tmp_path / "r.html", page(median=()))


def test_a_page_stays_under_its_size_and_counts_the_thumbnails_that_it_left_out(tmp_path: Path) -> None:
    heavy = random.Random(0).randbytes(900_000)
    many = tuple(picture(f"{number}.jpg", heavy, '"' * 3000) for number in range(8))
    text = html(tmp_path / "r.html", page(best=many, median=(), worst=()))
    assert 3_500_000 < (tmp_path / "r.html").stat().st_size < LARGEST_PAGE
    assert text.count("<img ") + text.count("no picture to show") == 8
    left_out = re.search(r"(\d+) thumbnails left out", text)
    assert left_out is not None and int(left_out[1]) == 8 - text.count("<img ")


def test_texts_are_cut_short_only_where_they_alone_would_not_fit(tmp_path: Path) -> None:
    long = tuple(picture(f"{number}.jpg", THUMBNAIL, "&" * 60_000) for number in range(12))
    text = html(tmp_path / "r.html", page(best=long, median=long))
    assert (tmp_path / "r.html").stat().st_size < LARGEST_PAGE
    assert "&amp;" * 1_999 + "…" in text and "&amp;" * 2_001 not in text
    assert text.count("<img ") == 25
    whole = html(tmp_path / "w.html", page(best=long[:1], median=()))
    assert "&amp;" * 60_000 in whole


def test_confidence_and_warning_stand_with_a_picture_that_has_them(tmp_path: Path) -> None:
    sure = dataclasses.replace(picture("sure.jpg"), confidence=0.83, unlike_training=0.25)
    text = html(tmp_path / "r.html", page(mistakes=(sure,)))
    assert "Mistake 1 · CIDEr-D 1.250 · confidence 83\u00a0% · unlike training 0.25" in text
    assert text.index("Worst pictures") < text.index('<h2 id="mistakes">Most confident mistakes')
    assert "Most confident mistakes" not in html(tmp_path / "s.html", page())


def test_a_language_whose_words_nobody_knows_here_is_told_so(tmp_path: Path) -> None:
    said = "is told by English words only"
    assert said in html(tmp_path / "g.html", page(language="de"))
    assert said not in html(tmp_path / "e.html", page(language="en-GB"))


def test_the_gate_is_told_line_by_line(tmp_path: Path) -> None:
    lines = (GateLine("cider", "failed", "0.51 is below 0.54"), GateLine("calibration", "passed", "0.02 is below 0.05"))
    text = html(tmp_path / "r.html", page(gate=lines))
    assert "Failed: 1 of 2 rules." in text and "0.51 is below 0.54" in text
    assert "Passed." in html(tmp_path / "p.html", page(gate=lines[1:]))
    assert "The gate" not in html(tmp_path / "n.html", page())


@pytest.mark.parametrize("field", ["title", "notes", "model", "picture"])
def test_hostile_text_is_text(tmp_path: Path, field: str) -> None:
    changes: dict[str, object] = {
        "title": {"title": HOSTILE},
        "notes": {"notes": (HOSTILE,)},
        "model": {"model": ModelInfo(HOSTILE, HOSTILE, HOSTILE, HOSTILE)},
        "picture": {"best": (picture(HOSTILE, text=HOSTILE),)},
    }[field]  # type: ignore[assignment]
    text = html(tmp_path / "r.html", page(**changes))
    assert "<script" not in text and "{{ 7 * 7 }}" in text and "w" * 10_000 in text
    assert "\x00" not in text and "\u202e" not in text


def test_nothing_is_loaded_from_anywhere(tmp_path: Path) -> None:
    text = html(tmp_path / "r.html", page())
    assert "://" not in text and "<script" not in text and "<link" not in text and "@import" not in text
    assert all(source.startswith("data:image/jpeg;base64,") for source in re.findall(r'src="([^"]*)', text))


def test_the_same_page_has_the_same_bytes(tmp_path: Path) -> None:
    assert html(tmp_path / "a.html", page()) == html(tmp_path / "b.html", page())
