"""The words of a training run: captions as numbers, the vocabulary, and the pictures held out.

Enters: a dataset's train split, without its pictures. Leaves: a `Corpus`, whose memory is that of its captions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from mezzetin.data.dataset import Dataset
from mezzetin.errors import DatasetError, FormatError
from mezzetin.records import Example
from mezzetin.text import TOKENISERS, mirror_words
from mezzetin.training.model import step_seed
from mezzetin.training.recipe import DataRecipe
from mezzetin.vocabulary import SPECIAL, Vocabulary

Captions = list[list[int]]


@dataclass(frozen=True)
class Corpus:
    """What is learned from and what early stopping looks at.

    A caption is learned up to `max_words`. `keys` are the pictures' sha256 in an order of their own;
    captions as numbers, the latter with left and right exchanged; `held_keys` and `held_references` are the
    pictures kept out of training and their tokenised captions.
    """

    vocabulary: Vocabulary
    max_words: int
    keys: list[str]
    captions: list[Captions]
    mirrored: list[Captions]
    held_keys: list[str]
    held_references: list[list[list[str]]]

    def only_words(self) -> list[list[list[str]]]:
        """The training captions as words, for comparison with what a model says."""
        return [[self.vocabulary.decode(caption) for caption in image] for image in self.captions]

    def counts(self) -> list[int]:
        """How often each number of the vocabulary occurs in the training captions."""
        said = Counter(number for image in self.captions for caption in image for number in caption)
        return [said[number] for number in range(len(self.vocabulary))]


def build_corpus(dataset: Dataset, recipe: DataRecipe, seed: int, vocabulary: Vocabulary | None) -> Corpus:
    """Read the train split, keep `recipe.holdout` pictures out by their digest, number the words.

    Of the other pictures `recipe.share` are learned from: those of a smaller share are among those of a larger one.
    With `vocabulary` (training goes on from a bundle) its words and tokeniser are kept, otherwise one is built.

    Raises:
        FormatError: the vocabulary was made with a tokeniser of a newer version.
        DatasetError: no training captions, too few pictures to hold any out, or no word that is common enough.

    """
    tokens: dict[str, list[list[str]]] = {}
    tokeniser = recipe.tokeniser if vocabulary is None else vocabulary.tokeniser
    if tokeniser not in TOKENISERS:
        raise FormatError(f"this version knows no tokeniser {tokeniser!r}: install a newer mezzetin")
    for row in dataset.rows({"train"}, images=False):
        _add(tokens, row, TOKENISERS[tokeniser])
    if len(tokens) < 2:
        raise DatasetError(
            f"{dataset.folder} has {len(tokens)} captioned pictures in its train split: at least 2 are needed"
        )
    # Ranking by digest keeps the same pictures out however the dataset is ordered or grown.
    ranked = sorted(tokens, key=lambda key: step_seed("holdout", seed, key))
    held = min(recipe.holdout, len(tokens) // 5 or 1)
    learned = max(round((len(ranked) - held) * recipe.share), 1)
    held_keys, keys = sorted(ranked[:held]), sorted(ranked[held : held + learned])
    if vocabulary is None:
        vocabulary = _numbered([caption for key in keys for caption in tokens[key]], dataset, recipe)
    # One word more than is read: it shows that a longer caption does not end where it is cut.
    cut = recipe.max_words + 1
    return Corpus(
        vocabulary=vocabulary,
        max_words=recipe.max_words,
        keys=keys,
        captions=[[vocabulary.encode(c[:cut]) for c in tokens[key]] for key in keys],
        mirrored=[[vocabulary.encode(mirror_words(c[:cut])) for c in tokens[key]] for key in keys],
        held_keys=held_keys,
        held_references=[tokens[key] for key in held_keys],
    )


def _numbered(captions: list[list[str]], dataset: Dataset, recipe: DataRecipe) -> Vocabulary:
    vocabulary = Vocabulary.build(captions, min_count=recipe.min_count, tokeniser=recipe.tokeniser)
    if len(vocabulary) == len(SPECIAL):
        raise DatasetError(
            f"no word occurs {recipe.min_count} times in the training captions of {dataset.folder}: "
            "lower data.min_count in the recipe, or bring more captions"
        )
    return vocabulary


def _add(tokens: dict[str, list[list[str]]], row: Example, split: Callable[[str], list[str]]) -> None:
    captions = [words for caption in row.captions if (words := split(caption))]
    if captions and row.sha256:
        # The same picture under two names is one picture with all the captions.
        tokens.setdefault(row.sha256, []).extend(captions)
