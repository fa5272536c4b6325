"""The merge decoder: the picture stays outside the recurrent network, and a fresh one carries words on."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from mezzetin.training.decoders.merge import MergeDecoder
from mezzetin.training.recipe import DecoderRecipe

P, C, V = 4, 10, 30


def merge(**changes: object) -> MergeDecoder:
    torch.manual_seed(1)
    recipe = DecoderRecipe(**{"kind": "merge", "width": 16, "embedding": 12, **changes})
    return MergeDecoder(recipe, V, C, P).eval()


def test_widths_are_the_tutorials_unless_told() -> None:
    decoder = MergeDecoder(DecoderRecipe(kind="merge"), V, C, P)
    assert {name: tuple(weight.shape) for name, weight in decoder.named_parameters() if weight.ndim == 2} == {
        "picture.weight": (256, C),
        "words.weight": (V, 200),
        "layers.0.weight_ih_l0": (4 * 256, 200),
        "layers.0.weight_hh_l0": (4 * 256, 256),
        "mix.weight": (256, 256),
        "output.weight": (V, 256),
    }
    assert decoder.dropout.below == 128


@torch.no_grad()
def test_the_picture_never_enters_the_recurrent_network() -> None:
    decoder, random = merge(layers=2), torch.Generator().manual_seed(2)
    token = torch.randint(4, V, (2, 3), generator=random)
    state = torch.randn(2, 3, *decoder.start_shape, generator=random)
    one, other = (decoder.remember(torch.randn(2, P, C, generator=random)) for _ in range(2))
    (said, read), (said_otherwise, read_otherwise) = decoder.step(token, state, one), decoder.step(token, state, other)
    assert torch.equal(read, read_otherwise)
    assert (said - said_otherwise).abs().max() > 0.01


@torch.no_grad()
def test_a_grid_counts_by_its_mean() -> None:
    decoder, features = merge(), torch.randn(2, P, C, generator=torch.Generator().manual_seed(2))
    pooled = decoder.remember(features.mean(1, keepdim=True))
    assert torch.allclose(decoder.remember(features), pooled, atol=1e-6)
    assert torch.allclose(decoder.remember(features.flip(1)), pooled, atol=1e-6)


@torch.no_grad()
def test_one_word_is_what_the_paper_says() -> None:
    decoder, features = merge(), torch.randn(1, 1, C, generator=torch.Generator().manual_seed(2))
    said, _ = decoder.step(torch.tensor([[7]]), torch.zeros(1, 1, 2, 16), decoder.remember(features))
    read, _ = decoder.layers[0](decoder.words.weight[7].view(1, 1, -1))
    both = read[0, 0] + F.relu(decoder.picture(features[0, 0]))
    expected = F.log_softmax(decoder.output(F.relu(decoder.mix(both))), -1)
    assert torch.allclose(said[0, 0], expected, atol=1e-6)
