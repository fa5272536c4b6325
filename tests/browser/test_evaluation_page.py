"""The evaluation's page in a real browser: every section and hostile text, or none, on screen and paper."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from mezzetin.evaluation.findings import (
    Band,
    Bin,
    Coverage,
    Estimate,
    Findings,
    Foreign,
    Looked,
    ProtocolRow,
    Rate,
    Reliability,
    Slice,
    Unfamiliar,
    Variety,
)
from mezzetin.evaluation.gate import GateLine
from mezzetin.evaluation.report import EvaluationPage, JudgedPicture, ProtocolFacts, write_report
from mezzetin.records import ModelInfo, Score

LONG = "<b>long</b> שלום \u202e " + "w" * 2_000
HOSTILE = '<b>"&amp;</b> ' + "v" * 60
MODEL = ModelInfo("small", "1", "0123456789abcdef0123", "Research use only")
METRICS = ("BLEU-1", "BLEU-4", "ROUGE-L", "CIDEr-D")
HALF = Estimate(0.5, 0.4, 0.6)


def findings(names: list[str]) -> Findings:
    """Every section, hostile words and odd numbers among them."""
    slices = [
        Slice(f"kind{i}", f"Kind {i}", "how", 30 + i, False, Estimate(i / 9, i / 11, i / 7), 0.2, HALF) for i in (1, 5)
    ]
    slices += [
        Slice("hostile", HOSTILE, HOSTILE, 3, True, Estimate(0.2, 0.0, 4.0), None, None),
        Slice("none", "Fog", "how", 0, True, None, None, None),
    ]
    truth = (
        Rate("colours", "Colours that no reference names", "how", 40, 120, HALF, tuple(names[:4])),
        Rate("colours.people", "Colours: people", "how", 10, 400, Estimate(0.1, 0.05, 0.2), tuple(names[4:])),
        Rate("colour_red", "Red that no reference names", "how", 20, 31, HALF),
        Rate("counts_wrong", HOSTILE, HOSTILE, 0, 0, None),
    )
    bins = tuple(
        Bin(i / 10, i / 10 + 0.1, 12, i / 10 + 0.05, Estimate(i / 10, i / 20, i / 10 + 0.1)) for i in range(10)
    )
    curve = tuple(Coverage(1 - i / 20, i / 20, i / 40) for i in range(1, 21))
    unlike = Unfamiliar(
        (Foreign("plots", HOSTILE, 40, Estimate(0.97, 0.9, 1.0), 0.4),),
        (Band(0.0, 0.0, 60, HALF), Band(0.0, 0.25, 31, Estimate(0.3, 0.2, 0.4)), Band(0.25, 0.5, 0, None)),
    )
    grids = tuple(tuple(tuple(float((r, c) == (0, k)) for c in range(3)) for r in range(3)) for k in range(2))
    return Findings(
        (ProtocolRow("published", "how", (0.6, 0.4, 0.3, 0.2)), ProtocolRow(HOSTILE, HOSTILE, (0.9, 0.8, 0.7, 0.6))),
        tuple(slices),
        truth,
        Variety(12, 9, 40, None, 8.5, 0.3, 0.6, Rate("copied", "Copies", "how", 1, 12, HALF)),
        Reliability(0.6, HALF, Estimate(0.04, 0.01, 0.06), HALF, HALF, bins, curve),
        unlike,
        (Looked(names[0], ("dog", HOSTILE), grids),),
    )


def evaluation(scenes: Path, rows: list[tuple[str, str]], found: bool) -> EvaluationPage:
    pictures = {name: (scenes / "Images" / name).read_bytes() for name, _ in rows}
    judged = [
        JudgedPicture(name, pictures[name], texts[0], texts[1:], 2.5, 0.75, 0.1)
        for name in pictures
        for texts in (tuple(text for other, text in rows if other == name),)
    ]
    judged[1] = JudgedPicture(LONG, judged[1].thumbnail, LONG, (LONG, ""), 0.0)
    names = [picture.name for picture in judged if picture.name != LONG]
    return EvaluationPage(
        title="How well <small> captions",
        model=MODEL,
        protocol=ProtocolFacts("scenes", "dev", 12, "ptb-py", "5 a picture", "beam 3", "0.1.0"),
        scores=tuple(Score(name, 0.6, 0.5, 0.7, f"{name}|split=dev|n=12|refs=5|tok=ptb") for name in METRICS),
        best=tuple(judged[:4]),
        median=tuple(judged[4:8]),
        worst=tuple(judged[8:]),
        notes=("METEOR is not here: Java was not found.",),
        findings=findings(names) if found else Findings(),
        mistakes=tuple(judged[:2]) if found else (),
        named=tuple(judged) if found else (),
        gate=(GateLine("floor", "failed", HOSTILE), GateLine("calibration", "passed", "0.04")) if found else (),
    )


@pytest.fixture(scope="module")
def reports(
    scenes: Path, scene_rows: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("reports")
    for name in ("full", "bare"):
        write_report(folder / f"{name}.html", evaluation(scenes, scene_rows, name == "full"))
    return {name: (folder / f"{name}.html").as_uri() for name in ("full", "bare")}


@pytest.mark.parametrize("name", ["full", "bare"])
def test_the_report_fits_its_pictures_load_and_nothing_complains(
    reports: dict[str, str], visit: Callable[[str], Any], name: str
) -> None:
    tab = visit(reports[name])
    pictures = tab.evaluate("[...document.images].map(i => [i.complete && i.naturalWidth, i.alt])")
    assert len(pictures) >= (12 + 2 + 3 + 3 if name == "full" else 12)
    assert all(width > 0 and alt.strip() for width, alt in pictures)


def test_with_everything_opened_it_still_fits_and_no_text_became_markup(reports: dict[str, str], tab: Any) -> None:
    tab.goto(reports["full"])
    assert tab.evaluate("[...document.querySelectorAll('details')].map(d => d.open = true).length") > 8
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert tab.evaluate("document.body.innerText.includes('<b>long</b>') && !document.querySelector('b')")
    assert tab.evaluate("[...document.querySelectorAll('svg text')].some(t => t.textContent.includes('<b>'))")


def test_every_plot_is_shown_once_named_described_and_has_its_numbers_in_a_table(
    reports: dict[str, str], tab: Any
) -> None:
    tab.goto(reports["full"])
    tree = tab.locator("main")
    shown = [plot for plot in tree.locator("svg[role=img]").all() if plot.is_visible()]
    assert len(shown) == 7
    for plot in shown:
        assert plot.evaluate("p => document.getElementById(p.getAttribute('aria-labelledby')).textContent.length > 5")
        assert plot.evaluate("p => document.getElementById(p.getAttribute('aria-describedby')).textContent.length > 20")
        assert plot.evaluate("p => !!p.closest('section').querySelector('details table caption')")
    assert tab.get_by_role("img", name="CIDEr-D by kind of picture").count() == 1
    assert len(set(tab.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)"))) == tab.evaluate(
        "document.querySelectorAll('[id]').length"
    )


def test_no_label_of_a_plot_runs_out_of_the_page(reports: dict[str, str], tab: Any) -> None:
    tab.goto(reports["full"])
    over = """limit => [...document.querySelectorAll('svg.plot text')]
        .map(t => [t.textContent, t.getBoundingClientRect()])
        .filter(([words, box]) => box.width && !words.includes('<b>') && (box.left < 0 || box.right > limit))
        .map(([words]) => words)"""
    assert tab.evaluate(over, tab.viewport_size["width"]) == []


def test_headings_are_in_order_and_the_contents_lead_to_each_section(reports: dict[str, str], tab: Any) -> None:
    tab.goto(reports["full"])
    levels = tab.evaluate("[...document.querySelectorAll('h1, h2, h3, h4')].map(h => +h.tagName[1])")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    links = tab.evaluate("[...document.querySelectorAll('nav a')].map(a => a.hash.slice(1))")
    sections = tab.evaluate(
        "[...document.querySelectorAll('main section')].map(s => s.getAttribute('aria-labelledby'))"
    )
    assert links == sections and len(links) == 13
    tab.get_by_role("navigation").get_by_role("link", name="What its confidence is worth").click()
    assert tab.evaluate("Math.abs(document.getElementById('confidence').getBoundingClientRect().top) < 60")


def test_tables_keep_their_roles_on_a_narrow_page(reports: dict[str, str], tab: Any) -> None:
    tab.goto(reports["full"])
    tab.evaluate("[...document.querySelectorAll('details')].forEach(d => d.open = true)")
    table = tab.get_by_role("table", name="BLEU of the very same captions")
    assert table.get_by_role("columnheader").all_inner_texts() == ["Protocol", "BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4"]
    assert table.get_by_role("rowheader").count() == 2
    assert table.get_by_role("cell").all_inner_texts() == [f"0.{n}00" for n in (6, 4, 3, 2, 9, 8, 7, 6)]


def test_on_paper_details_are_open_and_plots_are_whole(reports: dict[str, str], tab: Any) -> None:
    tab.goto(reports["full"])
    tab.emulate_media(media="print")
    assert tab.evaluate("getComputedStyle(document.querySelector('svg.plot')).breakInside") == "avoid"
    hidden = "[...document.querySelectorAll('details table')].filter(t => !t.checkVisibility()).length"
    assert tab.evaluate(hidden) == 0
    tab.emulate_media(media="screen")
    assert tab.evaluate(hidden) > 3


@pytest.mark.parametrize(("name", "opened"), [("full", True), ("bare", False)])
def test_axe_finds_no_wcag_violation_on_the_report(
    reports: dict[str, str], tab: Any, violations: Callable[[Any], list[Any]], name: str, opened: bool
) -> None:
    tab.goto(reports[name])
    if opened:
        tab.evaluate("[...document.querySelectorAll('details')].forEach(d => d.open = true)")
    assert violations(tab) == []


@pytest.mark.parametrize("section", ["confidence", "unfamiliar"])
def test_what_was_not_measured_says_so(reports: dict[str, str], tab: Any, section: str) -> None:
    tab.goto(reports["bare"])
    assert "Not measured: " in tab.locator(f"section[aria-labelledby={section}]").inner_text()
    assert tab.locator("svg[role=img]").count() == 0
