"""The recipe: everything that decides what a training run makes, in one TOML file.

Same recipe, dataset, seed and machine: same bundle, bit for bit on CPU.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer, model_validator

from mezzetin.bundle import BUNDLED, MANIFEST
from mezzetin.config import Settings, parse, read_toml
from mezzetin.training.ranges import Range, read_ranges, unfit


class DataRecipe(Settings):
    """Which captions and words are learned from."""

    tokeniser: Literal["ptb-py", "tutorial"] = Field("ptb-py", description="how a caption becomes words")
    min_count: int = Field(4, ge=1, description="a rarer word becomes <unk> and is never said")
    max_words: int = Field(20, ge=3, le=60, description="longer captions are cut")
    holdout: int = Field(300, ge=1, description="training images kept out, for early stopping by CIDEr-D")
    share: float = Field(1.0, gt=0, le=1, description="of the other training images; a smaller one is part of a larger")

    @model_serializer(mode="wrap")
    def _chosen(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # All of them is what there was before there was the choice: such runs stay the same runs.
        return {name: value for name, value in plain(self).items() if (name, value) != ("share", 1.0)}


class EncoderRecipe(Settings):
    """Where the picture's features come from."""

    name: str = Field(BUNDLED, description="a timm model, 'bundled', or a bundle relative to the recipe")
    weights: str | None = Field(None, description="a safetensors file; relative to the recipe")
    options: dict[str, Any] = Field(default_factory=dict, description="arguments of timm.create_model")
    features: Literal["grid", "pooled"] = Field("grid", description="every position, or one vector a picture")
    size: int | None = Field(None, ge=32, le=1024, description="pixels of a side; like the rest: the encoder's own")
    fit: Literal["squash", "crop"] | None = None
    crop_share: float | None = Field(None, ge=0.1, le=1, description="of a side that a crop shows")
    interpolation: Literal["bilinear", "bicubic", "lanczos"] | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None


class WordsRecipe(Settings):
    """The vectors that the decoder's words begin with."""

    glove: str | None = Field(None, description="a text file of GloVe's or word2vec's, plain, gzipped or in a zip")
    dimension: int | None = Field(None, ge=2, description="numbers of a vector: which file of a zip with several")
    tuned: bool = Field(True, description="whether the vectors learn with the rest")


_DECODER_FIELDS = {
    "transformer": ("width", "layers", "heads", "feed_forward", "dropout"),
    "merge": ("width", "layers", "embedding", "dropout"),
    "attention": ("width", "embedding", "doubly_stochastic", "dropout"),
}
_DECODER_DEFAULTS: dict[str, dict[str, Any]] = {"merge": {"layers": 1, "dropout": 0.5}, "attention": {"dropout": 0.5}}


class DecoderRecipe(Settings):
    """The part that writes; each kind has fields of its own, and no others count."""

    kind: Literal["transformer", "merge", "attention"] = "transformer"
    width: int = Field(256, ge=16, le=2048)
    layers: int = Field(2, ge=1, le=12, description="transformer, merge (1)")
    heads: int = Field(4, ge=1, le=32, description="transformer")
    feed_forward: int = Field(1024, ge=16, description="transformer")
    embedding: int = Field(200, ge=8, le=2048, description="merge, attention: numbers of a word's vector")
    doubly_stochastic: float = Field(1.0, ge=0, description="attention: weight of the term that spreads it")
    dropout: float = Field(0.3, ge=0, lt=1, description="0.5 for merge and attention")

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_the_kind(cls, values: Any) -> Any:
        if not isinstance(values, dict) or not isinstance(values.get("kind"), str):
            return values
        return {**_DECODER_DEFAULTS.get(values["kind"], {}), **values}

    @model_validator(mode="after")
    def _fields_of_the_kind(self) -> DecoderRecipe:
        own = _DECODER_FIELDS[self.kind]
        foreign = sorted(self.model_fields_set - {"kind", *own})
        if foreign:
            raise ValueError(f"kind {self.kind!r} has no {foreign[0]!r}; it has {', '.join(own)}")
        if self.kind == "transformer" and self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        return self

    @model_serializer(mode="wrap")
    def _own_fields(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        own = {"kind", *_DECODER_FIELDS[self.kind]}
        return {name: value for name, value in plain(self).items() if name in own}


_SELF_CRITICAL = ("objective", "samples", "temperature", "cross_entropy_share")


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
    light: float = Field(0.0, ge=0, lt=1, description="fine-tuned: brightness and contrast change by up to this share")
    kept: tuple[str, ...] = Field((), description="fine-tuned: parts of the encoder that stay as they are, by name")
    objective: Literal["cross-entropy", "self-critical"] = "cross-entropy"
    samples: int = Field(5, ge=2, le=100, description="self-critical: captions of an image that are sampled")
    temperature: float = Field(1.0, gt=0, le=10, description="self-critical: of the sampled probabilities")
    cross_entropy_share: float = Field(0.0, ge=0, lt=1, description="self-critical: share of cross-entropy in the loss")

    @model_serializer(mode="wrap")
    def _own_fields(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # A stage of cross-entropy is told as it was before there was another objective: its runs stay the same runs.
        foreign = _SELF_CRITICAL if self.objective == "cross-entropy" else ()
        unsaid = [name for name in ("light", "kept") if not getattr(self, name)]
        return {name: value for name, value in plain(self).items() if name not in (*foreign, *unsaid)}


class MatchingRecipe(Settings):
    """A small head that learns which words fit which picture; it ranks captions, and finds pictures by words."""

    width: int = Field(64, ge=8, le=1024, description="numbers of a vector")
    epochs: int = Field(24, ge=1)
    batch_images: int = Field(512, ge=2, description="each caption is told from those of so many other pictures")
    learning_rate: float = Field(3e-3, gt=0)
    weight_decay: float = Field(0.1, ge=0)
    dropout: float = Field(0.5, ge=0, lt=1, description="of the picture's features")


class OnwardsRecipe(Settings):
    """How much of a bundle stays when training goes on from it; its matching head then stays as it is."""

    share: float = Field(0.3, gt=0, le=1, description="of what was learned that counts, the rest is as it was before")
    new_words: int = Field(3, ge=1, description="a word that occurs as often and is new joins the vocabulary")


class DecodingRecipe(Settings):
    """The decoding defaults that go into the bundle."""

    beam: int = Field(3, ge=1, le=50)
    max_words: int = Field(20, ge=1, le=60)
    length_penalty: float = Field(0.7, ge=0, le=2)
    min_words: int = Field(1, ge=1, le=60)
    no_repeat: int = Field(0, ge=0, le=60, description="words in a row that occur once; 0: no such rule")
    good_endings: bool = Field(False, description="end in no article, preposition, conjunction or auxiliary")
    match: float = Field(0.0, ge=0, le=100, description="how much fitting the picture counts; needs [matching]")

    @model_serializer(mode="wrap")
    def _chosen(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # What is neutral is left out, as in the bundles of before there was the choice.
        neutral = {"min_words": 1, "no_repeat": 0, "good_endings": False, "match": 0.0}
        return {name: value for name, value in plain(self).items() if neutral.get(name, ...) != value}


class CardRecipe(Settings):
    """What a person should know of the model and no program can tell."""

    trained_on: str = ""
    good_at: str = ""
    bad_at: str = ""
    not_for: str = ""


_UNLEARNED = ("name", "version", "licence", "licence_file", "card", "decoding")
_UNSWEPT = dict.fromkeys((*_UNLEARNED, "matching", "sweep"), "has no part in the score of a trial") | dict.fromkeys(
    ("seed", "data.holdout", "data.tokeniser"), "changes what the score is measured on"
)


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
    words: WordsRecipe = WordsRecipe()
    decoder: DecoderRecipe = DecoderRecipe()
    stages: tuple[StageRecipe, ...] = (StageRecipe(name="captions"),)
    matching: MatchingRecipe | None = None
    onwards: OnwardsRecipe | None = None
    decoding: DecodingRecipe = DecodingRecipe()
    sweep: dict[str, Range] = Field(default_factory=dict, exclude=True, description="what `mezzetin sweep` tries")

    @field_validator("sweep", mode="before")
    @classmethod
    def _read_ranges(cls, given: Any) -> Any:
        return read_ranges(given)

    @model_validator(mode="after")
    def _stage_names_differ(self) -> Recipe:
        names = [stage.name for stage in self.stages]
        if not names:
            raise ValueError("stages is empty: there must be one at least")
        twice = [name for number, name in enumerate(names) if name in names[:number]]
        if twice:
            raise ValueError(f"two stages are called {twice[0]!r}: their names must differ")
        return self

    @model_validator(mode="after")
    def _match_is_learned(self) -> Recipe:
        if self.decoding.match and self.matching is None and self.onwards is None:
            raise ValueError("decoding.match needs a [matching] table, which says how matching is learned")
        return self

    @model_validator(mode="after")
    def _sweep_fits(self) -> Recipe:
        for key, found in self.sweep.items():
            if reason := _UNSWEPT.get(key.partition(".")[0], _UNSWEPT.get(key)):
                raise ValueError(f"sweep: {key} {reason}")
            if problem := unfit(self, key, found):
                raise ValueError(problem)
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
    if recipe.words.glove:
        place = str((path.parent / Path(recipe.words.glove).expanduser()).resolve())
        updated["words"] = recipe.words.model_copy(update={"glove": place})
    if recipe.licence_file:
        updated["licence_file"] = str((path.parent / recipe.licence_file).resolve())
    return recipe.model_copy(update=updated)


def with_weights(recipe: Recipe, file: str | Path | None) -> Recipe:
    """A recipe whose encoder begins with the weights of a file, if one is named."""
    if file is None:
        return recipe
    return recipe.model_copy(update={"encoder": recipe.encoder.model_copy(update={"weights": str(file)})})


def learning_part(recipe: Recipe) -> dict[str, Any]:
    """What of a recipe decides the weights: not its names, card and decoding, nor where files lie."""
    plain = recipe.model_dump(mode="json", exclude={"encoder": {"weights"}, "words": {"glove"}})
    for key in _UNLEARNED:
        del plain[key]
    if recipe.matching is None:
        # As it was before there was the choice: such runs stay the same runs.
        del plain["matching"]
    if recipe.onwards is None:
        del plain["onwards"]
    return plain
