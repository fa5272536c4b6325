"""What decoding options do to the captions of a bundle, and how its defaults are read."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mezzetin.bundle import MANIFEST, Bundle, reseal
from mezzetin.captioner import BundleCaptioner, default_options, load_captioner
from mezzetin.decoding.english import unfinished_words
from mezzetin.decoding.options import DecodingChanges, DecodingOptions
from mezzetin.errors import BundleError, InputError
from mezzetin.neutral import neutral_text
from mezzetin.records import Caption
from mezzetin.scenes import draw_new
from mezzetin.text import tokenise

Photographs = Callable[..., Path]


@pytest.fixture
def pictures(photographs: Photographs) -> list[Path]:
    return sorted(photographs(6).iterdir())


def texts(captions: list[Caption]) -> list[str]:
    return [text for caption in captions for text in (caption.text or "", *(a.text for a in caption.alternatives))]


def said(bundle: Path, pictures: list[Path], alternatives: int = 0, **decoding: Any) -> list[str]:
    captioner = load_captioner(bundle, alternatives=alternatives, **decoding)
    return texts(captioner.caption(pictures))


def changed_bundle(bundle_path: Path, folder: Path, **manifest: Any) -> Path:
    original = Bundle.open(bundle_path)
    for path in bundle_path.iterdir():
        if path.name != MANIFEST:
            (folder / path.name).symlink_to(path)
    reseal(folder, {**original.manifest, **manifest})
    return folder


def test_words_are_counted_avoided_and_not_repeated(bundle_path: Path, pictures: list[Path]) -> None:
    plain = said(bundle_path, pictures, 2)
    common = max({word for text in plain for word in tokenise(text)} - unfinished_words("en"), key=len)
    found = said(
        bundle_path, pictures, 2, min_words=9, max_words=11, no_repeat=3, good_endings=True, avoid=(common, "man")
    )
    for text in found:
        words = tokenise(text)
        assert 9 <= len(words) <= 11 and words[-1] not in unfinished_words("en")
        assert not {common, "man", "men"} & set(words)
        assert len(set(zip(words, words[1:], words[2:], strict=False))) == len(words) - 2
    assert found != plain


def test_groups_say_more_different_words(bundle_path: Path, pictures: list[Path]) -> None:
    plain, diverse = (said(bundle_path, pictures, 3, **search) for search in ({"beam": 4}, {"groups": 4}))
    assert len({w for t in diverse for w in tokenise(t)}) > len({w for t in plain for w in tokenise(t)})


def test_a_seed_draws_the_same_for_a_picture_whatever_the_batch(bundle_path: Path, pictures: list[Path]) -> None:
    captioner = load_captioner(bundle_path, alternatives=2, samples=3, seed=4)
    together = captioner.caption(pictures)
    assert texts(together) == texts(captioner.caption(pictures))
    assert texts(captioner.caption(pictures[::-1])) == texts(together[::-1])
    assert texts([captioner.caption([path])[0] for path in pictures]) == texts(together)
    assert texts(load_captioner(bundle_path, alternatives=2, samples=3, seed=5).caption(pictures)) != texts(together)


def test_gender_neutral_captions_are_the_neutral_texts_of_the_plain_ones(bundle_path: Path, tmp_path: Path) -> None:
    pictures = draw_new(tmp_path, count=6, seed=2)
    # Without them somebody must be a man or a woman.
    words: DecodingChanges = {"avoid": ("person", "group", "crowd", "child", "dog", "someone", "people", "children")}
    without_gender: DecodingChanges = {**words, "gender_neutral": True}
    plain, neutral = (
        load_captioner(bundle_path, beam=5, alternatives=4, **changes).caption(pictures)
        for changes in (words, without_gender)
    )
    assert any(neutral_text(text) != text for text in texts(plain))
    for before, after in zip(plain, neutral, strict=True):
        assert after.text == neutral_text(before.text or "")
        assert tokenise(after.text) == [token.text for token in after.tokens]
        assert len({after.text, *(a.text for a in after.alternatives)}) == len(after.alternatives) + 1
        assert {a.text for a in after.alternatives} <= {neutral_text(a.text) for a in before.alternatives}
        logs = [sum(math.log(token.probability) for token in c.tokens) for c in (before, after)]
        assert logs[0] == pytest.approx(logs[1], abs=1e-3)


def test_a_picture_gets_as_many_neutral_alternatives_as_asked_where_the_beam_has_them(
    bundle_path: Path, pictures: list[Path]
) -> None:
    few = load_captioner(bundle_path, beam=8, alternatives=1, gender_neutral=True).caption(pictures)
    assert all(len(caption.alternatives) == 1 for caption in few)


def test_options_are_those_of_the_bundle_with_what_was_asked(bundle_path: Path) -> None:
    defaults = default_options(Bundle.open(bundle_path))
    asked = load_captioner(bundle_path, no_repeat=4, avoid=("dog",)).options
    assert asked == replace(defaults, no_repeat=4, avoid=("dog",))
    with pytest.raises(InputError, match="samples"):
        load_captioner(bundle_path, top_p=0.5)


def test_a_bundle_may_come_with_any_option(bundle_path: Path, tmp_path: Path) -> None:
    wanted = {"beam": 2, "max_words": 12, "length_penalty": 0.5, "no_repeat": 3, "good_endings": True, "avoid": ["Dog"]}
    folder = changed_bundle(bundle_path, tmp_path, decoding=wanted)
    assert load_captioner(folder).options == DecodingOptions(2, 12, 0.5, no_repeat=3, good_endings=True, avoid=("dog",))


@pytest.mark.parametrize(
    ("decoding", "message"),
    [({"beam": 2, "lookahead": 3}, "'lookahead'.*newer"), ({"beam": 0}, "beam is 0"), ({"beam": "3"}, "beam is '3'")],
)
def test_a_bundle_with_other_options_is_refused(
    bundle_path: Path, tmp_path: Path, decoding: dict[str, Any], message: str
) -> None:
    folder = changed_bundle(bundle_path, tmp_path, decoding=decoding)
    with pytest.raises(BundleError, match=message) as caught:
        load_captioner(folder)
    assert "\n" not in str(caught.value)


def test_neutral_captions_are_english_only(bundle_path: Path, tmp_path: Path) -> None:
    folder = changed_bundle(bundle_path, tmp_path, language="de")
    neutral: DecodingChanges = {"gender_neutral": True}
    with pytest.raises(InputError, match=r"English only.*'de'"):
        load_captioner(folder, **neutral)
    assert isinstance(load_captioner(folder, good_endings=True), BundleCaptioner)
