"""Recipes: what is wrong in one is said with its place; what it names lies relative to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mezzetin.bundle import BUNDLED
from mezzetin.errors import RecipeError
from mezzetin.training.recipe import Recipe, StageRecipe, read_recipe

RECIPES = sorted((Path(__file__).parents[3] / "recipes").glob("*.toml"))


def refusal(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "key", "nearest"),
    [
        ("sed = 1", "sed", "seed"),
        ("[dat]", "dat", "data"),
        ("[data]\nmin_cuont = 2", "data.min_cuont", "min_count"),
        ("[encoder]\nfits = 'crop'", "encoder.fits", "fit"),
        ("[decoder]\nlayer = 2", "decoder.layer", "layers"),
        ("[decoding]\nbeams = 2", "decoding.beams", "beam"),
        ("[card]\nbad = ''", "card.bad", "bad_at"),
        ("[[stages]]\nname='a'\n[[stages]]\nname='b'\nlearningrate=1", "stages.1.learningrate", "learning_rate"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(
    tmp_path: Path, text: str, key: str, nearest: str
) -> None:
    assert refusal(tmp_path, text) == f"mine.toml: unknown key {key!r}; did you mean {nearest!r}?"


def test_a_key_like_no_other_is_refused_with_all_known_ones(tmp_path: Path) -> None:
    assert refusal(tmp_path, "[data]\nzzz = 1").endswith("known keys: holdout, max_words, min_count, share, tokeniser")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("seed = 'x'", "seed"),
        ("stages = []", "stages is empty"),
        ("[data]\nmax_words = 61", "data.max_words"),
        ("[decoder]\nwidth = 100\nheads = 3", "width 100 is not a multiple of heads 3"),
        ("[decoder]\nkind = 'lstm'", "decoder.kind"),
        ("[decoder]\nkind = ['merge']", "decoder.kind"),
        ("[decoder]\nkind = 'merge'\nheads = 4", "decoder: kind 'merge' has no 'heads'; it has width, layers, "),
        ("[decoder]\nembedding = 300", "decoder: kind 'transformer' has no 'embedding'"),
        ("[decoder]\nkind = 'attention'\nlayers = 2", "decoder: kind 'attention' has no 'layers'"),
        ("[decoder]\nkind = 'attention'\ndoubly_stochastic = -1", "decoder.doubly_stochastic"),
        ("[decoder]\ndropout = 1.0", "decoder.dropout"),
        ("[encoder]\nmean = [0.5, 0.5]", "encoder.mean"),
        ("[[stages]]\nname = 'Two words'", "stages.0.name"),
        ("[[stages]]\nname = 'a'\nlearning_rate = nan", "stages.0.learning_rate"),
        ("[[stages]]\nname = 'a'\n[[stages]]\nname = 'a'", "two stages are called 'a'"),
        ("[stages]\nname = 'a'", "stages"),
    ],
)
def test_a_bad_value_is_refused_with_its_place(tmp_path: Path, text: str, place: str) -> None:
    message = refusal(tmp_path, text)
    assert message.startswith("mine.toml: ")
    assert place in message


def test_what_is_no_recipe_is_said_so(tmp_path: Path) -> None:
    assert "is not valid TOML" in refusal(tmp_path, "seed = = 1")
    with pytest.raises(RecipeError, match="there is no recipe"):
        read_recipe(tmp_path / "none.toml")
    with pytest.raises(RecipeError, match="is a folder"):
        read_recipe(tmp_path)


def test_what_a_recipe_names_lies_relative_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deep" / "beside").mkdir(parents=True)
    (tmp_path / "deep" / "beside" / "bundle.json").touch()
    recipe = tmp_path / "deep" / "mine.toml"
    monkeypatch.chdir(tmp_path)

    def encoder(lines: str) -> tuple[str, str | None]:
        recipe.write_text(f"[encoder]\n{lines}\n", encoding="utf-8")
        found = read_recipe(Path("deep/mine.toml")).encoder
        return found.name, found.weights

    assert encoder("weights = '../w.safetensors'") == (BUNDLED, str(tmp_path / "w.safetensors"))
    assert encoder("name = '../other'") == (str(tmp_path / "other"), None)
    assert encoder("name = 'beside'") == (str(tmp_path / "deep" / "beside"), None)
    assert encoder("name = 'resnet18'") == ("resnet18", None)
    recipe.write_text("licence_file = 'TERMS.md'\n", encoding="utf-8")
    assert read_recipe(recipe).licence_file == str(tmp_path / "deep" / "TERMS.md")


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_every_recipe_of_the_repository_can_be_read(path: Path) -> None:
    assert read_recipe(path).stages


def test_without_a_recipe_there_are_defaults() -> None:
    assert read_recipe(None) == Recipe(stages=(StageRecipe(name="captions"),))
