"""Dropout drops what it says; the transformer's state grows by a word each step and by nothing else."""

from __future__ import annotations

import pytest
import torch

from mezzetin.training.decoders.transformer import TransformerDecoder
from mezzetin.training.dropout import ByteDropout
from mezzetin.training.recipe import DecoderRecipe
from mezzetin.vocabulary import START


@torch.no_grad()
def test_no_word_of_the_state_is_computed_again() -> None:
    torch.manual_seed(1)
    decoder = TransformerDecoder(DecoderRecipe(width=32, layers=3, heads=4, feed_forward=48), 50, 12, 5).eval()
    memory, state = decoder.remember(torch.randn(3, 5, 12)), torch.zeros(3, 2, *decoder.start_shape)
    for length in range(1, 5):
        _, grown = decoder.step(torch.full((3, 2), START + length), state, memory)
        assert grown.shape == (3, 2, 6, length, 32)
        assert torch.equal(grown[:, :, :, :-1], state)
        state = grown


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
