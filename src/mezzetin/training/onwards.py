"""Going on from a bundle without losing what it can do: new words beside the old ones, and weights between the two.

What was learned before is not there to be looked at again: the pictures of the first training are somebody else's.
So the weights that were learned now are mixed with those of before (Wortsman and others, "Robust fine-tuning of
zero-shot models", CVPR 2022), the words that the house says often enough join the vocabulary, and what tells which
words fit a picture stays as it was.

Enters: the start's vocabulary and weights, the new captions. Leaves: a wider vocabulary, tensors that fit it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mezzetin.bundle import WEIGHTS, Bundle
from mezzetin.data.dataset import Dataset
from mezzetin.matching import PREFIX as MATCHING
from mezzetin.text import TOKENISERS
from mezzetin.training.model import CaptionModel, step_seed
from mezzetin.vocabulary import SPECIAL, UNKNOWN, Vocabulary

_UNLIKE = 0.3
"""Of a new word's vector, the share that is its own; the rest is what the model has of words that it does not know."""
_SILENT = -1e4
"""The weight of a word that says nothing of whether a text fits a picture."""


def widened(vocabulary: Vocabulary, dataset: Dataset, least: int) -> Vocabulary:
    """The vocabulary with the words behind that occur at least `least` times in the train split and are not in it."""
    split = TOKENISERS.get(vocabulary.tokeniser)
    if split is None:
        return vocabulary
    counts: Counter[str] = Counter()
    for row in dataset.rows({"train"}, images=False):
        counts.update(word for caption in row.captions for word in split(caption))
    known = set(vocabulary.words)
    new = sorted((-count, word) for word, count in counts.items() if count >= least and word not in known)
    return Vocabulary([*vocabulary.words[len(SPECIAL) :], *(word for _, word in new)], vocabulary.tokeniser)


def fitted(tensors: Mapping[str, Tensor], model: CaptionModel, seed: int) -> dict[str, Tensor]:
    """A start's tensors, with rows for words that it does not have: nearly those of a word that it does not know."""
    generator = torch.Generator().manual_seed(step_seed("new words", seed))
    found: dict[str, Tensor] = {}
    for name, own in model.state_dict().items():
        old = tensors[name].float()
        if old.shape != own.shape:
            more = len(own) - len(old)
            rows = old[UNKNOWN].expand(more, *old.shape[1:]).clone()
            if rows.ndim > 1:
                rows += _UNLIKE * old.std() * torch.randn(rows.shape, generator=generator)
            else:
                # Together they are as likely as the one that they come from.
                rows -= float(np.log(more))
            old = torch.cat([old, rows])
        found[name] = old
    return found


@torch.no_grad()
def mix(model: CaptionModel, before: Mapping[str, Tensor], share: float) -> None:
    """Go back to the weights of before but for a share of what was learned since; rows of new words stay learned."""
    for name, own in model.state_dict().items():
        if own.is_floating_point():
            old = before[name]
            rows = own if old.shape == own.shape else own[: len(old)]
            rows.copy_(torch.lerp(old, rows, share))


def matching_of(start: Bundle, words: int) -> dict[str, NDArray[np.float32]]:
    """The start's space of pictures and words, with silent rows for new words; nothing where it has none."""
    from safetensors.numpy import load_file

    tensors = {
        name: array.astype(np.float32)
        for name, array in load_file(start.folder / WEIGHTS).items()
        if name.startswith(MATCHING)
    }
    if tensors:
        vectors, weights = tensors[f"{MATCHING}words"], tensors[f"{MATCHING}weights"]
        more = words - len(weights)
        tensors[f"{MATCHING}words"] = np.pad(vectors, ((0, more), (0, 0)))
        tensors[f"{MATCHING}weights"] = np.pad(weights, (0, more), constant_values=_SILENT)
    return tensors
