"""Encoders: any timm model by name, from a file, a bundle or the network, or one line that says what is wrong."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file

from mezzetin.bundle import Bundle
from mezzetin.errors import RecipeError
from mezzetin.training.encoders import build_encoder
from mezzetin.training.model import CaptionModel
from mezzetin.training.recipe import EncoderRecipe

Weights = Callable[..., Path]


def refusal(recipe: EncoderRecipe) -> str:
    with pytest.raises(RecipeError) as caught:
        build_encoder(recipe)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("mobilnetv2_100", "mobilenetv2_100"),
        ("resnet81", "resnet18"),
        ("bundeld", "bundled"),
        ("ViT-tiny-patch16-224", "vit_tiny_patch16_224"),
    ],
)
def test_an_unknown_name_gives_near_ones(name: str, near: str) -> None:
    assert near in refusal(EncoderRecipe(name=name)).partition("near: ")[2].split(", ")


def test_what_no_encoder_is_called_is_said_so(tmp_path: Path) -> None:
    assert "there is no bundle" in refusal(EncoderRecipe(name=str(tmp_path / "none")))
    assert "it has r160_in1k" in refusal(EncoderRecipe(name="test_resnet.r224"))
    assert refusal(EncoderRecipe(name="\u4f60")) == "timm has no model '\u4f60'"


def test_a_weights_file_that_does_not_fit_is_one_line(tmp_path: Path, weights: Weights) -> None:
    def named(path: Path) -> EncoderRecipe:
        return EncoderRecipe(name="test_resnet", weights=str(path), size=32)

    assert "there is no weights file" in refusal(named(tmp_path / "none.safetensors"))
    assert "does not hold the weights of 'test_resnet'" in refusal(named(weights("test_efficientnet")))
    (tmp_path / "model.pth").write_bytes(b"PK\x03\x04" + bytes(100))
    assert "is not a safetensors file" in refusal(named(tmp_path / "model.pth"))


def test_options_and_sizes_that_a_model_does_not_take_are_one_line(weights: Weights) -> None:
    def asked(name: str, size: int | None = None, **options: object) -> EncoderRecipe:
        return EncoderRecipe(name=name, weights=str(weights(name)), size=size, options=options)

    assert "does not take these options" in refusal(asked("test_resnet", pad_type="same"))
    assert "has no features" in refusal(asked("test_resnet", features_only=True))
    assert "can't look at pictures of 64 x 64" in refusal(asked("test_maxvit", 64, img_size=160))


def test_without_network_or_file_the_flag_is_named(tmp_path: Path) -> None:
    # Whether to go online is read once, when the library that would fetch is imported: so in a process of its own.
    code = (
        "from mezzetin.errors import EnvironmentProblem\n"
        "from mezzetin.training.encoders import build_encoder\n"
        "from mezzetin.training.recipe import EncoderRecipe\n"
        "try:\n    build_encoder(EncoderRecipe(name='test_resnet'))\n"
        "except EnvironmentProblem as error:\n    print(error)\n"
    )
    offline = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=offline, capture_output=True, text=True, check=True)
    (line,) = done.stdout.splitlines()
    assert "--encoder-weights" in line
    assert f"{tmp_path}/hub/models--timm--test_resnet.r160_in1k/snapshots/*/model.safetensors" in line


@pytest.mark.parametrize(
    ("name", "size", "positions", "channels"),
    [
        ("vit_tiny_patch16_224", None, 196, 192),
        ("test_vit", 64, 16, 64),
        ("test_convnext", 64, 4, 64),
        ("test_mambaout", 64, 4, 64),
        ("test_efficientnet", 64, 4, 256),
    ],
)
@torch.no_grad()
def test_features_are_a_grid_in_reading_order(
    name: str, size: int | None, positions: int, channels: int, weights: Weights
) -> None:
    encoder = build_encoder(EncoderRecipe(name=name, weights=str(weights(name)), size=size))
    side = encoder.spec.preprocessing.height
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, side, side, 3), dtype=np.uint8))
    features = encoder(pixels)
    assert features.shape == (2, positions, channels) == (2, encoder.spec.positions, encoder.spec.channels)
    # What changes at the upper right changes the last position of the first row most.
    changed = pixels.clone()
    changed[:, : side // 4, -side // 4 :] = 255 - changed[:, : side // 4, -side // 4 :]
    grid = math.isqrt(positions)
    differences = (encoder(changed) - features).abs().mean(-1).view(2, grid, grid)
    others = torch.stack([differences[:, 0, 0], differences[:, -1, 0], differences[:, -1, -1]])
    assert (differences[:, 0, -1] > others).all()


@torch.no_grad()
def test_prefix_tokens_are_left_out(weights: Weights) -> None:
    path = weights("vit_tiny_patch16_224")
    encoder = build_encoder(EncoderRecipe(name="vit_tiny_patch16_224", weights=str(path)))
    plain = timm.create_model("vit_tiny_patch16_224", pretrained=False, num_classes=5).eval()
    plain.load_state_dict(load_file(path))
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 224, 224, 3), dtype=np.uint8))
    normalised = (pixels.permute(0, 3, 1, 2) / 255 - 0.5) / 0.5
    tokens = cast(Any, plain).forward_features(normalised)
    assert tokens.shape == (1, 197, 192)
    assert torch.allclose(encoder(pixels), tokens[:, 1:], atol=1e-4)


def test_signatures_tell_weights_and_preprocessing_apart(weights: Weights) -> None:
    def signature(**changes: object) -> str:
        recipe = {"name": "test_efficientnet", "weights": str(weights("test_efficientnet")), "size": 32, **changes}
        return build_encoder(EncoderRecipe(**recipe)).signature()

    assert signature() == signature()
    others = [signature(size=64), signature(fit="squash"), signature(interpolation="lanczos"), signature(std=(1, 1, 1))]
    others += [signature(crop_share=0.5), signature(features="pooled")]
    assert len({signature(), *others}) == 7
    encoder = build_encoder(EncoderRecipe(name="test_efficientnet", weights=str(weights("test_efficientnet")), size=32))
    with torch.no_grad():
        next(encoder.parameters())[0] += 1
    assert encoder.signature() != signature()


def test_an_encoder_comes_out_of_a_bundle_as_it_went_in(made: tuple[CaptionModel, Bundle]) -> None:
    model, bundle = made
    encoder = build_encoder(EncoderRecipe(name=str(bundle.folder)))
    assert encoder.folded
    assert encoder.spec == model.encoder.spec
    assert encoder.signature() == model.encoder.signature()
