"""The protocol table's arithmetic against NLTK's own, to 1e-9: on real captions and on odd little corpora."""

from __future__ import annotations

import csv
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezzetin.evaluation.judged import Judged, Material, material_of
from mezzetin.evaluation.protocols import (
    EVEN_WEIGHTS,
    TUTORIAL_WEIGHTS,
    nltk_corpus_bleu,
    nltk_sentence_bleu,
    protocol_table,
)
from mezzetin.metrics.bleu import bleu_statistics
from mezzetin.text import clean_words, tokenise

nltk_bleu = pytest.importorskip("nltk.translate.bleu_score", reason="NLTK is not installed: pip install nltk")

_WORD = st.sampled_from(["a", "the", "dog", "cat", "runs", "on", "grass"])
_CORPUS = st.lists(
    st.tuples(st.lists(st.lists(_WORD, max_size=8), min_size=1, max_size=4), st.lists(_WORD, max_size=8)),
    min_size=1,
    max_size=6,
)


def theirs(references: list[list[list[str]]], hypotheses: list[list[str]], weights: object) -> list[float]:
    """NLTK's corpus BLEU, one number a weighting; it warns where an order has no match."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return list(nltk_bleu.corpus_bleu(references, hypotheses, weights=list(weights)))  # type: ignore[call-overload]


@settings(max_examples=200)
@given(_CORPUS)
def test_any_corpus_has_the_corpus_bleu_of_nltk(corpus: list[tuple[list[list[str]], list[str]]]) -> None:
    references, hypotheses = [own for own, _ in corpus], [words for _, words in corpus]
    statistics = bleu_statistics(references, hypotheses)
    for weights in (TUTORIAL_WEIGHTS, EVEN_WEIGHTS):
        assert nltk_corpus_bleu(statistics, weights) == pytest.approx(theirs(references, hypotheses, weights), abs=1e-9)


@settings(max_examples=100)
@given(_CORPUS)
def test_any_sentence_has_the_smoothed_bleu_of_nltk(corpus: list[tuple[list[list[str]], list[str]]]) -> None:
    smooth = nltk_bleu.SmoothingFunction().method1
    ours = nltk_sentence_bleu(bleu_statistics([own for own, _ in corpus], [words for _, words in corpus]), EVEN_WEIGHTS)
    for (references, words), row in zip(corpus, ours, strict=True):
        expected = [nltk_bleu.sentence_bleu(references, words, own, smooth) for own in EVEN_WEIGHTS]
        assert list(row) == pytest.approx(expected, abs=1e-9)


@pytest.fixture(scope="module")
def real(shared: Path) -> Material:
    """One person's caption against the other four of 300 pictures."""
    path = shared / "data" / "flickr8k" / "captions.txt"
    if not path.is_file():
        pytest.skip(f"Flickr8k's captions are not at {path} (MEZZETIN_SHARED)")
    images: dict[str, list[str]] = {}
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            images.setdefault(row["image"], []).append(row["caption"])
    chosen = list(images.items())[:300]
    return material_of([Judged(name, captions[0], tuple(captions[1:])) for name, captions in chosen])


def test_real_captions_have_the_numbers_of_nltk_under_every_protocol_of_it(real: Material) -> None:
    said = [picture.hypothesis for picture in real.pictures]
    wrote = [picture.references for picture in real.pictures]
    clean = [[clean_words(text) for text in own] for own in wrote], [clean_words(text) for text in said]
    marked = (
        [[["startseq", *words, "endseq"] for words in own] for own in clean[0]],
        [["startseq", *words, "endseq"] for words in clean[1]],
    )
    raw = [[text.split() for text in own] for own in wrote], [text.split() for text in said]
    # NLTK is given what the error gives it: strings.
    strings = [[list(text) for text in own] for own in wrote], [list(text) for text in said]
    assert nltk_bleu.corpus_bleu(wrote, said) == pytest.approx(theirs(*strings, EVEN_WEIGHTS)[3], abs=1e-12)
    tokens = [[tokenise(text) for text in own] for own in wrote], [tokenise(text) for text in said]
    smooth = nltk_bleu.SmoothingFunction().method1
    sentences = [
        [nltk_bleu.sentence_bleu(own, words, weights, smooth) for weights in EVEN_WEIGHTS]
        for own, words in zip(*tokens, strict=True)
    ]
    expected = {
        "tutorial": theirs(*clean, TUTORIAL_WEIGHTS),
        "tutorial, tokens left in": theirs(*marked, TUTORIAL_WEIGHTS),
        "NLTK on raw words": theirs(*raw, EVEN_WEIGHTS),
        "mean of sentences": list(np.mean(sentences, axis=0)),
        "NLTK on characters (an error)": theirs(*strings, EVEN_WEIGHTS),
    }
    found = {row.name: list(row.bleu) for row in protocol_table(real)}
    for name, values in expected.items():
        assert found[name] == pytest.approx(values, abs=1e-9), name
