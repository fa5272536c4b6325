"""The part that looks: any `timm` image model as `pixels_BHW3 -> features_BPC`, a grid or one pooled vector.

Tensor names: B images, H x W pixels, P grid positions, C channels. Pixels are uint8 RGB; scaling and normalisation
are part of the module and so of the exported graph: serving can't do them differently.

Weights come from a local safetensors file, from a bundle, or from where timm's own code fetches them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from mezzetin.bundle import BUNDLED, MANIFEST, WEIGHTS, Bundle, bundled_captioner
from mezzetin.errors import RecipeError
from mezzetin.pixels import Preprocessing
from mezzetin.registry.reference import find_model, registered
from mezzetin.training.folding import folded
from mezzetin.training.recipe import EncoderRecipe
from mezzetin.training.trunks import (
    check_name,
    create_trunk,
    drop_unread,
    first_line,
    keep_only,
    load_trunk,
    model_options,
    published_preprocessing,
    see,
)

ENCODER_PREFIX = "encoder.trunk."


@dataclass(frozen=True)
class EncoderSpec:
    """What an encoder is, without its weights; stored in the bundle so that a later run can rebuild it.

    `features` is "grid" or "pooled"; `mean` and `std` are of a channel, 0 to 1.
    """

    name: str
    options: Mapping[str, Any]
    preprocessing: Preprocessing
    mean: tuple[float, ...]
    std: tuple[float, ...]
    features: str = "grid"
    channels: int = 0
    positions: int = 0
    weights: str = field(default="", compare=False)

    def to_json(self) -> dict[str, Any]:
        """A plain dict for bundle.json, without where the weights came from."""
        body = asdict(self)
        body["preprocessing"] = self.preprocessing.to_json()
        del body["weights"]
        return body

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> EncoderSpec:
        """Read what `to_json` made; a bundle says more of its encoder beside it."""
        return cls(
            name=str(body["name"]),
            options=dict(body["options"]),
            preprocessing=Preprocessing.from_json(body["preprocessing"]),
            mean=tuple(body["mean"]),
            std=tuple(body["std"]),
            # Bundles of 0.1 knew of no other.
            features=str(body.get("features", "grid")),
            channels=int(body["channels"]),
            positions=int(body["positions"]),
        )


class ImageEncoder(nn.Module):
    """A timm model that answers features; batch norms stay in evaluation mode, also when fine-tuned."""

    mean: Tensor
    std: Tensor

    def __init__(self, spec: EncoderSpec, *, pretrained: bool = False) -> None:
        super().__init__()
        self.spec = spec
        self.trunk = create_trunk(spec.name, spec.options, pretrained=pretrained)
        self.folded = False
        self.register_buffer("mean", 255 * torch.tensor(spec.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", 255 * torch.tensor(spec.std).view(1, 3, 1, 1), persistent=False)
        self.to(memory_format=torch.channels_last)

    def train(self, mode: bool = True) -> ImageEncoder:
        """Stay in evaluation mode: a few thousand pictures are too few for new batch statistics."""
        return super().train(False)

    def fold(self) -> None:
        """Fold batch norms into the convolutions before them, where that changes nothing but speed."""
        self.trunk, self.folded = folded(self.trunk, self.spec.preprocessing)

    def forward(self, pixels_BHW3: Tensor) -> Tensor:
        """Look at the pictures: `features_BPC`."""
        pixels = (pixels_BHW3.permute(0, 3, 1, 2).float() - self.mean) / self.std
        return self.features(pixels)

    def features(self, pixels_B3HW: Tensor) -> Tensor:
        """What the trunk sees in normalised pixels: a grid in reading order, or one pooled vector."""
        return see(self.trunk, pixels_B3HW.contiguous(memory_format=torch.channels_last), self.spec.features)

    def signature(self) -> str:
        """Digest of architecture, preprocessing and weights: the key of cached features."""
        digest = hashlib.sha256(repr(sorted(self.spec.to_json().items())).encode())
        for name, tensor in sorted(self.trunk.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().contiguous().cpu().numpy().tobytes())
        return digest.hexdigest()[:16]


def build_encoder(recipe: EncoderRecipe) -> ImageEncoder:
    """Make the encoder that a recipe names, with its pretrained weights.

    Raises:
        RecipeError: timm knows no such model, or not in this size or with these options, or the weights file is
            missing or belongs to another model.
        BundleError: the encoder is a bundle's, and that can't be opened.
        EnvironmentProblem: the weights would have to be downloaded and can't be.

    """
    bundle = bundle_named(recipe.name)
    if bundle is not None:
        encoder = encoder_of(bundle)
        if "features" in recipe.model_fields_set and recipe.features != encoder.spec.features:
            raise RecipeError(
                f"the encoder of {recipe.name} gives {encoder.spec.features} features: leave encoder.features out"
            )
        return encoder
    check_name(recipe.name)
    preprocessing, mean, std = published_preprocessing(recipe)
    spec = EncoderSpec(recipe.name, model_options(recipe), preprocessing, mean, std, recipe.features)
    encoder = ImageEncoder(spec, pretrained=recipe.weights is None)
    if recipe.weights is not None:
        load_trunk(encoder.trunk, recipe.name, Path(recipe.weights))
    return _measured(encoder)


def bundle_named(encoder: str) -> Bundle | None:
    """The bundle that an encoder's name means; None where it is a timm model's."""
    if encoder == BUNDLED:
        return bundled_captioner()
    if registered(encoder) is not None:
        return find_model(encoder)
    return Bundle.open(encoder) if (Path(encoder) / MANIFEST).is_file() else None


def encoder_of(bundle: Bundle) -> ImageEncoder:
    """The encoder inside a bundle, for training on."""
    encoder = ImageEncoder(EncoderSpec.from_json(bundle.manifest["encoder"]))
    tensors = load_file(bundle.folder / WEIGHTS)
    own = {
        name.removeprefix(ENCODER_PREFIX): tensor.float()
        for name, tensor in tensors.items()
        if name.startswith(ENCODER_PREFIX)
    }
    if bundle.manifest["encoder"]["folded"]:
        encoder.fold()
    keep_only(encoder.trunk, set(own))
    encoder.trunk.load_state_dict(own)
    return encoder


def _measured(encoder: ImageEncoder) -> ImageEncoder:
    """Fold, drop what is not read, and fill in channels and positions by looking at one black picture."""
    side, features = encoder.spec.preprocessing, encoder.spec.features
    black = torch.zeros(1, side.height, side.width, 3, dtype=torch.uint8)
    try:
        encoder.fold()
        if features == "grid":
            drop_unread(encoder.trunk, lambda: encoder(black))
        with torch.no_grad():
            _, positions, channels = encoder(black).shape
    except (RuntimeError, AssertionError, ValueError) as error:
        raise RecipeError(
            f"encoder {encoder.spec.name!r} can't look at pictures of {side.width} x {side.height} pixels "
            f"({first_line(error)}): leave encoder.size out, or choose another"
        ) from error
    except (AttributeError, TypeError, NotImplementedError) as error:
        raise RecipeError(f"encoder {encoder.spec.name!r} has no {features} features: choose another") from error
    encoder.spec = replace(encoder.spec, channels=int(channels), positions=int(positions))
    return encoder
