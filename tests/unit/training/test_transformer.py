"""The decoder's two walks are one function, captions of a picture keep to themselves, dropout drops what it says."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mezzetin.training.decoders.transformer import TransformerDecoder
from mezzetin.training.dropout import ByteDropout
from mezzetin.training.recipe import DecoderRecipe
from mezzetin.vocabulary import START

B, K, T, P, C, V = 3, 4, 7, 5, 12, 50


@pytest.fixture(scope="module")
def decoder() -> TransformerDecoder:
    torch.manual_seed(1)
    recipe = DecoderRecipe(width=32, layers=3, heads=4, feed_forward=48, dropout=0.3)
    return TransformerDecoder(recipe, V, C, P).eval()


@pytest.fixture(scope="module")
def words() -> Tensor:
    drawn = torch.randint(4, V, (B, K, T), generator=torch.Generator().manual_seed(2))
    drawn[..., 0] = START
    return drawn


@pytest.fixture(scope="module")
def features() -> Tensor:
    return torch.randn(B, P, C, generator=torch.Generator().manual_seed(3))


def step_by_step(decoder: TransformerDecoder, words: Tensor, memory: Tensor) -> Tensor:
    state = torch.zeros(*words.shape[:2], *decoder.start_shape)
    said = []
    for position in range(words.shape[2]):
        log_probabilities, state = decoder.step(words[:, :, position], state, memory)
        said.append(log_probabilities)
        assert state.shape == (*words.shape[:2], decoder.start_shape[0], position + 1, decoder.width)
    return torch.stack(said, 2)


@torch.no_grad()
def test_whole_captions_at_once_are_the_same_as_word_by_word(
    decoder: TransformerDecoder, words: Tensor, features: Tensor
) -> None:
    memory = decoder.remember(features)
    at_once = F.log_softmax(decoder.logits(decoder(words, memory)), -1)
    word_by_word = step_by_step(decoder, words, memory)
    assert (at_once - word_by_word).abs().max() < 1e-5
    # Each is a distribution that the words and the picture decide.
    assert torch.allclose(at_once.exp().sum(-1), torch.ones(B, K, T), atol=1e-5)
    assert (at_once[0, 0] - at_once[0, 1]).abs().max() > 0.1
    assert (at_once[0, :, 0] - at_once[1, :, 0]).abs().max() > 0.1


@torch.no_grad()
def test_a_caption_sees_its_own_words_up_to_itself_and_its_own_picture(
    decoder: TransformerDecoder, words: Tensor, features: Tensor
) -> None:
    plain = decoder(words, decoder.remember(features))
    other = words.clone()
    other[1, 2, 4] = (other[1, 2, 4] - 4 + 1) % (V - 4) + 4
    changed = (decoder(other, decoder.remember(features)) - plain).abs().amax(-1) > 1e-6
    seen = torch.zeros(B, K, T, dtype=torch.bool)
    seen[1, 2, 4:] = True
    assert torch.equal(changed, seen)
    elsewhere = features.clone()
    elsewhere[2] += 1 - 2 * elsewhere[2]
    changed = (decoder(words, decoder.remember(elsewhere)) - plain).abs().amax((1, 2, 3)) > 1e-6
    assert changed.tolist() == [False, False, True]


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.999])
def test_dropout_drops_its_share_and_keeps_the_mean(rate: float) -> None:
    torch.manual_seed(4)
    dropout = ByteDropout(rate)
    out = dropout(torch.ones(1_000_000))
    dropped = float((out == 0).float().mean())
    assert dropped == pytest.approx(min(rate, 255 / 256), abs=1 / 512 + 0.002)
    assert float(out.mean()) == pytest.approx(1, abs=0.005 if rate < 0.9 else 0.1)
    assert len(out.unique()) == 2


def test_dropout_is_governed_by_the_seed_and_absent_in_evaluation() -> None:
    dropout = ByteDropout(0.5)
    ones = torch.ones(7, 9, 11)
    torch.manual_seed(4)
    first, second = dropout(ones), dropout(ones)
    torch.manual_seed(4)
    assert torch.equal(dropout(ones), first)
    assert not torch.equal(first, second)
    assert dropout.eval()(ones) is ones
    assert ByteDropout(0.0)(ones) is ones


def test_a_gradient_flows_where_nothing_was_dropped() -> None:
    torch.manual_seed(4)
    x = torch.ones(1000, requires_grad=True)
    out = ByteDropout(0.25)(x)
    out.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, out.detach())
