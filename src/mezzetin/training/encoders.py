"""The part that looks: any `timm` image model as `pixels_BHW3 -> features_BPC`.

Tensor names: B images, H x W pixels, P grid positions, C channels. Pixels are uint8 RGB; scaling and normalisation
are part of the module and so of the exported graph: serving can't do them differently.

Weights come from a local safetensors file, from a bundle, or from where timm's own code fetches them.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.models import PretrainedCfg
from torch import Tensor, nn

from mezzetin.bundle import BUNDLED, MANIFEST, WEIGHTS, Bundle, bundled_captioner
from mezzetin.errors import EnvironmentProblem, RecipeError
from mezzetin.pixels import Preprocessing
from mezzetin.training.folding import folded
from mezzetin.training.recipe import EncoderRecipe

ENCODER_PREFIX = "encoder.trunk."


@dataclass(frozen=True)
class EncoderSpec:
    """What an encoder is, without its weights; stored in the bundle so that a later run can rebuild it."""

    name: str
    options: Mapping[str, Any]
    preprocessing: Preprocessing
    mean: tuple[float, ...]
    std: tuple[float, ...]
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
            channels=int(body["channels"]),
            positions=int(body["positions"]),
        )


class ImageEncoder(nn.Module):
    """A timm model that answers grid features; batch norms stay in evaluation mode, also when fine-tuned."""

    mean: Tensor
    std: Tensor

    def __init__(self, spec: EncoderSpec, *, pretrained: bool = False) -> None:
        super().__init__()
        self.spec = spec
        self.trunk = _create(spec, pretrained)
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
        """The trunk's grid features of normalised pixels, positions in reading order."""
        grid: Tensor = cast(Any, self.trunk).forward_features(pixels_B3HW.contiguous(memory_format=torch.channels_last))
        if grid.ndim == 4:
            # Most of timm answers B, C, H, W; its window attentions and a few others B, H, W, C, and say so.
            channels_last = str(getattr(self.trunk, "output_fmt", "NCHW")) == "NHWC"
            return grid.flatten(1, 2) if channels_last else grid.flatten(2).transpose(1, 2)
        return grid[:, int(getattr(self.trunk, "num_prefix_tokens", 0)) :]

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
        return encoder_of(bundle)
    _check_name(recipe.name)
    spec = _spec(recipe)
    encoder = ImageEncoder(spec, pretrained=recipe.weights is None)
    if recipe.weights is not None:
        _load(encoder, Path(recipe.weights))
    return _measured(encoder)


def bundle_named(encoder: str) -> Bundle | None:
    """The bundle that an encoder's name means; None where it is a timm model's."""
    if encoder == BUNDLED:
        return bundled_captioner()
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
    encoder.trunk.load_state_dict(own)
    return encoder


def _check_name(name: str) -> None:
    if "/" in name:
        raise RecipeError(f"there is no bundle {name}: name a bundle's folder, a timm model, or {BUNDLED!r}")
    architecture, _, tag = name.partition(".")
    known = timm.list_models()
    if architecture not in known:
        near = difflib.get_close_matches(architecture, [BUNDLED, *known], n=3)
        raise RecipeError(f"timm has no model {name!r}" + (f"; near: {', '.join(near)}" if near else ""))
    tags = [published.partition(".")[2] for published in timm.list_pretrained(f"{architecture}.*")]
    if tag and tag not in tags:
        raise RecipeError(f"timm has no weights {tag!r} for {architecture!r}; it has {', '.join(tags) or 'none'}")


def _spec(recipe: EncoderRecipe) -> EncoderSpec:
    published = timm.get_pretrained_cfg(recipe.name) or PretrainedCfg()
    side = recipe.size or int(published.input_size[-1])
    return EncoderSpec(
        name=recipe.name,
        options=recipe.options,
        preprocessing=Preprocessing(side, side, recipe.fit, recipe.interpolation),
        mean=recipe.mean or tuple(published.mean),
        std=recipe.std or tuple(published.std),
    )


def _create(spec: EncoderSpec, pretrained: bool) -> nn.Module:
    try:
        model: nn.Module = timm.create_model(spec.name, pretrained=pretrained, num_classes=0, **dict(spec.options))
    except (TypeError, ValueError, AssertionError, KeyError) as error:
        raise RecipeError(f"encoder {spec.name!r} does not take these options: {_first_line(error)}") from error
    except (OSError, RuntimeError) as error:
        if not pretrained:
            raise RecipeError(f"encoder {spec.name!r} does not take these options: {_first_line(error)}") from error
        # timm fetches through huggingface_hub, whose failures are OSErrors or RuntimeErrors.
        raise EnvironmentProblem(
            f"the weights of {spec.name!r} are neither here nor can be downloaded: name a safetensors file with "
            f"--encoder-weights, or use encoder name {BUNDLED!r}"
        ) from error
    if not hasattr(model, "forward_features"):
        raise RecipeError(f"encoder {spec.name!r} with these options has no grid of features: choose another")
    return model


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _load(encoder: ImageEncoder, path: Path) -> None:
    if not path.is_file():
        raise RecipeError(f"there is no weights file {path}: name it with --encoder-weights")
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise RecipeError(f"{path} is not a safetensors file") from error
    known = encoder.trunk.state_dict()
    missing = sorted(known.keys() - tensors.keys())
    if missing or any(tensors[name].shape != known[name].shape for name in known):
        raise RecipeError(f"{path} does not hold the weights of {encoder.spec.name!r}")
    # What is left over is the classifier, which a captioner does not use.
    encoder.trunk.load_state_dict({name: tensors[name] for name in known})


def _measured(encoder: ImageEncoder) -> ImageEncoder:
    """Fold, and fill in channels and positions by looking at one black picture."""
    side = encoder.spec.preprocessing
    try:
        encoder.fold()
        with torch.no_grad():
            _, positions, channels = encoder(torch.zeros(1, side.height, side.width, 3, dtype=torch.uint8)).shape
    except (RuntimeError, AssertionError, ValueError) as error:
        raise RecipeError(
            f"encoder {encoder.spec.name!r} can't look at pictures of {side.width} x {side.height} pixels "
            f"({_first_line(error)}): leave encoder.size out, or choose another"
        ) from error
    encoder.spec = EncoderSpec(**{**encoder.spec.__dict__, "channels": int(channels), "positions": int(positions)})
    return encoder
