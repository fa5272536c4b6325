"""Batches: which pictures and captions each step sees, as a pure function of (seed, stage, epoch, step).

Tensor names: B images, K captions an image, T words.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mezzetin.training.corpus import Corpus
from mezzetin.training.model import step_seed
from mezzetin.training.recipe import StageRecipe
from mezzetin.vocabulary import END, PAD, START


@dataclass(frozen=True)
class Batch:
    """One step's data: what the decoder reads (`words_BKT`) and what it should say next (`targets_BKT`)."""

    keys: list[str]
    mirrored: NDArray[np.bool_]
    words_BKT: Tensor
    targets_BKT: Tensor
    seed: int

    def part(self, rows: slice) -> Batch:
        """The same of some of its pictures: as long as the whole."""
        return replace(
            self,
            keys=self.keys[rows],
            mirrored=self.mirrored[rows],
            words_BKT=self.words_BKT[rows],
            targets_BKT=self.targets_BKT[rows],
        )


def steps_per_epoch(corpus: Corpus, stage: StageRecipe) -> int:
    """Number of batches; the last may be smaller."""
    return -(-len(corpus.keys) // stage.batch_images)


def epoch_batches(corpus: Corpus, stage: StageRecipe, *, seed: int, epoch: int, first: int = 0) -> Iterator[Batch]:
    """The batches of one epoch in order, from step `first` of the epoch on."""
    order = np.random.default_rng(step_seed("order", seed, stage.name, epoch)).permutation(len(corpus.keys))
    for step in range(first, steps_per_epoch(corpus, stage)):
        chosen = order[step * stage.batch_images : (step + 1) * stage.batch_images]
        yield _batch(corpus, stage, chosen, step_seed("batch", seed, stage.name, epoch, step))


def _batch(corpus: Corpus, stage: StageRecipe, chosen: NDArray[np.int64], seed: int) -> Batch:
    random = np.random.default_rng(seed)
    mirrored = random.random(len(chosen)) < 0.5 if stage.mirror else np.zeros(len(chosen), bool)
    captions = []
    for image, flipped in zip(chosen, mirrored, strict=True):
        own = (corpus.mirrored if flipped else corpus.captions)[image]
        kept = random.permutation(len(own))[: stage.captions_per_image]
        captions.append([own[number] for number in kept])
    words, targets = _pad(captions, stage.captions_per_image, corpus.max_words)
    return Batch([corpus.keys[image] for image in chosen], mirrored, words, targets, seed)


def _pad(captions: list[list[list[int]]], count: int, max_words: int) -> tuple[Tensor, Tensor]:
    """Arrays of equal length; an image with fewer captions gets rows of padding, which the loss ignores."""
    longest = min(max(len(caption) for image in captions for caption in image), max_words) + 1
    words = np.full((len(captions), count, longest), PAD, np.int64)
    targets = words.copy()
    for row, image in enumerate(captions):
        for column, caption in enumerate(image):
            said = [*caption, END][:longest]
            words[row, column, : len(said)] = [START, *said[:-1]]
            targets[row, column, : len(said)] = said
    return torch.from_numpy(words), torch.from_numpy(targets)
