"""Small real parts: a dataset of drawn scenes, encoders of a hundred thousand weights, and models made of both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import timm
import torch
from safetensors.torch import save_file

from mezzetin.bundle import Bundle
from mezzetin.data.dataset import Dataset
from mezzetin.data.ingest import ingest
from mezzetin.scenes import draw_scenes
from mezzetin.training.assembly import assemble
from mezzetin.training.corpus import build_corpus
from mezzetin.training.decoders.transformer import TransformerDecoder
from mezzetin.training.encoders import build_encoder
from mezzetin.training.loop import Run
from mezzetin.training.model import CaptionModel
from mezzetin.training.pictures import cached_features
from mezzetin.training.recipe import DataRecipe, DecoderRecipe, EncoderRecipe, Recipe

# Models this small gain nothing from a second thread, and tests may run side by side.
torch.set_num_threads(1)

SIDE = 32
Weights = Callable[..., Path]
Model = Callable[..., CaptionModel]


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Twenty-four drawn scenes, six of them for validation."""
    folder = tmp_path_factory.mktemp("scenes")
    draw_scenes(folder / "source", count=24, seed=3)
    ingest(folder / "source", folder / "dataset")
    return Dataset.open(folder / "dataset")


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    """A file of random weights for a timm model, whose batch norms have statistics that matter."""

    def save(name: str, **options: object) -> Path:
        torch.manual_seed(11)
        trunk = timm.create_model(name, pretrained=False, num_classes=5, **cast(Any, options))
        for module in trunk.modules():
            if isinstance(module, torch.nn.BatchNorm2d) and module.running_mean is not None:
                torch.nn.init.normal_(module.running_mean, std=0.2)
                torch.nn.init.uniform_(cast(torch.Tensor, module.running_var), 0.5, 2)
                torch.nn.init.uniform_(module.weight, 0.5, 2)
                torch.nn.init.normal_(module.bias, std=0.2)
        path = tmp_path_factory.mktemp("weights") / f"{name}.safetensors"
        save_file(trunk.state_dict(), path)
        return path

    return save


@pytest.fixture(scope="session")
def model(weights: Weights) -> Model:
    """A captioner with random weights."""

    def make(
        words: int = 40, name: str = "test_efficientnet", *, side: int = SIDE, dropout: float = 0.0, **options: object
    ) -> CaptionModel:
        file = str(weights(name, **options))
        encoder = build_encoder(EncoderRecipe(name=name, weights=file, size=side, options=options))
        torch.manual_seed(5)
        recipe = DecoderRecipe(width=32, layers=2, heads=4, feed_forward=64, dropout=dropout)
        decoder = TransformerDecoder(recipe, words, encoder.spec.channels, encoder.spec.positions)
        # Fresh weights say the same of every picture; louder ones don't.
        for layer in decoder.layers:
            torch.nn.init.normal_(layer.picture_out.weight, std=1)
        return CaptionModel(encoder, decoder).eval()

    return make


@pytest.fixture(scope="session")
def made(scenes: Dataset, model: Model, tmp_path_factory: pytest.TempPathFactory) -> tuple[CaptionModel, Bundle]:
    """A captioner that has learned nothing, and its bundle."""
    folder = tmp_path_factory.mktemp("made")
    recipe = Recipe(name="untrained", data=DataRecipe(min_count=1, holdout=4))
    corpus = build_corpus(scenes, recipe.data, recipe.seed, None)
    captioner = model(len(corpus.vocabulary))
    run = Run(recipe, corpus, folder, "none", lambda progress: None)
    keys = [*corpus.keys, *corpus.held_keys]
    pictures = cached_features(scenes, keys, captioner.encoder, folder, mirror=False, report=run.report)
    bundle = assemble(run, scenes, captioner, pictures, folder / "bundle", "only")
    pictures.close()
    return captioner, bundle
