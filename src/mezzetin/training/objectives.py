"""What training minimises, and how it fails to.

Where several ranks train, each looks at its share of a batch; their parts of the loss add up to that of the batch, a
mean over all its words.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mezzetin.errors import RecipeError
from mezzetin.training.batches import Batch
from mezzetin.training.corpus import Corpus
from mezzetin.training.decoders import Decoder
from mezzetin.training.pictures import Pictures
from mezzetin.training.ranks import Ranks
from mezzetin.training.recipe import StageRecipe
from mezzetin.training.selfcritical import Reward, sample, self_critical
from mezzetin.vocabulary import PAD


class Diverged(RecipeError):
    """A stage of training came to nothing; `reason` says how, without the advice."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}: lower its learning rates in the recipe and name another bundle")
        self.reason = reason


class Objective:
    """What a stage minimises: cross-entropy or, where captions are sampled and rewarded, the self-critical loss.

    `figure` names the number that tells how it goes.
    """

    def __init__(self, stage: StageRecipe, corpus: Corpus, decoder: Decoder, ranks: Ranks) -> None:
        self._stage, self._decoder, self._ranks, self._max_words = stage, decoder, ranks, corpus.max_words
        self._reward = Reward(corpus) if stage.objective == "self-critical" else None
        self.figure = "loss" if self._reward is None else "reward"

    def part(self, batch: Batch, pictures: Pictures) -> tuple[Tensor, float]:
        """This rank's part of the batch's loss, and of its figure: the loss, or the mean reward."""
        own = batch.part(self._ranks.share(len(batch.keys)))
        if not own.keys:
            return self._nothing()
        features_BPC = pictures.features(batch.keys, batch.mirrored, batch.seed)
        stage, written = self._stage, torch.zeros(())
        if self._reward is None or stage.cross_entropy_share > 0:
            spoken = own.words_BKT, own.targets_BKT
            written = cross_entropy(self._decoder, features_BPC, *spoken, stage.label_smoothing, batch.targets_BKT)
        if self._reward is None:
            return written, written.item()
        samples = sample(self._decoder, features_BPC, stage, self._max_words)
        words = self._ranks.sum(samples.words())
        rewards_BK = self._reward.score(own.keys, own.mirrored, samples)
        loss = self_critical(self._decoder, features_BPC, samples, rewards_BK, stage.temperature, words)
        loss = torch.lerp(loss, written, stage.cross_entropy_share)
        return loss, rewards_BK.mean().item() * len(own.keys) / len(batch.keys)

    def _nothing(self) -> tuple[Tensor, float]:
        """The part of a rank that a small batch has no picture for."""
        if self._reward is not None:
            self._ranks.sum(0)
        return torch.zeros((), requires_grad=True), 0.0


def cross_entropy(
    decoder: Decoder,
    features_BPC: Tensor,
    words_BKT: Tensor,
    targets_BKT: Tensor,
    smoothing: float,
    whole_BKT: Tensor | None = None,
) -> Tensor:
    """Label-smoothed cross-entropy (nats a word) under teacher forcing, padding left out.

    Szegedy et al. 2016. The output layer, the widest, sees only the words that count. A decoder may add a term of its
    own, as attention does. `whole` are the targets of the batch that these are a part of, by default all of it.
    """
    spoken = targets_BKT != PAD
    hidden, own = decoder.read(words_BKT, decoder.remember(features_BPC), spoken)
    logits = decoder.logits(hidden[spoken])
    loss = F.cross_entropy(logits.float(), targets_BKT[spoken], label_smoothing=smoothing)
    counted = spoken if whole_BKT is None else whole_BKT != PAD
    loss = loss * (int(spoken.sum()) / int(counted.sum()))
    if own is None:
        return loss
    # A mean over captions, not words.
    return loss + own * (int(spoken.any(2).sum()) / int(counted.any(2).sum()))
