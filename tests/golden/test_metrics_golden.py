"""Our scores against the published scorer's: on a small corpus committed here, and on real captions."""

from __future__ import annotations

import csv
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mezzetin.metrics import meteor, score
from mezzetin.records import Score
from mezzetin.text import tokenise

_CORPUS = [
    (
        "a brown dog runs through the long grass",
        [
            "a dog runs through tall grass",
            "the brown dog is running through a grassy field",
            "a brown dog runs",
        ],
    ),
    (
        "two men sit on a bench",
        [
            "two men are sitting on a wooden bench",
            "two people sit on a bench in a park",
            "men on a bench",
        ],
    ),
    (
        "a woman plays the lute in a garden",
        [
            "a woman is playing an instrument",
            "a seated woman plays a lute in the garden",
            "the musician sits among the trees",
        ],
    ),
    (
        "the the the the dog",
        ["the dog sleeps", "a dog is asleep on the rug", "the small dog sleeps on the floor"],
    ),
    (
        "boats",
        ["boats in a harbour", "three boats lie at anchor", "fishing boats in the harbour at dusk"],
    ),
    (
        "a church tower above the roofs of a town",
        ["an old map of a town", "a drawing of a bridge", "people cross a bridge"],
    ),
]
# Computed once with pycocoevalcap 1.2: the corpus, then each image.
_EXPECTED = {
    "BLEU-1": (0.7837837838, [0.7721847896, 0.9999999998, 0.8824969024, 0.6, 0.0497870683, 0.4444444444]),
    "BLEU-2": (
        0.5949511493,
        [0.6240195440, 0.8944271908, 0.5777298365, 0.3872983345, 0.0000497871, 0.3333333333],
    ),
    "BLEU-3": (
        0.4338905313,
        [0.5559382119, 0.7368062996, 3.66159673e-6, 3.6840315e-6, 4.97870683e-6, 0.2513158137],
    ),
    "BLEU-4": (
        0.2969872498,
        [0.4173070202, 0.6042750793, 9.64803e-9, 1.257433e-8, 1.57440534e-6, 0.0000403299],
    ),
    "ROUGE-L": (
        0.6269585055,
        [0.8026315789, 0.9242424242, 0.6984732825, 0.5236051502, 0.3609467456, 0.4518518519],
    ),
    "CIDEr-D": (
        1.7563088067,
        [3.0308416615, 3.3876309037, 1.3419585203, 0.8238443717, 1.0216383463, 0.9319390366],
    ),
    "METEOR": (
        0.3267781227,
        [0.4741608957, 0.4443438716, 0.3739493203, 0.2729540926, 0.1655172414, 0.1986034724],
    ),
}

needs_java = pytest.mark.skipif(shutil.which("java") is None, reason="Java is not installed")


@pytest.fixture(scope="module")
def captioned() -> list[list[str]]:
    shared = Path(os.environ.get("MEZZETIN_SHARED", Path(__file__).parents[3] / "shared"))
    path = shared / "data" / "flickr8k" / "captions.txt"
    if not path.is_file():
        pytest.skip(f"Flickr8k's captions are not at {path} (MEZZETIN_SHARED)")
    images: dict[str, list[str]] = {}
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            images.setdefault(row["image"], []).append(row["caption"])
    return list(images.values())


def _small_corpus() -> tuple[list[list[list[str]]], list[list[str]]]:
    references = [[reference.split() for reference in image] for _, image in _CORPUS]
    return references, [hypothesis.split() for hypothesis, _ in _CORPUS]


def _agrees(result: Score, value: float, per_image: Any, tolerance: float) -> None:
    assert result.value == pytest.approx(value, abs=tolerance), result.name
    np.testing.assert_allclose(result.per_image, per_image, rtol=0, atol=tolerance, err_msg=result.name)


def test_the_small_corpus_scores_as_published() -> None:
    for result in score(*_small_corpus(), protocol="golden", resamples=10):
        _agrees(result, *_EXPECTED[result.name], tolerance=1e-6)


@needs_java
@pytest.mark.usefixtures("one_java")
def test_the_small_corpus_has_the_published_meteor() -> None:
    pytest.importorskip("pycocoevalcap", reason="pycocoevalcap is not installed")
    result = meteor(*_small_corpus(), protocol="golden", resamples=10)
    assert isinstance(result, Score)
    _agrees(result, *_EXPECTED["METEOR"], tolerance=1e-6)


def _java_tokens(captions: list[str]) -> list[str]:
    ptbtokenizer = pytest.importorskip("pycocoevalcap.tokenizer.ptbtokenizer", reason="no pycocoevalcap")
    given = {number: [{"caption": caption}] for number, caption in enumerate(captions)}
    tokenised = ptbtokenizer.PTBTokenizer().tokenize(given)
    return [tokenised[number][0] for number in given]


@needs_java
def test_every_real_caption_has_the_published_tokens(captioned: list[list[str]]) -> None:
    captions = [caption for image in captioned for caption in image]
    published = _java_tokens(captions)
    pairs = zip(captions, published, strict=True)
    assert [caption for caption, tokens in pairs if " ".join(tokenise(caption)) != tokens] == []


def _published_scores(references: list[list[str]], hypotheses: list[str]) -> dict[str, tuple[float, Any]]:
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.meteor.meteor import Meteor
    from pycocoevalcap.rouge.rouge import Rouge

    truth = dict(enumerate(references))
    result = {number: [hypothesis] for number, hypothesis in enumerate(hypotheses)}
    values, per_image = Bleu(4).compute_score(truth, result, verbose=0)
    scores: dict[str, tuple[float, Any]] = {f"BLEU-{n + 1}": (values[n], per_image[n]) for n in range(4)}
    scores["ROUGE-L"] = Rouge().compute_score(truth, result)
    scores["CIDEr-D"] = Cider().compute_score(truth, result)
    scorer = Meteor()
    scores["METEOR"] = scorer.compute_score(truth, result)
    # It leaves its Java process and three pipes to the garbage collector, which warns of them.
    for pipe in (scorer.meteor_p.stdin, scorer.meteor_p.stdout, scorer.meteor_p.stderr):
        pipe.close()
    scorer.meteor_p.wait(timeout=30)
    return scores


@needs_java
@pytest.mark.usefixtures("one_java")
def test_real_captions_score_as_published(captioned: list[list[str]]) -> None:
    """One person's caption against the other four of 300 images; the tolerance asked for is 1e-3."""
    images = captioned[:300]
    published = iter(_java_tokens([caption for image in images for caption in image]))
    texts = [[next(published) for _ in image] for image in images]
    expected = _published_scores([image[1:] for image in texts], [image[0] for image in texts])
    references = [[tokenise(caption) for caption in image[1:]] for image in images]
    hypotheses = [tokenise(image[0]) for image in images]
    results = score(references, hypotheses, protocol="golden", resamples=50)
    java = meteor(references, hypotheses, protocol="golden", resamples=50)
    assert isinstance(java, Score)
    for result in [*results, java]:
        _agrees(result, *expected[result.name], tolerance=1e-6)
        assert result.low < result.value < result.high
