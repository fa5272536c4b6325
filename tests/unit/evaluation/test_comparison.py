"""Comparisons: signs, intervals and p-values that are right where the right answer is known."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezzetin.data.dataset import Dataset
from mezzetin.data.ingest import ingest
from mezzetin.errors import InputError
from mezzetin.evaluation.comparison import APART, Comparison, compare
from mezzetin.evaluation.comparisonpage import LARGEST_PAGE, keep_comparison
from mezzetin.evaluation.contestant import Contestant, Task, named_apart, task_of
from mezzetin.metrics import METRICS
from mezzetin.metrics.bootstrap import holm, sign_p
from mezzetin.records import ModelInfo
from mezzetin.scenes import draw_scenes

_WORD = st.sampled_from(["a", "dog", "cat", "runs", "sits", "on", "grass", "two"])
_CAPTION = st.lists(_WORD, max_size=7).map(" ".join)
_PICTURE = st.tuples(_CAPTION, _CAPTION, st.lists(_CAPTION.filter(bool), min_size=1, max_size=3))
_PICTURES = st.lists(_PICTURE, min_size=1, max_size=6)
Pictures = list[tuple[str, str, list[str]]]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("compared")
    draw_scenes(folder / "scenes", count=60, seed=5)
    ingest(folder / "scenes", folder / "scenes.dataset")
    return Dataset.open(folder / "scenes.dataset")


@pytest.fixture(scope="module")
def task(dataset: Dataset) -> Task:
    return task_of(dataset, "train")


def said(name: str, captions: list[str]) -> Contestant:
    return Contestant(name, f"{name}.jsonl", None, None, tuple(captions), f"{name}.captions.jsonl")


def made(
    dataset: Dataset, pictures: Pictures, *, turned: bool = False, resamples: int = 60, metric: str = ""
) -> Comparison:
    task = Task(dataset, "train", tuple(f"{n}.jpg" for n in range(len(pictures))), tuple(tuple(p[2]) for p in pictures))
    sides = [said("A", [p[0] for p in pictures]), said("B", [p[1] for p in pictures])]
    metrics = [metric] if metric else None
    return compare(sides[::-1] if turned else sides, task, metrics=metrics, resamples=resamples)


@settings(max_examples=40)
@given(_PICTURES)
def test_turned_round_every_difference_changes_its_sign(dataset: Dataset, pictures: Pictures) -> None:
    (there,), (back,) = made(dataset, pictures).pairs, made(dataset, pictures, turned=True).pairs
    assert (there.wins, there.losses, there.ties) == (back.losses, back.wins, back.ties)
    assert {apart.image for apart in there.gained} == {apart.image for apart in back.lost}
    for one, other in zip(there.differences, back.differences, strict=True):
        assert one.metric == other.metric and one.p == other.p
        mirrored = (-other.difference.value, -other.difference.high, -other.difference.low)
        assert (one.difference.value, one.difference.low, one.difference.high) == pytest.approx(mirrored, abs=1e-9)
        assert one.better == pytest.approx(1 - other.better)


@settings(max_examples=40)
@given(_PICTURES)
def test_beside_itself_nothing_differs(dataset: Dataset, pictures: Pictures) -> None:
    (pair,) = made(dataset, [(own, own, references) for own, _, references in pictures]).pairs
    assert (pair.wins, pair.losses, pair.ties) == (0, 0, len(pictures))
    assert pair.gained == pair.lost == () and pair.verdict.startswith("no difference is shown between B and A")
    for own in pair.differences:
        assert (own.difference.value, own.difference.low, own.difference.high) == (0, 0, 0)
        assert (own.p, own.corrected, own.better) == (1, 1, 0.5)


@settings(max_examples=30)
@given(_PICTURES, st.randoms(use_true_random=False))
def test_the_order_of_pictures_changes_no_value_and_no_count(
    dataset: Dataset, pictures: Pictures, shuffler: Random
) -> None:
    mixed = list(pictures)
    shuffler.shuffle(mixed)
    (before,), (after,) = made(dataset, pictures).pairs, made(dataset, mixed).pairs
    assert (before.wins, before.losses) == (after.wins, after.losses)
    for one, other in zip(before.differences, after.differences, strict=True):
        assert one.difference.value == pytest.approx(other.difference.value, abs=1e-6)


@settings(max_examples=30)
@given(_PICTURES)
def test_every_picture_twice_changes_no_difference_of_means(dataset: Dataset, pictures: Pictures) -> None:
    (once,), (twice,) = made(dataset, pictures).pairs, made(dataset, pictures * 2).pairs
    # The rarity of words that no reference has grows with the pictures, and BLEU of few words is mostly smoothing.
    one, other = ({own.metric: own.difference.value for own in pair.differences} for pair in (once, twice))
    assert one["ROUGE-L"] == pytest.approx(other["ROUGE-L"], abs=1e-9)


def test_a_better_one_is_better_and_the_numbers_say_so(task: Task) -> None:
    poor = said("poor", ["a red thing"] * len(task.names))
    good = said("good", [own[0] for own in task.references])
    found = compare([poor, good], task)
    (pair,) = found.pairs
    assert pair.verdict.startswith("good is better than poor by ") and "p 0.002" in pair.verdict
    assert pair.wins > 0.9 * len(task.names) and len(pair.gained) == APART
    for own in pair.differences:
        assert own.difference.low > 0 and own.is_significant and own.better == 1
    values = {entrant.contestant.name: [score.value for score in entrant.scores] for entrant in found.entrants}
    for own, first, other in zip(pair.differences, values["poor"], values["good"], strict=True):
        assert own.difference.value == pytest.approx(other - first)
    assert [apart.difference for apart in pair.gained] == sorted((a.difference for a in pair.gained), reverse=True)
    top = pair.gained[0]
    assert (top.first, top.other) == ("a red thing", task.references[task.names.index(top.image)][0])
    assert compare([good, poor], task).pairs[0].verdict.startswith("poor is worse than good by ")


def test_chance_is_significant_about_as_often_as_it_should(dataset: Dataset) -> None:
    """Two captioners that are wrong on as many pictures, drawn anew fifty times."""
    random, shown = Random(3), 0
    for _ in range(50):
        pictures: Pictures = []
        for number in range(40):
            right = f"w{number % 10} dog runs on grass"
            options = [right, "a cat sits here now"]
            pictures.append((random.choice(options), random.choice(options), [right]))
        shown += made(dataset, pictures, resamples=200, metric="CIDEr-D").pairs[0].differences[0].is_significant
    assert shown <= 8


def test_several_are_each_set_beside_the_first_and_corrected(task: Task) -> None:
    texts = [own[0] for own in task.references]
    half = [text if number % 2 else "a red thing" for number, text in enumerate(texts)]
    found = compare([said("A", half), said("B", texts), said("C", half[::-1])], task, metrics=["CIDEr-D", "BLEU-1"])
    assert [(pair.first, pair.other) for pair in found.pairs] == [("A", "B"), ("A", "C")]
    assert [own.metric for own in found.pairs[0].differences] == ["CIDEr-D", "BLEU-1"]
    for place in (0, 1):
        raw = [pair.differences[place].p for pair in found.pairs]
        assert [pair.differences[place].corrected for pair in found.pairs] == holm(raw)
    assert found.notes[-1] == "p-values are corrected for 2 comparisons a metric (Holm 1979)."


def test_all_share_one_signature(task: Task) -> None:
    found = compare([said("A", ["a"] * len(task.names)), said("B", [""] * len(task.names))], task)
    first, other = ([score.signature for score in entrant.scores] for entrant in found.entrants)
    assert first == other and len(set(first)) == len(METRICS)
    assert f"B has no caption for {len(task.names):,} pictures, which score 0." in found.notes


def test_one_alone_and_unknown_metrics_are_refused(task: Task) -> None:
    one = said("A", ["a"] * len(task.names))
    with pytest.raises(InputError, match="at least two"):
        compare([one], task)
    with pytest.raises(InputError, match=r"no metric 'SPICE'.*METEOR"):
        compare([one, one], task, metrics=["SPICE"])


def test_a_p_value_is_twice_the_smaller_side_and_never_nought() -> None:
    differences = np.array([-1.0, 1.0, 2.0, 3.0] * 25)
    assert sign_p(differences) == pytest.approx(2 * 26 / 101)
    assert sign_p(np.ones(999)) == pytest.approx(0.002)
    assert sign_p(np.ones(99), than=1.0) == 1
    assert sign_p(-differences) == sign_p(differences)


def test_holm_is_as_published() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_names_and_files_are_told_apart() -> None:
    info = ModelInfo("small", "1", "abc", "free")
    other = ModelInfo("small", "2", "def", "free")
    rows = [
        Contestant("small", "x", info, "d", (), "small-1.captions.jsonl"),
        Contestant("small", "x", info, "d", (), "small-1.captions.jsonl"),
        Contestant("small", "y", other, "d", (), "small-2.captions.jsonl"),
        Contestant("c.csv", "c.csv", None, None, (), "c.csv.captions.jsonl"),
    ]
    apart = named_apart(rows)
    assert [one.name for one in apart] == ["small (abc)", "small (abc) (2)", "small (def)", "c.csv"]
    assert len({one.file for one in apart}) == 4


def test_what_is_kept_is_what_was_found(task: Task, tmp_path: Path) -> None:
    hostile = '<script>alert(1)</script> "quoted"'
    found = compare([said("A", [hostile] * len(task.names)), said("B", [own[0] for own in task.references])], task)
    keep_comparison(found, task, tmp_path / "deep" / "out")
    folder = tmp_path / "deep" / "out"
    names = {path.name for path in folder.iterdir()}
    assert names == {"comparison.html", "comparison.json", "A.captions.jsonl", "B.captions.jsonl"}
    facts = json.loads((folder / "comparison.json").read_text())
    assert facts == json.loads(json.dumps(found.to_json())) and facts["pairs"][0]["verdict"] == found.pairs[0].verdict
    lines = [json.loads(line) for line in (folder / "B.captions.jsonl").read_text().splitlines()]
    assert [(line["image"], line["caption"]) for line in lines] == [
        (name, own[0]) for name, own in zip(task.names, task.references, strict=True)
    ]
    page = (folder / "comparison.html").read_text()
    assert "<script" not in page and "&lt;script&gt;" in page and len(page.encode()) < LARGEST_PAGE
    assert page.count("<table") == page.count("<caption>") == 2 and page.count("<img ") == page.count(' alt="')
    assert page.count("data:image/jpeg;base64,") == 6
