from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezzetin.errors import InputError
from mezzetin.metrics import METRICS, Metric, score
from mezzetin.records import Score

Image = tuple[list[list[str]], list[str]]

_WORD = st.sampled_from(["a", "the", "dog", "cat", "runs", "sits", "on", "grass", "red", ",", "two"])
_CAPTION = st.lists(_WORD, min_size=1, max_size=9)
_IMAGE: st.SearchStrategy[Image] = st.tuples(st.lists(_CAPTION, min_size=1, max_size=4), st.lists(_WORD, max_size=9))
_CORPUS = st.lists(_IMAGE, min_size=1, max_size=8)


def _scores(corpus: list[Image], resamples: int = 20) -> dict[str, Score]:
    references, hypotheses = [image[0] for image in corpus], [image[1] for image in corpus]
    return {s.name: s for s in score(references, hypotheses, protocol="split=val|n=3", resamples=resamples)}


@settings(max_examples=60)
@given(_CORPUS, st.randoms(use_true_random=False))
def test_the_order_of_images_does_not_matter(corpus: list[Image], shuffler: Random) -> None:
    order = list(range(len(corpus)))
    shuffler.shuffle(order)
    before, after = _scores(corpus), _scores([corpus[place] for place in order])
    for name in METRICS:
        assert after[name].value == pytest.approx(before[name].value, abs=1e-6)
        assert after[name].per_image == pytest.approx([before[name].per_image[p] for p in order], abs=1e-6)


@settings(max_examples=60)
@given(_CORPUS)
def test_a_reference_given_twice_changes_nothing(corpus: list[Image]) -> None:
    # CIDEr-D is a mean over references, so every reference is doubled there, too.
    before, after = _scores(corpus), _scores([(references * 2, words) for references, words in corpus])
    for name in METRICS:
        assert after[name].value == pytest.approx(before[name].value, abs=1e-6)


@settings(max_examples=60)
@given(_CORPUS)
def test_scores_stay_in_their_range(corpus: list[Image]) -> None:
    for result in _scores(corpus).values():
        top = 10 if result.name == "CIDEr-D" else 1
        for number in (result.value, result.low, result.high, *result.per_image):
            assert 0 <= number <= top + 1e-6
        assert len(result.per_image) == len(corpus)


@settings(max_examples=60)
@given(st.lists(st.lists(_WORD, min_size=4, max_size=9), min_size=1, max_size=6), _CAPTION)
def test_repeating_a_reference_is_perfect(captions: list[list[str]], other: list[str]) -> None:
    results = _scores([([caption, other], caption) for caption in captions])
    for name in ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "ROUGE-L"):
        assert results[name].value == pytest.approx(1.0, abs=1e-6)
        assert results[name].low == pytest.approx(1.0, abs=1e-6)


def test_the_only_reference_repeated_gives_ten() -> None:
    corpus: list[Image] = [([s.split()], s.split()) for s in ("a dog runs on grass", "two cats sit by a door")]
    assert _scores(corpus)["CIDEr-D"].value == pytest.approx(10.0, abs=1e-5)


def test_empty_hypotheses_score_nought() -> None:
    results = _scores([([["a", "dog"]], []), ([["two", "cats", "sit"]], [])])
    assert {name: result.value for name, result in results.items()} == dict.fromkeys(METRICS, 0.0)


def test_one_empty_hypothesis_costs_but_does_not_break() -> None:
    full: list[Image] = [([c.split()], c.split()) for c in ("a dog runs on grass", "two cats sit by a door")]
    whole, part = _scores(full), _scores([full[0], (full[1][0], [])])
    for name in METRICS:
        assert 0 < part[name].value < whole[name].value
        assert part[name].per_image[1] == 0


def test_a_reference_of_punctuation_only_is_no_trouble() -> None:
    results = _scores([([[], ["a", "dog"]], ["a", "dog"]), ([[]], ["a", "cat"])])
    assert results["ROUGE-L"].per_image == (1.0, 0.0)
    assert results["CIDEr-D"].per_image[1] == 0.0


def test_the_signature_says_how_a_score_was_made() -> None:
    results = score([[["a"]]], [["a"]], protocol="split=val|n=1|refs=1|tok=ptb-py", resamples=7, seed=3)
    signatures = [result.signature for result in results]
    assert len(set(signatures)) == len(METRICS)
    for result in results:
        assert result.signature.startswith(f"split=val|n=1|refs=1|tok=ptb-py|{result.name}:")
        assert result.signature.endswith("bootstrap=7,seed=3")


def test_metrics_come_in_the_order_asked_for() -> None:
    results = score([[["a"]]], [["a"]], protocol="p", metrics=["ROUGE-L", "BLEU-2"])
    assert [result.name for result in results] == ["ROUGE-L", "BLEU-2"]


def test_a_metric_of_ones_own_is_an_entry_of_the_dict(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = Metric(
        lambda references, hypotheses: np.array([[float(len(words))] for words in hypotheses]),
        lambda sums, images: sums[..., 0] / images,
        "unit=words",
    )
    monkeypatch.setitem(METRICS, "LENGTH", lengths)
    (result,) = score([[["a"]], [["b"]]], [["a"], ["b", "c", "d"]], protocol="p", metrics=["LENGTH"])
    assert result.value == 2.0
    assert result.per_image == (1.0, 3.0)


@pytest.mark.parametrize(
    ("references", "hypotheses", "words"),
    [
        ([[["a"]]], [["a"], ["b"]], "1 images have references but 2 have a hypothesis"),
        ([[["a"]], []], [["a"], ["b"]], "image 1 has no reference"),
        ([], [], "nothing to score"),
        ([["a dog"]], [["a"]], "references of image 0 are text"),
        ([[["a"]]], ["a dog"], "hypothesis of image 0 is text"),
    ],
)
def test_what_is_wrong_with_the_corpus_is_said(
    references: list[list[list[str]]], hypotheses: list[list[str]], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        score(references, hypotheses, protocol="p")


def test_an_unknown_metric_and_no_resamples_are_refused() -> None:
    with pytest.raises(InputError, match=r"no metric 'SPICE'.*ROUGE-L"):
        score([[["a"]]], [["a"]], protocol="p", metrics=["SPICE"])
    with pytest.raises(InputError, match="at least 1"):
        score([[["a"]]], [["a"]], protocol="p", resamples=0)
