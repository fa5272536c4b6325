"""Learning which words fit which picture: a small contrastive head over the captioner's own features.

Each picture's gist and one of its captions are pulled together, and away from those of the other pictures of the batch
(symmetric cross-entropy over cosines; Radford et al. 2021). Enters: a trained model's pictures and their captions.
Leaves: a `Matcher`. Tensor names: B pictures of a batch, U views, C channels, T words, V vocabulary, D dimensions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from mezzetin.matching import Matcher
from mezzetin.records import Progress
from mezzetin.training.cache import RowCache
from mezzetin.training.corpus import Captions
from mezzetin.training.loop import Run
from mezzetin.training.model import step_seed
from mezzetin.training.pictures import Pictures
from mezzetin.training.recipe import MatchingRecipe
from mezzetin.vocabulary import UNKNOWN

GISTS_AT_ONCE = 50
WORDS_DROPPED = 0.15
"""Share of a caption's words that a step does not see: no single word may carry the match."""
SHARPEST = 50.0


class MatchingHead(nn.Module):
    """Both sides of the match; `forward` answers the cosine of every picture with every text, times a learned scale."""

    def __init__(self, recipe: MatchingRecipe, words: int, mean_C: Tensor, deviation_C: Tensor) -> None:
        super().__init__()
        self.mean_C, self.deviation_C = mean_C, deviation_C
        self.words = nn.Embedding(words, recipe.width)
        nn.init.normal_(self.words.weight, std=0.05)
        self.weights = nn.Embedding(words, 1)
        nn.init.zeros_(self.weights.weight)
        self.picture = nn.Linear(len(mean_C), recipe.width)
        self.dropout = nn.Dropout(recipe.dropout)
        self.scale = nn.Parameter(torch.tensor(math.log(10.0)))

    def forward(self, gists_BC: Tensor, words_BT: Tensor) -> Tensor:
        """`[B, B]`: pictures down, texts across. A word of a number up to `UNKNOWN` is not there."""
        shown = words_BT > UNKNOWN
        kept = shown & (torch.rand_like(words_BT, dtype=torch.float) > WORDS_DROPPED)
        # A caption that would lose all its words keeps them.
        kept = torch.where(kept.any(1, keepdim=True), kept, shown)
        weights_BT = self.weights(words_BT).squeeze(-1).masked_fill(~kept, -1e4).softmax(1)
        texts_BD = F.normalize((weights_BT.unsqueeze(-1) * self.words(words_BT)).sum(1), dim=1)
        standard_BC = (gists_BC - self.mean_C) / self.deviation_C
        pictures_BD = F.normalize(self.picture(self.dropout(standard_BC)), dim=1)
        scale = self.scale.exp().clamp(max=SHARPEST)
        cosines: Tensor = scale * pictures_BD @ texts_BD.T
        return cosines

    @torch.no_grad()
    def matcher(self) -> Matcher:
        """What was learned, without what only training needs: the standardisation becomes part of the matrix."""
        matrix_CD = self.picture.weight.T / self.deviation_C[:, None]
        bias_D = self.picture.bias - (self.mean_C / self.deviation_C) @ self.picture.weight.T
        # Half precision is what a bundle stores.
        return Matcher(
            *(t.half().float().numpy() for t in (matrix_CD, bias_D, self.words.weight, self.weights.weight[:, 0]))
        )


def learn_matching(run: Run, recipe: MatchingRecipe, pictures: Pictures, *, mirror: bool) -> Matcher:
    """Train the head on the training pictures; with `mirror` it also sees them mirrored.

    Raises:
        EnvironmentProblem: the disk is full; what was computed is kept.

    """
    corpus, seed = run.corpus, step_seed("matching", run.recipe.seed)
    with closing(_gists(run, pictures, mirror=mirror)) as gists:
        views = gists.shape[0]
        torch.manual_seed(seed)
        head = MatchingHead(recipe, len(corpus.vocabulary), *_moments(gists, corpus.keys))
        optimiser = torch.optim.AdamW(head.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
        size = min(recipe.batch_images, len(corpus.keys))
        steps = recipe.epochs * (len(corpus.keys) // size)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        losses = []
        for step, (places, view_B, words_BT) in enumerate(_batches(run, recipe.epochs, size, views, seed), start=1):
            rows_BUC = gists.read([corpus.keys[place] for place in places])
            seen_BC = torch.from_numpy(rows_BUC[np.arange(size), view_B]).float()
            logits_BB = head(seen_BC, words_BT)
            right_B = torch.arange(size)
            loss = (F.cross_entropy(logits_BB, right_B) + F.cross_entropy(logits_BB.T, right_B)) / 2
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]  # torch's own annotation is missing
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
            run.report(Progress("match words and pictures", step, steps, f"loss {np.mean(losses[-20:]):.3f}"))
    return head.eval().matcher()


def _gists(run: Run, pictures: Pictures, *, mirror: bool) -> RowCache:
    """The mean features of every training picture, a row each: as it is and, if asked, mirrored."""
    keys = run.corpus.keys
    probe = pictures.plain(keys[:1])
    shape = (1 + mirror, probe.shape[-1])
    # The name holds no trace of the encoder's weights: gists that an earlier call began are thrown away.
    folder = run.folder / "cache"
    for name in ("gists.npy", "gists.keys"):
        (folder / name).unlink(missing_ok=True)
    cache = RowCache(folder, "gists", capacity=len(keys), shape=shape, dtype=np.float16)
    for start in range(0, len(keys), GISTS_AT_ONCE):
        some = keys[start : start + GISTS_AT_ONCE]
        with torch.no_grad():
            seen = [pictures.plain(some, mirrored=mirrored).mean(1) for mirrored in (False, True)[: 1 + mirror]]
        cache.write(some, torch.stack(seen, 1).half().numpy())
        run.report(Progress("take the pictures' gists", start + len(some), len(keys)))
    return cache


def _moments(gists: RowCache, keys: list[str]) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel, over the pictures as they are."""
    sums, squares = np.zeros(gists.shape[1]), np.zeros(gists.shape[1])
    for start in range(0, len(keys), GISTS_AT_ONCE):
        block = gists.read(keys[start : start + GISTS_AT_ONCE])[:, 0].astype(np.float64)
        sums, squares = sums + block.sum(0), squares + np.square(block).sum(0)
    mean = sums / len(keys)
    deviation = np.sqrt(np.maximum(squares / len(keys) - np.square(mean), 0)) + 1e-3
    return torch.from_numpy(mean).float(), torch.from_numpy(deviation).float()


def _batches(
    run: Run, epochs: int, size: int, views: int, seed: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], Tensor]]:
    """Pictures, the view of each, and a caption of each; what does not fill a batch waits for another epoch."""
    corpus, random = run.corpus, np.random.default_rng(seed)
    for _ in range(epochs):
        order = random.permutation(len(corpus.keys))
        for start in range(0, len(order) - size + 1, size):
            places = order[start : start + size]
            view_B = random.integers(views, size=size)
            own = [(corpus.captions, corpus.mirrored)[view][place] for place, view in zip(places, view_B, strict=True)]
            yield places, view_B, _words(own, random)


def _words(captions: list[Captions], random: np.random.Generator) -> Tensor:
    chosen = [own[random.integers(len(own))] for own in captions]
    words_BT = np.zeros((len(chosen), max(len(caption) for caption in chosen)), np.int64)
    for row, caption in zip(words_BT, chosen, strict=True):
        row[: len(caption)] = caption
    return torch.from_numpy(words_BT)
