"""The corpus: one entry a picture, some held out for good, words numbered by what is left."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mezzetin.data.dataset import Dataset
from mezzetin.data.ingest import ingest
from mezzetin.errors import DatasetError, FormatError
from mezzetin.training.corpus import build_corpus
from mezzetin.training.recipe import DataRecipe
from mezzetin.vocabulary import UNKNOWN, Vocabulary

Make = Callable[[Mapping[str, tuple[int, list[str]]]], Dataset]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A dataset, all of it for training, from {file name: (number of the picture, captions)}."""

    def written(pictures: Mapping[str, tuple[int, list[str]]]) -> Dataset:
        folder = tmp_path / f"source{len(list(tmp_path.iterdir()))}"
        (folder / "Images").mkdir(parents=True)
        lines = ["image,caption"]
        for name, (number, captions) in pictures.items():
            blocks = np.random.default_rng(number).integers(0, 256, (4, 4, 3), dtype=np.uint8)
            stream = io.BytesIO()
            Image.fromarray(blocks).resize((32, 32)).save(stream, "PNG")
            (folder / "Images" / name).write_bytes(stream.getvalue())
            lines += [f'{name},"{caption}"' for caption in captions]
        (folder / "captions.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (folder / "Flickr_8k.trainImages.txt").write_text("".join(f"{name}\n" for name in pictures))
        ingest(folder, folder / "dataset")
        return Dataset.open(folder / "dataset")

    return written


def numbered(count: int) -> dict[str, tuple[int, list[str]]]:
    return {f"{n}.png": (n, [f"a dog of kind {n}", "a dog"]) for n in range(count)}


def test_the_same_pictures_are_held_out_whatever_their_order_and_few_of_them_in_a_small_dataset(make: Make) -> None:
    recipe = DataRecipe(min_count=1, holdout=3)
    forward, backward = numbered(20), dict(reversed(numbered(20).items()))
    one, other = (build_corpus(make(pictures), recipe, 7, None) for pictures in (forward, backward))
    assert one.held_keys == other.held_keys
    assert one.keys == other.keys
    assert len(one.held_keys) == 3
    assert len({*one.keys, *one.held_keys}) == 20
    assert build_corpus(make(forward), recipe, 8, None).held_keys != one.held_keys
    # A grown dataset never trains on what the smaller one judged by, unless it holds others out in its place.
    grown = build_corpus(make(numbered(21)), recipe, 7, None)
    assert len({*one.held_keys} & {*grown.held_keys}) >= 2
    assert len(build_corpus(make(numbered(4)), recipe, 7, None).held_keys) == 1


def test_words_of_held_out_pictures_are_unknown(make: Make) -> None:
    corpus = build_corpus(make(numbered(10)), DataRecipe(min_count=1, holdout=2), 0, None)
    held = {words[-1] for image in corpus.held_references for words in image if words[-1] != "dog"}
    assert len(held) == 2
    assert held.isdisjoint(corpus.vocabulary.words)
    rare = build_corpus(make(numbered(10)), DataRecipe(min_count=2, holdout=2), 0, None)
    assert rare.vocabulary.words[4:] == ("a", "dog", "kind", "of")
    assert rare.captions[0][0][-1] == UNKNOWN


def test_a_picture_under_two_names_is_one_with_the_captions_of_both(make: Make) -> None:
    pictures = {**numbered(5), "again.png": (3, ["the same dog again"])}
    corpus = build_corpus(make(pictures), DataRecipe(min_count=1, holdout=1), 0, None)
    assert len(corpus.keys) + len(corpus.held_keys) == 5
    said = [*corpus.only_words(), *corpus.held_references]
    assert [["a", "dog", "of", "kind", "3"], ["a", "dog"], ["the", "same", "dog", "again"]] in said


def test_a_mirrored_caption_says_left_for_right(make: Make) -> None:
    pictures = {f"{n}.png": (n, ["a dog on the left of a right-handed man"]) for n in range(3)}
    corpus = build_corpus(make(pictures), DataRecipe(min_count=1, holdout=1), 0, None)
    # "right" and "left-handed" are no words of the vocabulary here.
    assert corpus.only_words()[0][0] == ["a", "dog", "on", "the", "left", "of", "a", "right-handed", "man"]
    assert corpus.mirrored[0][0].count(UNKNOWN) == 2
    pictures |= {f"both{n}.png": (9 + n, ["the right dog is left-handed"]) for n in range(2)}
    corpus = build_corpus(make(pictures), DataRecipe(min_count=1, holdout=1), 1, None)
    mirrored = {" ".join(corpus.vocabulary.decode(image[0])) for image in corpus.mirrored}
    assert mirrored == {"a dog on the right of a left-handed man", "the left dog is right-handed"}


def test_the_words_of_a_bundle_are_kept(make: Make) -> None:
    given = Vocabulary(["dog"], "ptb-py")
    corpus = build_corpus(make(numbered(5)), DataRecipe(), 0, given)
    assert corpus.vocabulary is given
    assert set(corpus.captions[0][1]) == {UNKNOWN, 4}


def test_the_tutorials_cleaning_is_kept_in_the_vocabulary(make: Make) -> None:
    pictures = {f"{n}.png": (n, ["A man's T-shirt, no. 4 , isn't RED !"]) for n in range(3)}
    recipe = DataRecipe(tokeniser="tutorial", min_count=1, holdout=1)
    corpus = build_corpus(make(pictures), recipe, 0, None)
    said = ["mans", "tshirt", "no", "isnt", "red"]
    assert corpus.only_words() == [[said], [said]]
    assert corpus.held_references == [[said]]
    assert corpus.vocabulary.tokeniser == "tutorial"
    assert corpus.counts() == [0, 0, 0, 0, 2, 2, 2, 2, 2]
    # Training that goes on from a bundle splits captions as the bundle does, whatever the recipe says.
    again = build_corpus(make(pictures), DataRecipe(), 0, corpus.vocabulary)
    assert again.held_references == corpus.held_references
    with pytest.raises(FormatError, match="knows no tokeniser 'moses'"):
        build_corpus(make(pictures), DataRecipe(), 0, Vocabulary(["dog"], "moses"))


@pytest.mark.parametrize(
    ("pictures", "min_count", "sentence"),
    [
        (numbered(1), 1, "at least 2 are needed"),
        (numbered(3), 100, "no word occurs 100 times"),
        ({f"{n}.png": (n, ["..."]) for n in range(4)}, 1, "has 0 captioned pictures"),
    ],
)
def test_too_little_to_learn_from_is_one_line(
    make: Make, pictures: dict[str, tuple[int, list[str]]], min_count: int, sentence: str
) -> None:
    with pytest.raises(DatasetError, match=sentence):
        build_corpus(make(pictures), DataRecipe(min_count=min_count, holdout=1), 0, None)
