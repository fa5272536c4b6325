"""Batches: a pure function of seed, stage, epoch and step, in which each picture comes once an epoch."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F

from mezzetin.training.batches import Batch, epoch_batches, steps_per_epoch
from mezzetin.training.corpus import Corpus
from mezzetin.training.decoders.transformer import TransformerDecoder
from mezzetin.training.objectives import cross_entropy
from mezzetin.training.recipe import DecoderRecipe, StageRecipe
from mezzetin.vocabulary import END, PAD, START, Vocabulary

WORDS = 30
MAX_WORDS = 6


@pytest.fixture
def corpus() -> Corpus:
    """Ten pictures with one to three captions of two to seven words; mirrored, every word is 15 higher."""
    captions = [[[4 + (n + k + t) % 10 for t in range(2 + (n + k) % 6)] for k in range(1 + n % 3)] for n in range(10)]
    mirrored = [[[word + 15 for word in caption] for caption in image] for image in captions]
    vocabulary = Vocabulary([f"w{n}" for n in range(WORDS - 4)], "ptb-py")
    keys = [f"key{n}" for n in range(10)]
    return Corpus(vocabulary, MAX_WORDS, keys, captions, mirrored, ["held"], [[["w1"]]])


def stage(**changes: object) -> StageRecipe:
    return StageRecipe(**{"name": "s", "batch_images": 4, "captions_per_image": 2, **changes})


def same(one: Batch, other: Batch) -> bool:
    return (
        one.keys == other.keys
        and one.seed == other.seed
        and bool((one.mirrored == other.mirrored).all())
        and torch.equal(one.words_BKT, other.words_BKT)
        and torch.equal(one.targets_BKT, other.targets_BKT)
    )


def test_an_epoch_shows_every_picture_once_and_none_that_is_held_out(corpus: Corpus) -> None:
    batches = list(epoch_batches(corpus, stage(), seed=1, epoch=0))
    assert [len(batch.keys) for batch in batches] == [4, 4, 2]
    assert len(batches) == steps_per_epoch(corpus, stage())
    assert sorted(key for batch in batches for key in batch.keys) == corpus.keys


def test_a_resumed_epoch_goes_on_with_the_same_batches(corpus: Corpus) -> None:
    mirror = stage(mirror=True)
    whole = list(epoch_batches(corpus, mirror, seed=1, epoch=3))
    resumed = list(epoch_batches(corpus, mirror, seed=1, epoch=3, first=1))
    assert all(same(*pair) for pair in zip(whole[1:], resumed, strict=True))


def test_seed_stage_and_epoch_each_change_the_order(corpus: Corpus) -> None:
    orders = [
        [key for batch in epoch_batches(corpus, stage(name=name), seed=seed, epoch=epoch) for key in batch.keys]
        for name, seed, epoch in (("s", 1, 0), ("t", 1, 0), ("s", 2, 0), ("s", 1, 1))
    ]
    assert all(one != other for one, other in pairwise(sorted(orders)))


def test_a_mirrored_picture_has_the_mirrored_captions(corpus: Corpus) -> None:
    shares = []
    for epoch in range(30):
        for batch in epoch_batches(corpus, stage(mirror=True), seed=1, epoch=epoch):
            for flipped, said in zip(batch.mirrored, batch.targets_BKT, strict=True):
                words = said[said > END]
                assert bool((words >= 19).all() if flipped else (words < 19).all())
                shares.append(bool(flipped))
    assert 0.4 < sum(shares) / len(shares) < 0.6
    assert not any(batch.mirrored.any() for batch in epoch_batches(corpus, stage(), seed=1, epoch=0))


def test_captions_are_shifted_by_one_and_a_cut_one_does_not_end(corpus: Corpus) -> None:
    seen_cut = seen_whole = False
    for batch in epoch_batches(corpus, stage(captions_per_image=3), seed=1, epoch=0):
        for key, words_KT, targets_KT in zip(batch.keys, batch.words_BKT, batch.targets_BKT, strict=True):
            own = corpus.captions[corpus.keys.index(key)]
            said = [row[row != PAD].tolist() for row in targets_KT]
            assert sorted(filter(None, said)) == sorted(
                caption if len(caption) > MAX_WORDS else [*caption, END] for caption in own
            )
            for read, row in zip(words_KT.tolist(), said, strict=True):
                assert [word for word in read if word != PAD] == [START, *row[:-1]][: len(row)]
                seen_cut |= bool(row) and row[-1] != END
                seen_whole |= bool(row) and row[-1] == END
    assert seen_cut
    assert seen_whole


def test_padding_is_ignored_by_the_loss(corpus: Corpus) -> None:
    batch = next(epoch_batches(corpus, stage(captions_per_image=3), seed=1, epoch=0))
    torch.manual_seed(0)
    decoder = TransformerDecoder(DecoderRecipe(width=16, layers=1, heads=2, feed_forward=16), WORDS, 8, 4).eval()
    features = torch.randn(len(batch.keys), 4, 8)
    plain = cross_entropy(decoder, features, batch.words_BKT, batch.targets_BKT, 0.1)
    # Two more captions and two more words of nothing for every picture.
    words, targets = (F.pad(x, (0, 2, 0, 2), value=PAD) for x in (batch.words_BKT, batch.targets_BKT))
    assert torch.allclose(cross_entropy(decoder, features, words, targets, 0.1), plain, atol=1e-5)
    # Nor does it matter what is read where nothing is to be said.
    odd = batch.words_BKT.masked_fill(batch.targets_BKT == PAD, 7)
    assert torch.allclose(cross_entropy(decoder, features, odd, batch.targets_BKT, 0.1), plain, atol=1e-5)
