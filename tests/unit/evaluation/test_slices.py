"""Slices: which pictures they hold, and that their numbers are those of these pictures."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest

from mezzetin.evaluation.findings import Slice
from mezzetin.evaluation.judged import Judged, Look, Material, material_of
from mezzetin.evaluation.slices import kinds_of, slices
from mezzetin.metrics import score


def held(references: Sequence[str], look: Look | None = None, beside: int = 9) -> set[str]:
    """The slices that hold a picture with these references, among others of nothing in particular."""
    others = [
        Judged(f"other {number}", "a thing", ("something is shown here today", "something is shown here today"))
        for number in range(beside)
    ]
    material = material_of([Judged("it", "a thing", tuple(references), look=look), *others])
    return {kind.name for kind in kinds_of(material) if kind.flags[0]}


def corpus(count: int = 80) -> list[Judged]:
    """Pictures of dogs, well captioned, and of people, badly."""
    generator = random.Random(4)
    pictures = []
    for number in range(count):
        look = Look(generator.uniform(1, 90), generator.uniform(0.1, 0.9), generator.random())
        if number % 2:
            where = generator.choice(["the snow", "a grassy field", "the water"])
            says, text = f"A dog runs through {where}.", f"a dog runs through {where}"
        else:
            says, text = (
                "A thing.",
                f"a {generator.choice(['man', 'woman', 'boy'])} sits in a {generator.choice(['room', 'kitchen'])}",
            )
        references = (text, f"{text} now", f"{text} with a hat")
        pictures.append(Judged(f"{number:04}.jpg", says, references, look=look))
    return pictures


def named(found: Sequence[Slice]) -> dict[str, Slice]:
    return {one.name: one for one in found}


@pytest.mark.parametrize(
    ("name", "references"),
    [
        ("people", ["a man walks", "someone walks", "it is raining"]),
        ("dogs", ["two dogs run", "a black puppy runs", "running"]),
        ("children", ["a little girl laughs", "a kid laughs"]),
        ("indoors", ["he sits on a couch", "he is in the kitchen", "sitting"]),
        ("outdoors", ["running in a field", "running on grass", "in the kitchen"]),
        ("snow", ["a skier", "going down in the snow"]),
        ("night", ["the street at night", "a dark street"]),
        ("water", ["in the lake", "swimming"]),
        ("crowds", ["a large crowd", "a large group of people"]),
        ("blurred", ["a blurry shape", "a shape"]),
        ("people", ["a man walks"]),
    ],
)
def test_a_picture_is_of_what_two_references_or_the_only_one_say(name: str, references: list[str]) -> None:
    assert name in held(references)


@pytest.mark.parametrize("name", ["dogs", "snow", "water", "night", "crowds", "children", "indoors"])
def test_one_reference_of_five_is_not_enough(name: str) -> None:
    odd = "a child and a dog in the snow by the water at night with a large crowd on the couch"
    assert name not in held([odd, *["something stands there"] * 4])


def test_what_more_references_call_outdoors_is_not_indoors() -> None:
    assert "indoors" not in held(["a bed in a field", "a couch on the grass", "the street"])


def test_blurred_people_are_both() -> None:
    pictures = [
        Judged(f"{number}", "x", ("a man stands", "a man sits"), look=Look(float(number), 0.5, 0.5))
        for number in range(20)
    ]
    pictures[0] = Judged("0", "x", ("a tree", "a tree"), look=Look(0.0, 0.5, 0.5))
    found = named(slices(material_of(pictures), resamples=20))
    assert (found["blurred"].images, found["blurred_people"].images) == (2, 1)


def test_pictures_nobody_looked_at_are_in_no_slice_of_looks() -> None:
    assert not {"blurred", "plain", "dark"} & held(["a man stands", "a man sits"])


def test_a_plain_picture_of_many_people_is_not_plain() -> None:
    plain = [
        Judged(
            f"{number}", "x", ("a man stands",) if number % 2 else ("five men stand",), look=Look(1.0, 0.5, number / 20)
        )
        for number in range(20)
    ]
    assert named(slices(material_of(plain), resamples=20))["plain"].images == 3


def test_a_rare_word_is_shared_within_the_picture_and_rare_in_the_split() -> None:
    assert "rare_words" in held(["a capybara sits", "the capybara there"])
    assert "rare_words" not in held(["a capybara sits", "the large rodent"])
    assert "rare_words" not in held(["something is shown here today", "something is shown here today"])


def test_lengths_are_the_outer_quarters() -> None:
    pictures = [Judged(f"{n:02}", "x", (" ".join(["word"] * (n + 1)),)) for n in range(20)]
    found = named(slices(material_of(pictures), resamples=20))
    assert (found["short_references"].images, found["long_references"].images) == (5, 5)
    assert "5.8 words or fewer" in found["short_references"].how


def test_the_numbers_are_those_of_its_pictures_with_the_frequencies_of_all() -> None:
    material = material_of(corpus())
    dogs = named(slices(material))["dogs"]
    own = np.array(["dog" in tokens for tokens in material.hypotheses])
    assert dogs.images == own.sum() == 40
    assert not dogs.small
    assert dogs.cider is not None and dogs.difference is not None
    assert dogs.cider.value == pytest.approx(material.cider[own].mean())
    assert dogs.difference.value == pytest.approx(material.cider[own].mean() - material.cider[~own].mean())
    assert dogs.cider.low < dogs.cider.value < dogs.cider.high
    assert dogs.difference.low > 0
    chosen = [place for place, is_own in enumerate(own) if is_own]
    (bleu,) = score(
        [material.references[i] for i in chosen],
        [material.hypotheses[i] for i in chosen],
        protocol="",
        metrics=["BLEU-4"],
    )
    assert dogs.bleu_4 == pytest.approx(bleu.value)


def test_a_slice_of_all_pictures_has_no_rest_and_an_empty_one_no_numbers() -> None:
    pictures = [Judged(f"{n}", "a man", ("a man stands", "a man sits")) for n in range(5)]
    found = named(slices(material_of(pictures), resamples=50))
    people, dogs = found["people"], found["dogs"]
    assert people.images == 5 and people.small and people.cider is not None and people.difference is None
    assert (dogs.images, dogs.small, dogs.cider, dogs.bleu_4, dogs.difference) == (0, True, None, None, None)


def test_the_order_of_the_pictures_changes_nothing() -> None:
    pictures = corpus()
    shuffled = random.Random(1).sample(pictures, len(pictures))
    assert slices(material_of(shuffled), resamples=50) == slices(material_of(pictures), resamples=50)


def test_every_picture_twice_leaves_the_means_and_narrows_the_intervals() -> None:
    pictures = corpus()
    twice = pictures + [Judged(f"{p.image_id} again", p.hypothesis, p.references, look=p.look) for p in pictures]
    once_dogs, twice_dogs = (named(slices(material_of(those)))["dogs"] for those in (pictures, twice))
    assert once_dogs.cider is not None and twice_dogs.cider is not None
    # CIDEr-D's frequencies are shares of the split: twice everything has the same.
    assert twice_dogs.cider.value == pytest.approx(once_dogs.cider.value)
    assert twice_dogs.cider.high - twice_dogs.cider.low < once_dogs.cider.high - once_dogs.cider.low


def test_pictures_without_a_caption_count_as_nought() -> None:
    pictures = [Judged(p.image_id, "", p.references, look=p.look) for p in corpus()]
    dogs = named(slices(material_of(pictures), resamples=20))["dogs"]
    assert dogs.cider is not None and (dogs.cider.value, dogs.cider.high) == (0, 0)


def test_another_language_has_no_slices() -> None:
    assert slices(material_of(corpus(4)), english=False) == ()


def test_material_keeps_its_own_order() -> None:
    material: Material = material_of(corpus())
    before = [picture.image_id for picture in material.pictures]
    slices(material, resamples=5)
    assert [picture.image_id for picture in material.pictures] == before
