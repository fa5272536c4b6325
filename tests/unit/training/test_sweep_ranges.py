"""Ranges of a recipe: what is wrong in one is said before anything is trained, and defaults lie around the recipe."""

from __future__ import annotations

from pathlib import Path

import pytest

from mezzetin.errors import RecipeError
from mezzetin.training.ranges import Range, with_values
from mezzetin.training.recipe import DecoderRecipe, Recipe, StageRecipe, WordsRecipe, learning_part, read_recipe
from mezzetin.training.sweep.space import distributions, own_values, ranges_of

RECIPES = Path(__file__).parents[3] / "recipes"


def read(folder: Path, text: str) -> Recipe:
    (folder / "mine.toml").write_text(text, encoding="utf-8")
    return read_recipe(folder / "mine.toml")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('"decoder.width" = { lo = 64, hi = 128 }', "decoder.width: unknown key 'lo'; did you mean 'low'?"),
        ('"decoder.widht" = { choices = [64] }', "unknown key 'decoder.widht'; did you mean 'width'?"),
        ('"decodr.width" = { choices = [64] }', "unknown key 'decodr'; did you mean 'decoder'?"),
        ('"stages.caption.epochs" = { low = 1, high = 2 }', "no stage 'caption'; there are captions"),
        ('"stages.captions.epoch" = { low = 1, high = 2 }', "did you mean 'epochs'?"),
        ('"stages.epochs" = { low = 1, high = 2 }', "such as stages.captions.epochs"),
        ('"decoder.width.x" = { choices = [64] }', "decoder.width: input should be a valid integer"),
        ('"decoder.kind.x" = { choices = [64] }\n[decoder]\nkind = "merge"', "nothing is below a plain value"),
        ('"decoder.width" = 64', "decoder.width should be a table"),
        ('"decoder.width" = {}', "give choices, or low and high"),
        ('"decoder.width" = { low = 64 }', "give choices, or low and high"),
        ('"decoder.width" = { choices = [64], low = 1 }', "not both"),
        ('"decoder.width" = { choices = [64, 128, 64] }', "choices has a value twice"),
        ('"decoder.dropout" = { low = 0.5, high = 0.1 }', "low 0.5 is above high 0.1"),
        ('"decoder.dropout" = { low = 0, high = 0.5, log = true }', "log needs a low above 0"),
        ('"decoder.dropout" = { low = 0, high = inf }', "finite"),
        ('"decoder.dropout" = { low = 0.1, high = 0.5, step = 2 }', "step is for whole numbers"),
        ('"decoder.layers" = { low = 1, high = 8, step = 2, log = true }', "exclude each other"),
        ('"decoder.width" = { choices = [64, 129] }', "width 129 is not a multiple of heads 4"),
        ('"decoder.width" = { low = 64, high = 128 }', "width 65 is not a multiple of heads 4"),
        ('"decoder.dropout" = { low = 0.1, high = 1.0 }', "decoder.dropout: input should be less than 1"),
        ('"stages.captions.epochs" = { low = 1.5, high = 3 }', "epochs: input should be a valid integer"),
        ('"seed" = { choices = [1, 2] }', "changes what the score is measured on"),
        ('"data.holdout" = { choices = [10, 20] }', "changes what the score is measured on"),
        ('"decoding.beam" = { low = 1, high = 5 }', "no part in the score"),
        ('"decoder.width" = { choices = [64] }\n[sweep.decoder]\nwidth = { choices = [32] }', "is there twice"),
    ],
)
def test_what_cannot_be_tried_is_refused_when_the_recipe_is_read(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(RecipeError) as caught:
        read(tmp_path, f"[sweep]\n{line}\n")
    assert str(caught.value).startswith("mine.toml: sweep: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_both_spellings_of_a_key_are_the_same(tmp_path: Path) -> None:
    quoted = read(tmp_path, '[sweep]\n"stages.captions.epochs" = { low = 4, high = 8 }\n')
    nested = read(tmp_path, "[sweep.stages.captions]\nepochs = { low = 4, high = 8 }\n")
    assert quoted.sweep == nested.sweep == {"stages.captions.epochs": Range(low=4, high=8)}


def test_ranges_change_no_run() -> None:
    plain = Recipe(decoder=DecoderRecipe(width=64))
    ranged = plain.model_copy(update={"sweep": {"decoder.width": Range(choices=(64, 128))}})
    assert learning_part(ranged) == learning_part(plain)
    assert "sweep" not in ranged.model_dump()


def test_a_recipe_with_other_values() -> None:
    recipe = Recipe(stages=(StageRecipe(name="one"), StageRecipe(name="two", epochs=4)))
    other = with_values(recipe, {"stages.two.epochs": 9, "decoder.dropout": 0.1, "words.tuned": False})
    assert [stage.epochs for stage in other.stages] == [10, 9]
    assert (other.decoder.dropout, other.words.tuned) == (0.1, False)
    assert with_values(other, {"stages.two.epochs": 4, "decoder.dropout": 0.3, "words.tuned": True}) == recipe
    # A kind brings its own defaults along.
    assert with_values(recipe, {"decoder.kind": "merge"}).decoder == DecoderRecipe(kind="merge")


def test_without_ranges_they_lie_around_the_last_stage_of_cross_entropy() -> None:
    own = StageRecipe(name="own", epochs=20, batch_images=32, learning_rate=1e-3)
    then = StageRecipe(name="then", objective="self-critical")
    found = ranges_of(Recipe(stages=(StageRecipe(name="first"), own, then), decoder=DecoderRecipe(dropout=0.5)))
    assert found == {
        "stages.own.epochs": Range(low=10, high=40),
        "stages.own.batch_images": Range(choices=(16, 32, 64)),
        "stages.own.learning_rate": Range(low=2e-4, high=5e-3, log=True),
        "decoder.layers": Range(low=1, high=3),
        "decoder.width": Range(choices=(128, 256, 512)),
        "decoder.dropout": Range(low=0.2, high=0.7),
    }
    with pytest.raises(RecipeError, match="no stage of cross-entropy"):
        ranges_of(Recipe(stages=(then,)))


@pytest.mark.parametrize(
    "recipe",
    [
        *(read_recipe(RECIPES / f"{name}.toml") for name in ("attention", "small", "transformer", "tutorial")),
        Recipe(decoder=DecoderRecipe(width=18, heads=3, dropout=0.0), stages=(StageRecipe(name="s", batch_images=1),)),
        Recipe(decoder=DecoderRecipe(width=1024, layers=6)),
        Recipe(words=WordsRecipe(glove="g.txt")),
    ],
)
def test_all_that_may_be_tried_is_accepted_by_the_recipe(recipe: Recipe) -> None:
    found = ranges_of(recipe)
    assert found
    assert Recipe(**{**dict(recipe), "sweep": found}).sweep == found
    # The recipe itself is always among it, so that it can be what the others are compared with.
    assert own_values(recipe, found) is not None


def test_ranges_as_distributions() -> None:
    found = {
        "decoder.layers": Range(low=1, high=6, step=2),
        "decoder.dropout": Range(low=0, high=1 / 2),
        "decoder.kind": Range(choices=("merge", "attention")),
        "stages.captions.weight_decay": Range(low=1, high=2),
    }
    made = distributions(Recipe(), found)
    layers, dropout, kind, decay = made.values()
    assert [layers._contains(number) for number in (1.0, 2.0, 5.0, 6.0)] == [True, False, True, False]
    assert dropout._contains(0.25) and kind.to_external_repr(1) == "attention"
    assert decay._contains(1.5)
    assert own_values(Recipe(), {"decoder.layers": Range(low=1, high=5, step=2)}) is None
    assert own_values(Recipe(), {"decoder.layers": Range(low=2, high=4, step=2)}) == {"decoder.layers": 2}
