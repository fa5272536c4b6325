"""Objects: what captions name, what references bear out, and that the lexicon is sound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.evaluation.objects import (
    KINDS,
    judge_objects,
    load_classes,
    load_words,
    objects_in,
    unfounded,
    words_under,
)
from mezzetin.text import tokenise


def named(caption: str) -> set[str]:
    return {mention.word for mention in objects_in(tokenise(caption)).mentions}


def false(caption: str, *references: str) -> set[str]:
    """The words of a caption that the references don't bear out."""
    theirs = [objects_in(tokenise(reference)) for reference in references]
    return {mention.word for mention in unfounded(objects_in(tokenise(caption)), theirs)}


def test_things_places_clothing_and_the_living_are_named() -> None:
    caption = "A man in a red shirt is sitting on a wooden bench in the park"
    assert {mention.word: mention.kind for mention in objects_in(tokenise(caption)).mentions} == {
        "man": "living",
        "shirt": "clothing",
        "bench": "things",
        "park": "places",
    }


@pytest.mark.parametrize(
    ("caption", "references"),
    [
        ("an animal in the water", ["a dog swims in a lake"]),
        ("a dog with a toy", ["a puppy carries a tennis ball"]),
        ("a person on a bike", ["a cyclist"]),
        ("a man on a skateboard", ["a skateboarder jumps"]),
        ("a person surfing a wave in the ocean", ["a surfer surfs"]),
        ("a man", ["the woman"]),
        ("two boys in the snow", ["a skier goes downhill"]),
        ("a man in a hat", ["a cowboy"]),
        ("a man looks at the camera", ["a man"]),
        ("a ball", ["a soccer player", "nothing"]),
        ("a road in the woods", ["a forest", "a street"]),
        ("people by a snow-covered tree", ["trees in winter", "a skier"]),
    ],
)
def test_synonyms_narrower_words_and_what_implies_a_thing_bear_it_out(caption: str, references: list[str]) -> None:
    assert false(caption, *references) == set()


@pytest.mark.parametrize(
    ("caption", "references", "wrong"),
    [
        ("a dog", ["an animal"], {"dog"}),
        ("a lake", ["a dog in the water"], {"lake"}),
        ("a man with a guitar on a bench", ["a man plays the trumpet on a stool"], {"guitar", "bench"}),
        ("a kayak", ["a man in a boat"], {"kayak"}),
        ("a house", ["a tall building"], {"house"}),
        ("a teddy bear", ["a bear"], {"teddy bear"}),
        ("a bear", ["a teddy bear"], {"bear"}),
        ("a man in a shirt", ["a man", "a man in shorts"], {"shirt"}),
        ("a cat eats a hot dog", ["a dog eats"], {"cat"}),
    ],
)
def test_what_no_reference_names_is_found(caption: str, references: list[str], wrong: set[str]) -> None:
    assert false(caption, *references) == wrong


def test_a_verb_is_no_thing() -> None:
    assert named("The woman watches and waves while boys swing, slide and fish") == {"woman"}
    assert named("The boys on a swing watch a big wave") == {"boys", "swing", "wave"}


def test_a_kind_is_counted_once_however_often_it_is_named() -> None:
    said = objects_in(tokenise("a dog and another dog and a puppy chase a poodle"))
    assert [mention.word for mention in said.mentions] == ["dog"]


def test_verdicts_count_things_and_captions() -> None:
    total, caption, *kinds = judge_objects(
        objects_in(tokenise("a man with a guitar and a dog on a bench")), [objects_in(["a", "man"])]
    )
    assert (total.count, total.of, caption.count, caption.of) == (3, 4, 1, 1)
    assert {kind: (verdict.count, verdict.of) for kind, verdict in zip(KINDS, kinds, strict=True)} == {
        "living": (1, 2),
        "clothing": (0, 0),
        "things": (2, 2),
        "places": (0, 0),
    }


def test_a_caption_without_words_names_nothing() -> None:
    assert judge_objects(objects_in([]), [objects_in(["a", "dog"])])[1].of == 0


def test_the_lexicon_is_sound() -> None:
    classes, words = load_classes(), load_words()
    assert len(classes) > 150
    for wider in classes.values():
        assert set(wider) <= set(classes)
    for text, word in words.items():
        assert word.named & ~word.evident == 0, text
        assert not word.named or word.kind in KINDS, text
    assert {"dog", "puppies", "birds", "cattle"} <= words_under("animal")
    assert "people" not in words_under("animal")


@given(st.lists(st.sampled_from(sorted({part for text in load_words() for part in text.split()})), max_size=9))
def test_a_caption_bears_itself_out(tokens: list[str]) -> None:
    said = objects_in(tokens)
    assert unfounded(said, [said]) == []
    assert unfounded(said, [objects_in([]), said]) == []
    assert len(unfounded(said, [])) == len(said.mentions)
