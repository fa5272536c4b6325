"""Each family of encoders, in small: what it gives pooled and as a grid, its own preprocessing, and its ONNX graph."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnxruntime
import pytest
import timm
import torch
from safetensors.torch import load_file
from torch import Tensor

from mezzetin.bundle import WEIGHTS, Bundle
from mezzetin.errors import RecipeError
from mezzetin.pixels import Preprocessing
from mezzetin.training.decoders.merge import MergeDecoder
from mezzetin.training.encoders import ImageEncoder, build_encoder
from mezzetin.training.export import export_graphs, round_weights
from mezzetin.training.model import CaptionModel
from mezzetin.training.recipe import DecoderRecipe, EncoderRecipe
from mezzetin.training.trunks import model_options, published_preprocessing

Weights = Callable[..., Path]
#: Name, options that make it small or make it what its bigger sisters are, side, and the pooled width.
FAMILIES = {
    "vgg": ("vgg11", {"mlp_ratio": 0.01}, 64, 4096),
    "mobilenet": ("test_efficientnet", {}, 64, 256),
    "dinov2": ("test_vit", {"reg_tokens": 4, "init_values": 1e-5}, 64, 64),
    "siglip": ("test_vit", {"class_token": False, "global_pool": "map"}, 64, 64),
}


@pytest.fixture(scope="session")
def family(weights: Weights) -> Callable[..., tuple[ImageEncoder, Any]]:
    """An encoder of a family, and timm's own model with the same weights."""

    def build(name: str, features: str) -> tuple[ImageEncoder, Any]:
        model, options, side, _ = FAMILIES[name]
        sized = model_options(EncoderRecipe(name=model, size=side, options=options))
        path = weights(model, **sized)
        recipe = EncoderRecipe.model_validate(
            {"name": model, "options": options, "size": side, "weights": str(path), "features": features}
        )
        plain = timm.create_model(model, pretrained=False, num_classes=5, **cast(Any, sized)).eval()
        plain.load_state_dict(load_file(path))
        return build_encoder(recipe), plain

    return build


def pictures(encoder: ImageEncoder, count: int = 2) -> Tensor:
    side = encoder.spec.preprocessing.height
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8))


def normalised(encoder: ImageEncoder, pixels: Tensor) -> Tensor:
    mean, std = (torch.tensor(value).view(3, 1, 1) for value in (encoder.spec.mean, encoder.spec.std))
    return (pixels.permute(0, 3, 1, 2) / 255 - mean) / std


@pytest.mark.parametrize("name", FAMILIES)
@torch.no_grad()
def test_pooled_is_what_the_classifier_would_read(name: str, family: Callable[..., tuple[ImageEncoder, Any]]) -> None:
    encoder, plain = family(name, "pooled")
    pixels, width = pictures(encoder), FAMILIES[name][3]
    assert (encoder.spec.positions, encoder.spec.channels) == (1, width)
    pooled = encoder(pixels)
    assert pooled.shape == (2, 1, width)
    read = plain.forward_head(plain.forward_features(normalised(encoder, pixels)), pre_logits=True)
    assert (pooled[:, 0] - read.flatten(1)).abs().max() < 1e-3 * read.abs().max()
    assert not torch.equal(pooled[0], pooled[1])


@pytest.mark.parametrize(("name", "leading"), [("dinov2", 5), ("siglip", 0)])
@torch.no_grad()
def test_class_and_register_tokens_are_no_part_of_the_grid(
    name: str, leading: int, family: Callable[..., tuple[ImageEncoder, Any]]
) -> None:
    encoder, plain = family(name, "grid")
    pixels = pictures(encoder)
    tokens = plain.forward_features(normalised(encoder, pixels))
    assert tokens.shape[1] - leading == encoder.spec.positions == 16
    assert torch.allclose(encoder(pixels), tokens[:, leading:], atol=1e-4)


@torch.no_grad()
def test_a_head_that_a_grid_does_not_need_is_left_out(family: Callable[..., tuple[ImageEncoder, Any]]) -> None:
    encoder, plain = family("vgg", "grid")
    pixels = pictures(encoder)
    seen = plain.forward_features(normalised(encoder, pixels))
    assert torch.allclose(encoder(pixels), seen.flatten(2).transpose(1, 2), atol=1e-4)
    kept = encoder.trunk.state_dict().keys()
    assert kept
    assert all(name.startswith("features.") for name in kept)
    assert any(name.startswith("pre_logits.") for name in family("vgg", "pooled")[0].trunk.state_dict())


@pytest.mark.parametrize("name", FAMILIES)
@torch.no_grad()
def test_the_graph_sees_what_torch_sees(
    name: str, family: Callable[..., tuple[ImageEncoder, Any]], tmp_path: Path
) -> None:
    encoder, _ = family(name, "pooled" if name in ("vgg", "siglip") else "grid")
    torch.manual_seed(0)
    decoder = MergeDecoder(DecoderRecipe(kind="merge", width=16, embedding=8), 9, encoder.spec.channels, 1)
    model = CaptionModel(encoder, decoder).eval()
    round_weights(model)
    export_graphs(model, tmp_path, {})
    assert {tensor.dtype for tensor in load_file(tmp_path / WEIGHTS).values()} <= {torch.float16, torch.float32}
    session = onnxruntime.InferenceSession(tmp_path / "encoder.onnx", providers=["CPUExecutionProvider"])
    pixels = pictures(encoder, 3)
    memory, gist = session.run(["memory", "gist"], {"pixels": pixels.numpy()})
    features = encoder(pixels)
    assert gist == pytest.approx(features.mean(1).numpy(), abs=1e-3 * float(features.abs().max()))
    expected = decoder.remember(features)
    assert memory == pytest.approx(expected.numpy(), abs=1e-3 * float(expected.abs().max()))


@pytest.mark.parametrize(
    ("name", "preprocessing", "mean"),
    [
        ("vgg16", Preprocessing(224, 224, "crop", "bilinear", 0.875), 0.485),
        ("inception_v3", Preprocessing(299, 299, "crop", "bicubic", 0.875), 0.5),
        ("resnet50", Preprocessing(224, 224, "crop", "bicubic", 0.95), 0.485),
        ("resnet50.tv_in1k", Preprocessing(224, 224, "crop", "bilinear", 0.875), 0.485),
        ("mobilenetv2_100", Preprocessing(224, 224, "crop", "bicubic", 0.875), 0.485),
        ("vit_small_patch14_dinov2", Preprocessing(518, 518, "crop", "bicubic", 1.0), 0.485),
        ("vit_base_patch16_siglip_224", Preprocessing(224, 224, "crop", "bicubic", 0.9), 0.5),
        ("coat_lite_medium_384", Preprocessing(384, 384, "squash", "bicubic", 1.0), 0.485),
        ("vit_base_patch16_sapiens2", Preprocessing(1024, 768, "squash", "bilinear", 1.0), 0.485),
    ],
)
def test_preprocessing_is_the_one_published_with_the_weights(
    name: str, preprocessing: Preprocessing, mean: float
) -> None:
    found, means, _ = published_preprocessing(EncoderRecipe(name=name))
    assert found == preprocessing
    assert means[0] == mean


def test_the_recipe_has_the_last_word_on_preprocessing() -> None:
    own = EncoderRecipe(name="resnet50", size=160, fit="squash", interpolation="lanczos", mean=(0, 0, 0), std=(1, 1, 1))
    assert published_preprocessing(own) == (Preprocessing(160, 160, "squash", "lanczos"), (0, 0, 0), (1, 1, 1))
    whole = EncoderRecipe(name="resnet50", crop_share=1)
    assert published_preprocessing(whole)[0].crop_share == 1
    # A squashing encoder that is told to crop shows all of the shorter side.
    cropped = EncoderRecipe(name="coat_lite_medium_384", fit="crop")
    assert published_preprocessing(cropped)[0] == Preprocessing(384, 384, "crop")


def test_pictures_in_a_frame_are_refused_unless_the_recipe_decides() -> None:
    name = next(
        name for name in timm.list_pretrained() if cast(Any, timm.get_pretrained_cfg(name)).crop_mode == "border"
    )
    with pytest.raises(RecipeError, match="in a frame"):
        published_preprocessing(EncoderRecipe(name=name))
    assert published_preprocessing(EncoderRecipe(name=name, fit="squash"))[0].fit == "squash"


@torch.no_grad()
def test_positions_of_another_size_are_interpolated_as_timm_does_it(weights: Weights) -> None:
    path = weights("test_vit")
    encoder = build_encoder(EncoderRecipe(name="test_vit", weights=str(path), size=64))
    assert encoder.spec.options["img_size"] == 64
    plain = timm.create_model("test_vit", pretrained=False, num_classes=5).eval()
    plain.load_state_dict(load_file(path))
    pixels = pictures(encoder)
    # This small one can do it for every picture anew.
    tokens = cast(Any, plain).forward_features(normalised(encoder, pixels))
    assert torch.allclose(encoder(pixels), tokens[:, 1:], atol=1e-4)


def test_weights_that_nobody_publishes_must_be_named() -> None:
    with pytest.raises(RecipeError, match="timm publishes no weights of 'test_vit4': name a safetensors file"):
        build_encoder(EncoderRecipe(name="test_vit4"))


def test_an_encoder_out_of_a_bundle_gives_what_it_gave(made: tuple[CaptionModel, Bundle]) -> None:
    folder = str(made[1].folder)
    assert build_encoder(EncoderRecipe(name=folder, features="grid")).spec.features == "grid"
    with pytest.raises(RecipeError, match="gives grid features: leave"):
        build_encoder(EncoderRecipe(name=folder, features="pooled"))
