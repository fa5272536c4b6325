"""Whatever a decoder is: its two walks are one function, captions keep to themselves, and it learns four pictures."""

from __future__ import annotations

from typing import Any, cast

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mezzetin.decoding.beam import DecodingOptions
from mezzetin.training.decoders import DECODERS, Decoder
from mezzetin.training.model import CaptionModel
from mezzetin.training.objectives import cross_entropy
from mezzetin.training.recipe import DecoderRecipe
from mezzetin.vocabulary import END, PAD, START

B, K, T, P, C, V = 3, 4, 7, 5, 12, 50
KINDS: dict[str, dict[str, Any]] = {
    "transformer": {"layers": 3, "heads": 4, "feed_forward": 48},
    "merge": {"layers": 2, "embedding": 24},
    "attention": {"embedding": 24},
}


def fresh(kind: str, dropout: float) -> Decoder:
    torch.manual_seed(1)
    recipe = DecoderRecipe(**{"kind": kind, "width": 32, "dropout": dropout, **KINDS[kind]})
    return DECODERS[kind](recipe, V, C, P)


@pytest.fixture(scope="module", params=sorted(DECODERS))
def decoder(request: pytest.FixtureRequest) -> Decoder:
    made = fresh(request.param, 0.3).eval()
    # Fresh weights say nearly the same of everything; louder ones don't.
    with torch.no_grad():
        for weight in made.parameters():
            weight.mul_(3 if weight.ndim == 2 else 1)
    return made


@pytest.fixture(scope="module")
def words() -> Tensor:
    drawn = torch.randint(4, V, (B, K, T), generator=torch.Generator().manual_seed(2))
    drawn[..., 0] = START
    return drawn


@pytest.fixture(scope="module")
def features() -> Tensor:
    return torch.randn(B, P, C, generator=torch.Generator().manual_seed(3))


def step_by_step(decoder: Decoder, words: Tensor, memory: Tensor) -> Tensor:
    state = torch.zeros(*words.shape[:2], *decoder.start_shape)
    said = []
    for position in range(words.shape[2]):
        log_probabilities, state, *attention = decoder.step(words[:, :, position], state, memory)
        said.append(log_probabilities)
        assert state.shape[2:] == tuple(length or position + 1 for length in decoder.start_shape)
        assert [look.shape for look in attention] == [(B, K, P)] * decoder.attends
    return torch.stack(said, 2)


@torch.no_grad()
def test_whole_captions_at_once_are_the_same_as_word_by_word(decoder: Decoder, words: Tensor, features: Tensor) -> None:
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
    decoder: Decoder, words: Tensor, features: Tensor
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


@torch.no_grad()
def test_padding_changes_nothing(decoder: Decoder, words: Tensor, features: Tensor) -> None:
    short, memory = words.clone(), decoder.remember(features)
    ends = torch.randint(1, T + 1, (B, K, 1), generator=torch.Generator().manual_seed(4))
    kept = torch.arange(T) < ends
    short[~kept] = PAD
    assert (decoder(short, memory) - decoder(words, memory))[kept].abs().max() < 1e-5
    targets = F.pad(short[..., 1:], (0, 1), value=PAD)
    targets[:, -1] = PAD
    plain = cross_entropy(decoder, features, short, targets, 0.1)
    more, aims = (F.pad(x, (0, 2, 0, 2), value=PAD) for x in (short, targets))
    assert torch.allclose(cross_entropy(decoder, features, more, aims, 0.1), plain, atol=1e-5)


@pytest.mark.parametrize("kind", sorted(DECODERS))
def test_four_pictures_are_learned_by_heart(kind: str) -> None:
    decoder, features = fresh(kind, 0.0), torch.randn(4, P, C, generator=torch.Generator().manual_seed(5))
    # Alike in their middles, so that only the picture tells how they go on.
    captions = [[9, 10, 11, 20 + n, 12, 30 + n, 13][: 7 - n % 2] for n in range(4)]
    targets = torch.tensor([[[*caption, END, PAD][:8]] for caption in captions])
    read = F.pad(targets[..., :-1], (1, 0), value=START)
    optimiser = torch.optim.Adam(decoder.parameters(), 5e-3)
    for _ in range(150):
        loss = cross_entropy(decoder, features, read, targets, 0.0)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    decoder.eval()
    model = CaptionModel(cast(Any, nn.Identity()), decoder)
    found = model.search(features, DecodingOptions(beam=2, max_words=10))
    assert [list(ranked[0].words) for ranked in found] == captions
    assert min(ranked[0].log_probability for ranked in found) > -0.5


@pytest.mark.parametrize("kind", sorted(DECODERS))
def test_in_half_precision_it_learns_too(kind: str, words: Tensor, features: Tensor) -> None:
    decoder = fresh(kind, 0.3)
    with torch.autocast("cpu", torch.bfloat16):
        loss = cross_entropy(decoder, features, words[..., :-1], words[..., 1:], 0.1)
    loss.backward()  # type: ignore[no-untyped-call]
    gradients = [parameter.grad for parameter in decoder.parameters()]
    assert all(gradient is not None and bool(gradient.isfinite().all()) for gradient in gradients)
