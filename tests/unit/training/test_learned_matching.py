"""Learning which words fit which picture, on drawn scenes: it learns, each time alike, and a bundle ranks by it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mezzetin.bundle import Bundle
from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.data.dataset import Dataset
from mezzetin.data.ingest import ingest
from mezzetin.errors import InputError
from mezzetin.scenes import draw_scenes
from mezzetin.training.assembly import assemble
from mezzetin.training.corpus import build_corpus
from mezzetin.training.loop import Run
from mezzetin.training.pictures import cached_features
from mezzetin.training.recipe import DataRecipe, DecodingRecipe, MatchingRecipe, Recipe, StageRecipe

from .conftest import Model

STAGE = StageRecipe(name="only", mirror=True)
MATCHING = MatchingRecipe(width=16, epochs=60, batch_images=32, learning_rate=1e-2, dropout=0.1)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("many")
    draw_scenes(folder / "source", count=120, seed=5)
    ingest(folder / "source", folder / "dataset")
    return Dataset.open(folder / "dataset")


def matched(many: Dataset, model: Model, folder: Path, decoding: DecodingRecipe | None = None) -> Bundle:
    recipe = Recipe(
        name="matched",
        data=DataRecipe(min_count=1, holdout=10),
        stages=(STAGE,),
        matching=MATCHING,
        decoding=decoding or DecodingRecipe(),
    )
    corpus = build_corpus(many, recipe.data, recipe.seed, None)
    captioner = model(len(corpus.vocabulary))
    run = Run(recipe, corpus, folder, "none", lambda progress: None)
    keys = [*corpus.keys, *corpus.held_keys]
    pictures = cached_features(many, keys, captioner.encoder, folder, mirror=True, report=run.report)
    try:
        return assemble(run, many, captioner, pictures, folder / "bundle", "only")
    finally:
        pictures.close()


@pytest.fixture(scope="module")
def bundle(many: Dataset, model: Model, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return matched(many, model, tmp_path_factory.mktemp("matched"))


def test_captions_find_their_unseen_pictures_better_than_chance(bundle: Bundle, many: Dataset) -> None:
    captioner = BundleCaptioner(bundle)
    matcher = captioner.matcher
    assert matcher is not None
    rows = [row for row in many.rows({"val"}) if row.image is not None]
    pixels = np.stack([captioner.pixels(row.image or b"") for row in rows])  # type: ignore[misc]
    pictures = matcher.pictures(captioner.gists(pixels))
    texts = np.stack(
        [matcher.text([n for c in row.captions for n in bundle.vocabulary.encode(c.lower().split())]) for row in rows]
    )
    cosines = texts @ pictures.T
    ranks = (cosines > np.diag(cosines)[:, None]).sum(1)
    assert ranks.mean() < 0.35 * (len(rows) - 1), "chance is half of the others"


def test_it_is_learned_alike_each_time(bundle: Bundle, many: Dataset, model: Model, tmp_path: Path) -> None:
    assert matched(many, model, tmp_path).digest == bundle.digest


def test_what_fits_rises_and_nothing_else_changes(bundle: Bundle, many: Dataset) -> None:
    picture = next(row.image for row in many.rows({"val"}) if row.image is not None)
    plain = load_captioner(bundle.folder, beam=6, alternatives=5).caption([picture])[0]
    matching = load_captioner(bundle.folder, beam=6, alternatives=5, match=100.0)
    ranked = matching.caption([picture])[0]

    def texts(caption: object) -> list[str]:
        return [caption.text, *(other.text for other in caption.alternatives)]  # type: ignore[attr-defined]

    assert sorted(texts(ranked)) == sorted(texts(plain))
    matcher, pixels = matching.matcher, matching.pixels(picture)
    assert matcher is not None
    place = matcher.pictures(matching.gists(np.stack([pixels])))[0]  # type: ignore[list-item]
    words = [bundle.vocabulary.encode(text.lower().rstrip(".").split()) for text in texts(ranked)]
    fits = matcher.fit(place, words)
    # A hundred times a cosine outweighs what the decoder says.
    assert fits[0] == pytest.approx(fits.max(), abs=0.05)


def test_a_bundle_that_has_not_learned_it_says_so(made: tuple[object, Bundle]) -> None:
    with pytest.raises(InputError, match="has not learned to match"):
        load_captioner(made[1].folder, match=1.0)


def test_a_recipe_that_ranks_by_it_must_learn_it() -> None:
    with pytest.raises(ValueError, match=r"needs a \[matching\] table"):
        Recipe(decoding=DecodingRecipe(match=2.0))
