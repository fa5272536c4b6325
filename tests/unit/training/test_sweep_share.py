"""A share of the training pictures: nested, held-out pictures untouched, and a whole share is no choice at all."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from mezzetin.data.dataset import Dataset
from mezzetin.records import Progress
from mezzetin.training.corpus import Corpus, build_corpus
from mezzetin.training.encoders import build_encoder
from mezzetin.training.pictures import cached_features
from mezzetin.training.recipe import DataRecipe, EncoderRecipe, Recipe, learning_part


def corpus(dataset: Dataset, share: float, seed: int = 0) -> Corpus:
    return build_corpus(dataset, DataRecipe(min_count=1, holdout=3, share=share), seed, None)


def test_smaller_shares_are_part_of_larger_ones_and_judged_by_the_same_pictures(scenes: Dataset) -> None:
    shares = [0.01, 0.25, 0.5, 1.0]
    found = [corpus(scenes, share) for share in shares]
    assert [len(each.keys) for each in found] == [1, 4, 8, 15]
    for smaller, larger in pairwise(found):
        assert set(smaller.keys) < set(larger.keys)
        assert set(smaller.vocabulary.words) <= set(larger.vocabulary.words)
        assert (smaller.held_keys, smaller.held_references) == (larger.held_keys, larger.held_references)
        assert not {*smaller.held_keys} & {*larger.keys}
    assert corpus(scenes, 0.5).keys == found[2].keys
    assert corpus(scenes, 0.5, seed=1).keys != found[2].keys


def test_all_pictures_are_told_of_as_before_there_was_a_choice() -> None:
    assert "share" not in learning_part(Recipe(data=DataRecipe(share=1)))["data"]
    assert learning_part(Recipe(data=DataRecipe(share=0.5)))["data"]["share"] == 0.5
    assert Recipe(data=DataRecipe(share=1)).model_dump() == Recipe().model_dump()


@pytest.mark.parametrize("share", [0, -0.5, 1.01])
def test_a_share_is_more_than_nothing_and_no_more_than_all(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        DataRecipe(share=share)


def test_a_cache_with_room_for_all_is_gone_on_with_by_another_share(
    scenes: Dataset, weights: Callable[[str], Path], tmp_path: Path
) -> None:
    encoder = build_encoder(EncoderRecipe(name="test_efficientnet", weights=str(weights("test_efficientnet")), size=32))
    keys = corpus(scenes, 1.0).keys
    looked: list[int | None] = []
    for part, room in ((keys[:4], 18), (keys, 18), (keys[:4], 18), (keys[:4], 0)):
        told: list[Progress] = []
        cached_features(scenes, part, encoder, tmp_path, mirror=False, room=room, report=told.append).close()
        looked.append(told[-1].total if told else 0)
    # Without room for the others the file is one of another size, and begun anew.
    assert looked == [4, len(keys) - 4, 0, 4]
