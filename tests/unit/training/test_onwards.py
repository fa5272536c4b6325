"""Going on from a bundle: new words and mixed weights."""

from __future__ import annotations

import pytest
import torch

from mezzetin.decoding.beam import DecodingOptions
from mezzetin.registry.reference import find_model
from mezzetin.training.decoders import DECODERS
from mezzetin.training.encoders import encoder_of
from mezzetin.training.model import CaptionModel
from mezzetin.training.onwards import fitted, matching_of, mix
from mezzetin.training.recipe import DecoderRecipe
from mezzetin.training.run import _tensors
from mezzetin.vocabulary import UNKNOWN


def wider(more: int) -> CaptionModel:
    bundle = find_model(None)
    recipe = DecoderRecipe(**bundle.manifest["training"]["recipe"]["decoder"])
    encoder = encoder_of(bundle)
    words = len(bundle.vocabulary) + more
    return CaptionModel(encoder, DECODERS[recipe.kind](recipe, words, encoder.spec.channels, encoder.spec.positions))


def test_a_wider_model_says_at_first_what_the_narrow_one_said() -> None:
    before = _tensors(find_model(None))
    narrow, wide = wider(0).eval(), wider(4).eval()
    narrow.load_state_dict(fitted(before, narrow, 1))
    wide.load_state_dict(fitted(before, wide, 1))
    features = torch.randn(3, narrow.encoder.spec.positions, narrow.encoder.spec.channels)
    said = [[found[0].words for found in model.search(features, DecodingOptions(beam=1))] for model in (narrow, wide)]
    assert said[0] == said[1]
    # Each new word has a vector of its own, near that of a word that is not known.
    rows = wide.decoder.words.weight[-4:]
    unknown = wide.decoder.words.weight[UNKNOWN]
    assert len({tuple(row.tolist()) for row in rows}) == 4
    assert torch.cosine_similarity(rows, unknown[None]).min() > 0.5


def test_weights_are_mixed_but_those_of_new_words() -> None:
    before = _tensors(find_model(None))
    model = wider(2)
    model.load_state_dict(fitted(before, model, 1))
    with torch.no_grad():
        for parameter in model.decoder.parameters():
            parameter.add_(1)
    mix(model, before, 0.25)
    mixed, old = model.state_dict(), before["decoder.words.weight"]
    words = mixed["decoder.words.weight"]
    assert torch.allclose(words[:-2], old + 0.25, atol=1e-5)
    assert torch.allclose(words[-2:], fitted(before, model, 1)["decoder.words.weight"][-2:] + 1, atol=1e-5)
    assert torch.allclose(mixed["decoder.bias"][: len(old)], before["decoder.bias"] + 0.25, atol=1e-5)


def test_new_words_say_nothing_of_whether_a_text_fits() -> None:
    from mezzetin.matching import Matcher

    bundle = find_model(None)
    matcher = Matcher.read(matching_of(bundle, len(bundle.vocabulary) + 2))
    assert matcher is not None
    known, new = [10, 20], len(bundle.vocabulary)
    assert matcher.text(known) == pytest.approx(matcher.text([*known, new]))
    assert not matcher.text([new]).any()
