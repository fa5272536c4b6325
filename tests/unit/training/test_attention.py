"""Soft attention: it sums to one, the picture decides the start, and the doubly stochastic term is the paper's."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mezzetin.training.decoders.attention import AttentionDecoder
from mezzetin.training.model import grid_shape
from mezzetin.training.objectives import cross_entropy
from mezzetin.training.recipe import DecoderRecipe
from mezzetin.vocabulary import PAD, START

B, K, T, P, C, V = 2, 3, 5, 6, 10, 30


def attention(**changes: object) -> AttentionDecoder:
    torch.manual_seed(1)
    recipe = DecoderRecipe(**{"kind": "attention", "width": 16, "embedding": 12, "dropout": 0.0, **changes})
    decoder = AttentionDecoder(recipe, V, C, P).eval()
    # Louder than a fresh one, which looks everywhere alike.
    torch.nn.init.normal_(decoder.score.weight)
    torch.nn.init.normal_(decoder.words.weight)
    return decoder


@pytest.fixture
def features() -> Tensor:
    return torch.randn(B, P, C, generator=torch.Generator().manual_seed(2))


@pytest.fixture
def words() -> Tensor:
    drawn = torch.randint(4, V, (B, K, T), generator=torch.Generator().manual_seed(3))
    drawn[..., 0] = START
    return drawn


def looked(decoder: AttentionDecoder, words: Tensor, features: Tensor) -> Tensor:
    """The attention of each step, `[B, K, T, P]`."""
    state, memory, looks = torch.zeros(*words.shape[:2], 2, 16), decoder.remember(features), []
    for token in words.unbind(2):
        _, state, look = decoder.step(token, state, memory)
        looks.append(look)
    return torch.stack(looks, 2)


@torch.no_grad()
def test_each_word_looks_somewhere_else_and_once_in_all(words: Tensor, features: Tensor) -> None:
    looks = looked(attention(), words, features)
    assert looks.shape == (B, K, T, P)
    assert (looks >= 0).all()
    assert torch.allclose(looks.sum(-1), torch.ones(B, K, T))
    # Where it looks first the picture decides, afterwards the words too.
    assert torch.allclose(looks[:, :, 0], looks[:, :1, 0].expand(B, K, P))
    assert (looks[0, 0, 0] - looks[1, 0, 0]).abs().max() > 0.01
    assert (looks[:, 0, -1] - looks[:, 1, -1]).abs().max() > 0.01


@torch.no_grad()
def test_it_looks_where_the_picture_is_whatever_the_order(words: Tensor, features: Tensor) -> None:
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    moved = looked(attention(), words, features[:, order])
    assert torch.allclose(moved, looked(attention(), words, features)[..., order], atol=1e-6)


@torch.no_grad()
def test_the_doubly_stochastic_term_is_part_of_the_loss(words: Tensor, features: Tensor) -> None:
    targets = words.roll(-1, 2)
    targets[0, 1, 3:] = PAD
    targets[1, 2] = PAD
    spoken = targets != PAD
    given = words.masked_fill(~spoken, PAD)
    looks = looked(attention(), given, features) * spoken.unsqueeze(-1)
    # One row is padding and no caption.
    expected = (1 - looks.sum(2))[spoken.any(2)].square().mean()
    assert expected > 0.01

    def loss(weight: float) -> Tensor:
        return cross_entropy(attention(doubly_stochastic=weight), features, given, targets, 0.1)

    assert torch.allclose(loss(1.0) - loss(0.0), expected, atol=1e-5)
    assert torch.allclose(loss(3.0) - loss(0.0), 3 * expected, atol=1e-5)


@pytest.mark.parametrize(
    ("positions", "tallness", "grid"),
    [(49, 1, (7, 7)), (1, 1, (1, 1)), (12, 0.75, (3, 4)), (12, 4 / 3, (4, 3)), (7, 1, (1, 7)), (2, 0.1, (1, 2))],
)
def test_a_grid_has_rows_and_columns(positions: int, tallness: float, grid: tuple[int, int]) -> None:
    assert grid_shape(positions, tallness) == grid
