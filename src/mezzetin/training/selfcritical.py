"""Self-critical sequence training: captions are sampled, scored by CIDEr-D, and made likelier or less likely.

Rennie et al., CVPR 2017, with the mean of a picture's other samples as the baseline (Luo, arXiv 2003.09971). Enters:
features and what people wrote of the pictures. Leaves: a loss. Tensor names: B images, K samples an image, T words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from mezzetin.metrics.cider import CiderD
from mezzetin.training.corpus import Captions, Corpus
from mezzetin.training.decoders import Decoder
from mezzetin.training.recipe import StageRecipe
from mezzetin.vocabulary import END, PAD, START, UNKNOWN

# Written as a word of its own; no tokeniser leaves angle brackets.
ENDING = "<end>"
NEVER_SAID = [PAD, START, UNKNOWN]
# Rows are copied together when so few of them are left.
LEAVING = 0.75


@dataclass(frozen=True)
class Samples:
    """Sampled captions: `said_BKT` with their ends, then padding."""

    said_BKT: Tensor

    def read(self) -> Tensor:
        """What the decoder reads to say it: the same, one word later."""
        read = F.pad(self.said_BKT, (1, -1), value=START)
        # After its end a caption reads nothing.
        return torch.where(self.said_BKT == PAD, PAD, read)

    def words(self) -> int:
        """How many there are, ends included."""
        return int((self.said_BKT != PAD).sum())


class Reward:
    """CIDEr-D of sampled captions against those of the training pictures, the end counted as a word.

    Without the end a caption is rewarded for breaking off in "with a", which many references contain.
    """

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus
        self._numbers = {key: number for number, key in enumerate(corpus.keys)}
        self._plain = CiderD([self._ended(image) for image in corpus.captions])
        self._mirrored = CiderD([self._ended(image) for image in corpus.mirrored])

    def score(self, keys: Sequence[str], mirrored: NDArray[np.bool_], samples: Samples) -> Tensor:
        """Score each sample, 0..10, against its picture's captions or those of the mirror image; `[B, K]`."""
        rows = []
        for key, flipped, captions in zip(keys, mirrored, samples.said_BKT.tolist(), strict=True):
            cider = self._mirrored if flipped else self._plain
            rows.append([cider.score(self._numbers[key], self._words(caption)) for caption in captions])
        return torch.tensor(rows, dtype=torch.float32)

    def _ended(self, image: Captions) -> list[list[str]]:
        # A caption that is cut has no end.
        ends = [[*caption, END] if len(caption) <= self._corpus.max_words else caption for caption in image]
        return [self._words(caption) for caption in ends]

    def _words(self, numbers: Sequence[int]) -> list[str]:
        words = self._corpus.vocabulary.words
        return [ENDING if number == END else words[number] for number in numbers if number != PAD]


@torch.no_grad()
def sample(decoder: Decoder, features_BPC: Tensor, stage: StageRecipe, max_words: int) -> Samples:
    """Draw `stage.samples` captions an image, word by word, without dropout; torch's generator decides.

    N rows are left of the B x K samples.
    """
    was_training = decoder.training
    decoder.eval()
    # Each sample is a row with a copy of its picture: most end long before the last one does, and rows can leave.
    memory = decoder.remember(features_BPC.detach()).repeat_interleave(stage.samples, 0)
    rows_N = torch.arange(len(memory))
    said_NT = torch.full((len(memory), max_words + 1), PAD)
    token_N1 = torch.full((len(memory), 1), START)
    state = torch.zeros(len(memory), 1, *decoder.start_shape)
    for place in range(max_words + 1):
        logp_N1V, state, *_ = decoder.step(token_N1, state, memory)
        logp_N1V[..., NEVER_SAID if place else [*NEVER_SAID, END]] = -torch.inf
        chances_NV = F.softmax(logp_N1V.float() / stage.temperature, -1).squeeze(1)
        ended_N1 = (token_N1 == END) | (token_N1 == PAD)
        token_N1 = torch.where(ended_N1, PAD, torch.multinomial(chances_NV, 1))
        said_NT[rows_N, place] = token_N1.squeeze(1)
        living_N = ((token_N1 != END) & (token_N1 != PAD)).squeeze(1)
        if int(living_N.sum()) <= LEAVING * len(rows_N):
            rows_N, token_N1, state, memory = rows_N[living_N], token_N1[living_N], state[living_N], memory[living_N]
        if not len(rows_N):
            break
    decoder.train(was_training)
    longest = int((said_NT != PAD).sum(1).max())
    return Samples(said_NT[:, :longest].reshape(-1, stage.samples, longest))


def advantages(rewards_BK: Tensor) -> Tensor:
    """How much better each sample is than the mean of the picture's others."""
    others = (rewards_BK.sum(1, keepdim=True) - rewards_BK) / (rewards_BK.shape[1] - 1)
    return rewards_BK - others


def self_critical(
    decoder: Decoder,
    features_BPC: Tensor,
    samples: Samples,
    rewards_BK: Tensor,
    temperature: float,
    words: float | None = None,
) -> Tensor:
    """The policy gradient's loss, a word: log-probabilities of the samples weighed by their advantage.

    Its gradient is that of the expected reward; its value says nothing. Probabilities are those that were
    sampled from: at this temperature, reserved words left out. `words` is how many were sampled for the whole batch
    where these samples are a part of it: the losses of the parts add up to that of the whole.
    """
    said_BKT = samples.said_BKT
    spoken = said_BKT != PAD
    hidden = decoder(samples.read(), decoder.remember(features_BPC))
    logits = decoder.logits(hidden[spoken]).float() / temperature
    logits = logits.index_fill(-1, torch.tensor(NEVER_SAID), -torch.inf)
    surprise = F.cross_entropy(logits, said_BKT[spoken], reduction="none")
    weight = advantages(rewards_BK).unsqueeze(-1).expand(said_BKT.shape)[spoken]
    return (weight * surprise).mean() * (1 if words is None else len(surprise) / words)
