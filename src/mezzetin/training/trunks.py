"""The image models of `timm`: found by name, made, given weights, and freed of what nobody reads.

Enters: what a recipe says of its encoder. Leaves: a module that answers a grid of features or one pooled vector, and
the preprocessing that timm publishes with its weights.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, cast

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.data.config import resolve_data_config
from timm.models import PretrainedCfg, VisionTransformer
from timm.models.vision_transformer import checkpoint_filter_fn
from torch import Tensor, nn

from mezzetin.bundle import BUNDLED
from mezzetin.errors import EnvironmentProblem, RecipeError
from mezzetin.pixels import Preprocessing
from mezzetin.training.recipe import EncoderRecipe

WHOLE = 1.0


def check_name(name: str) -> None:
    """See that timm knows a model, and weights of that tag; raises RecipeError with near names."""
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


def published_preprocessing(recipe: EncoderRecipe) -> tuple[Preprocessing, tuple[float, ...], tuple[float, ...]]:
    """What timm publishes with the weights, where the recipe says nothing else: preprocessing, mean and deviation.

    Raises:
        RecipeError: the model was trained on pictures that are framed, which we don't do.

    """
    told = cast(Any, resolve_data_config)(pretrained_cfg=_published(recipe.name).to_dict())
    _, height, width = told["input_size"]
    mode = {"center": "crop", "squash": "squash"}.get(told["crop_mode"])
    if recipe.fit is None and mode is None:
        raise RecipeError(
            f"encoder {recipe.name!r} expects pictures in a frame: say encoder.fit = 'squash' or 'crop' instead"
        )
    fit = cast(Literal["squash", "crop"], recipe.fit or mode)
    # Above 1 timm would put a frame around the picture.
    own = min(told["crop_pct"], WHOLE) if mode == fit == "crop" else WHOLE
    preprocessing = Preprocessing(
        height=recipe.size or height,
        width=recipe.size or width,
        fit=fit,
        interpolation=recipe.interpolation or told["interpolation"],
        crop_share=recipe.crop_share or own,
    )
    return preprocessing, tuple(recipe.mean or told["mean"]), tuple(recipe.std or told["std"])


def model_options(recipe: EncoderRecipe) -> dict[str, Any]:
    """The arguments of `timm.create_model`: the recipe's, and the size for models that are made for one."""
    made_for_one = recipe.size is not None and _published(recipe.name).fixed_input_size
    return {"img_size": recipe.size, **recipe.options} if made_for_one else dict(recipe.options)


def create_trunk(name: str, options: Mapping[str, Any], *, pretrained: bool = False) -> nn.Module:
    """Make a timm model without its classifier.

    Raises:
        RecipeError: the model does not take these options, has no features, or has no published weights.
        EnvironmentProblem: the weights would have to be downloaded and can't be.

    """
    looked_for = _weights_path(name) if pretrained else None
    try:
        model: nn.Module = timm.create_model(name, pretrained=pretrained, num_classes=0, **dict(options))
    except (OSError, RuntimeError) as error:
        if looked_for is None:
            raise _no_such_options(name, error) from error
        # timm fetches through huggingface_hub, whose failures are OSErrors or RuntimeErrors.
        raise EnvironmentProblem(
            f"the weights of {name!r} are neither in {looked_for} nor can be downloaded: name a safetensors file with "
            f"--encoder-weights, or use encoder name {BUNDLED!r}"
        ) from error
    except (TypeError, ValueError, AssertionError, KeyError) as error:
        raise _no_such_options(name, error) from error
    if not hasattr(model, "forward_features"):
        raise RecipeError(f"encoder {name!r} with these options has no features: choose another")
    return model


def see(trunk: nn.Module, pixels_B3HW: Tensor, features: str) -> Tensor:
    """What a trunk sees in normalised pixels, `[B, P, C]`.

    "grid": every position in reading order, without class and register tokens. "pooled": the one vector that the
    classifier would read, P = 1.
    """
    seen: Tensor = cast(Any, trunk).forward_features(pixels_B3HW)
    if features == "pooled":
        vector: Tensor = cast(Any, trunk).forward_head(seen, pre_logits=True)
        return vector.flatten(1).unsqueeze(1)
    if seen.ndim == 4:
        # Most of timm answers B, C, H, W; its window attentions and a few others B, H, W, C, and say so.
        channels_last = str(getattr(trunk, "output_fmt", "NCHW")) == "NHWC"
        return seen.flatten(1, 2) if channels_last else seen.flatten(2).transpose(1, 2)
    return seen[:, int(getattr(trunk, "num_prefix_tokens", 0)) :]


def drop_unread(trunk: nn.Module, seen: Callable[[], Tensor]) -> None:
    """Empty the parts whose weights have no say in what `seen` returns, such as the head above a grid.

    VGG16's is nine tenths of its weights.
    """
    # Folding leaves biases behind that ask for no gradient.
    names, weights = zip(*trunk.requires_grad_().named_parameters(), strict=True)
    with torch.enable_grad():
        gradients = torch.autograd.grad(seen().sum(), weights, allow_unused=True)
    keep_only(trunk, {name for name, gradient in zip(names, gradients, strict=True) if gradient is not None})


def keep_only(trunk: nn.Module, names: set[str]) -> None:
    """Empty the parts of a trunk that have weights but none of these."""
    parts = {name.partition(".")[0] for name in names}
    for name, part in list(trunk.named_children()):
        if name not in parts and any(True for _ in part.parameters()):
            setattr(trunk, name, nn.Identity())


def load_trunk(trunk: nn.Module, name: str, path: Path) -> None:
    """Read weights from a safetensors file; positions of another size are interpolated as timm does it.

    Raises:
        RecipeError: there is no such file, or it is another model's.

    """
    if not path.is_file():
        raise RecipeError(f"there is no weights file {path}: name it with --encoder-weights")
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise RecipeError(f"{path} is not a safetensors file") from error
    known = trunk.state_dict()
    if not _fits(known, tensors) and isinstance(trunk, VisionTransformer):
        tensors = _converted(trunk, tensors)
    if not _fits(known, tensors):
        raise RecipeError(f"{path} does not hold the weights of {name!r}")
    # What is left over is the classifier, which a captioner does not use.
    trunk.load_state_dict({key: tensors[key] for key in known})


def first_line(error: Exception) -> str:
    """An exception's text up to its first line break."""
    return str(error).partition("\n")[0]


def _published(name: str) -> Any:
    return timm.get_pretrained_cfg(name) or PretrainedCfg()


def _fits(known: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> bool:
    return all(name in tensors and tensors[name].shape == tensor.shape for name, tensor in known.items())


def _converted(trunk: VisionTransformer, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    try:
        return checkpoint_filter_fn(tensors, trunk)
    except (KeyError, RuntimeError, AssertionError, ValueError, IndexError):
        # Tensors of quite another model: what was found is told by its names.
        return tensors


def _no_such_options(name: str, error: Exception) -> RecipeError:
    return RecipeError(f"encoder {name!r} does not take these options: {first_line(error)}")


def _weights_path(name: str) -> Path:
    """Where timm's own code keeps the weights that it has downloaded."""
    published = _published(name)
    if published.hf_hub_id:
        home = os.environ.get("HF_HOME") or f"{os.environ.get('XDG_CACHE_HOME') or '~/.cache'}/huggingface"
        hub = Path(os.environ.get("HF_HUB_CACHE") or f"{home}/hub").expanduser()
        return Path(hub, f"models--{published.hf_hub_id.replace('/', '--')}", "snapshots", "*", "model.safetensors")
    if published.url:
        return Path(torch.hub.get_dir(), "checkpoints", published.url.rpartition("/")[2])
    raise RecipeError(f"timm publishes no weights of {name!r}: name a safetensors file with --encoder-weights")
