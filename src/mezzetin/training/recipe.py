"""The recipe: everything that decides what a training run makes, in one TOML file.

Same recipe, dataset, seed and machine: same bundle, bit for bit on CPU.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from mezzetin.bundle import BUNDLED, MANIFEST
from mezzetin.config import Settings, parse, read_toml


class DataRecipe(Settings):
    """Which captions and words are learned from."""

    min_count: int = Field(4, ge=1, description="a rarer word becomes <unk> and is never said")
    max_words: int = Field(20, ge=3, le=60, description="longer captions are cut")
    holdout: int = Field(300, ge=1, description="training images kept out, for early stopping by CIDEr-D")


class EncoderRecipe(Settings):
    """Where the picture's features come from."""

    name: str = Field(BUNDLED, description="a timm model, 'bundled', or a bundle relative to the recipe")
    weights: str | None = Field(None, description="a safetensors file; relative to the recipe")
    options: dict[str, Any] = Field(default_factory=dict, description="arguments of timm.create_model")
    size: int | None = Field(None, ge=32, le=1024, description="pixels of a side; default: the encoder's own")
    fit: Literal["squash", "crop"] = "squash"
    interpolation: Literal["bilinear", "bicubic", "lanczos"] = "bicubic"
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None


class DecoderRecipe(Settings):
    """The part that writes."""

    kind: Literal["transformer"] = "transformer"
    width: int = Field(256, ge=16, le=2048)
    layers: int = Field(2, ge=1, le=12)
    heads: int = Field(4, ge=1, le=32)
    feed_forward: int = Field(1024, ge=16)
    dropout: float = Field(0.3, ge=0, lt=1)

    @model_validator(mode="after")
    def _divisible(self) -> DecoderRecipe:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        return self


class StageRecipe(Settings):
    """One stage of training; it begins where the one before ended, and ends in a bundle."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    encoder: Literal["frozen", "fine-tuned"] = "frozen"
    epochs: int = Field(10, ge=1)
    patience: int = Field(3, ge=1, description="epochs without a better held-out CIDEr-D before it stops")
    batch_images: int = Field(32, ge=1)
    captions_per_image: int = Field(5, ge=1, description="captions of an image that one batch holds")
    learning_rate: float = Field(5e-4, gt=0)
    encoder_learning_rate: float = Field(5e-5, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    warmup: float = Field(0.05, ge=0, lt=1, description="share of the steps")
    floor: float = Field(0.05, ge=0, le=1, description="learning rate at the end, as a share of the highest")
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    average: float = Field(0.999, ge=0, lt=1, description="decay of the averaged weights; 0 averages nothing")
    clip: float = Field(1.0, gt=0, description="the gradient's norm is clipped to this")
    mirror: bool = Field(False, description="show half of the pictures mirrored, left and right swapped")
    crop: float = Field(1.0, gt=0.2, le=1, description="smallest share of a side that a random crop keeps")


class DecodingRecipe(Settings):
    """The decoding defaults that go into the bundle."""

    beam: int = Field(3, ge=1, le=50)
    max_words: int = Field(20, ge=1, le=60)
    length_penalty: float = Field(0.7, ge=0, le=2)


class CardRecipe(Settings):
    """What a person should know of the model and no program can tell."""

    trained_on: str = ""
    good_at: str = ""
    bad_at: str = ""
    not_for: str = ""


class Recipe(Settings):
    """A whole run."""

    name: str = "captioner"
    version: str = "1"
    seed: int = 0
    precision: Literal["float32", "bfloat16"] = "float32"
    licence: str = Field("not stated", description="of the trained model; shown with its captions")
    licence_file: str | None = Field(None, description="its text, relative to the recipe")
    card: CardRecipe = CardRecipe()
    data: DataRecipe = DataRecipe()
    encoder: EncoderRecipe = EncoderRecipe()
    decoder: DecoderRecipe = DecoderRecipe()
    stages: tuple[StageRecipe, ...] = (StageRecipe(name="captions"),)
    decoding: DecodingRecipe = DecodingRecipe()

    @model_validator(mode="after")
    def _stage_names_differ(self) -> Recipe:
        names = [stage.name for stage in self.stages]
        if not names:
            raise ValueError("stages is empty: there must be one at least")
        twice = [name for number, name in enumerate(names) if name in names[:number]]
        if twice:
            raise ValueError(f"two stages are called {twice[0]!r}: their names must differ")
        return self


def read_recipe(path: Path | None) -> Recipe:
    """Read a recipe; None gives the defaults: a small Transformer on the bundled captioner's encoder.

    Raises:
        RecipeError: no such file, no TOML, an unknown key (with the nearest known one), a bad value.

    """
    if path is None:
        return Recipe()
    recipe = parse(Recipe, read_toml(path), path.name)
    encoder = recipe.encoder
    changes: dict[str, Any] = {}
    if encoder.weights:
        changes["weights"] = str((path.parent / Path(encoder.weights).expanduser()).resolve())
    bundle = (path.parent / Path(encoder.name).expanduser()).resolve()
    if encoder.name != BUNDLED and ("/" in encoder.name or (bundle / MANIFEST).is_file()):
        changes["name"] = str(bundle)
    updated: dict[str, Any] = {"encoder": encoder.model_copy(update=changes)}
    if recipe.licence_file:
        updated["licence_file"] = str((path.parent / recipe.licence_file).resolve())
    return recipe.model_copy(update=updated)


def learning_part(recipe: Recipe) -> dict[str, Any]:
    """What of a recipe decides the weights: not its names, card and decoding, nor where files lie."""
    plain = recipe.model_dump(mode="json", exclude={"encoder": {"weights"}})
    for key in ("name", "version", "licence", "licence_file", "card", "decoding"):
        del plain[key]
    return plain
