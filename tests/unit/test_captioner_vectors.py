"""A captioner's vectors and likelihoods: of one look at a picture, in one space with words; what it lacks is said."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mezzetin.bundle import WEIGHTS, bundled_captioner, seal
from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.decoding.beam import beam_search
from mezzetin.decoding.options import DecodingOptions
from mezzetin.decoding.scoring import word_log_probabilities
from mezzetin.errors import InputError
from mezzetin.records import ItemError

Photographs = Callable[..., Path]


@pytest.fixture(scope="module")
def captioner() -> BundleCaptioner:
    return load_captioner(bundled_captioner().folder, beam=2)


@pytest.fixture(scope="module")
def blind(tmp_path_factory: pytest.TempPathFactory) -> BundleCaptioner:
    """The bundled captioner without what it learned of words and pictures together."""
    whole, folder = bundled_captioner(), tmp_path_factory.mktemp("blind") / "bundle"
    shutil.copytree(whole.folder, folder)
    # Another name of the same length: every array keeps its place in the file, which the graphs refer to.
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content.replace(b'"matching.', b'"mismatch.'))
    # Confidence was fitted with the fit of words and picture in it.
    (folder / "calibration.json").unlink()
    kept = {name: value for name, value in whole.manifest.items() if name not in ("format", "version", "files")}
    decoding: dict[str, Any] = dict(whole.manifest["decoding"])
    return BundleCaptioner(seal(folder, kept | {"decoding": decoding | {"match": 0.0}}))


@pytest.fixture
def pictures(photographs: Photographs) -> list[Path]:
    return sorted(photographs(4).iterdir())


def test_one_look_gives_caption_and_vector(captioner: BundleCaptioner, pictures: list[Path], tmp_path: Path) -> None:
    told = captioner.captioned([*pictures, tmp_path / "gone.jpg"])
    assert [caption for caption, _ in told[:4]] == captioner.caption(pictures)
    alone = captioner.picture_vectors(pictures)
    for (_, vector), again in zip(told, alone, strict=False):
        assert vector is not None and not isinstance(again, ItemError)
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
        np.testing.assert_allclose(vector, again, atol=1e-4)
    caption, nothing = told[4]
    assert caption.error is not None and caption.error.code == "missing" and nothing is None
    assert captioner.space == f"picture:{captioner.info.signature}"


def test_the_encoder_runs_once_a_batch(
    captioner: BundleCaptioner, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Counted:
        runs = 0

        def run(self, *arguments: Any) -> Any:
            self.runs += 1
            return session.run(*arguments)

    session, counted = captioner._encoder, Counted()
    monkeypatch.setattr(captioner, "_encoder", counted)
    captioner.captioned(pictures)
    assert counted.runs == 1


def test_an_unreadable_picture_is_an_item_among_vectors(
    captioner: BundleCaptioner, pictures: list[Path], tmp_path: Path
) -> None:
    first, broken, last = captioner.picture_vectors([pictures[0], b"no picture", pictures[1]])
    assert isinstance(broken, ItemError) and not isinstance(first, ItemError) and not isinstance(last, ItemError)
    assert captioner.picture_vectors([tmp_path / "gone.jpg"]) == [
        ItemError("missing", captioner.caption([tmp_path / "gone.jpg"])[0].error.message)  # type: ignore[union-attr]
    ]
    assert captioner.picture_vectors([]) == []


def test_words_and_pictures_share_a_space(captioner: BundleCaptioner) -> None:
    photographs = pytest.importorskip("skimage.data", reason="there are no photographs: pip install 'mezzetin[demo]'")
    woman, rocket = (_jpeg(Image.fromarray(one())) for one in (photographs.astronaut, photographs.rocket))
    vectors = captioner.picture_vectors([woman, rocket])
    smiles, tower = captioner.text_vector("a smiling woman"), captioner.text_vector("a tower in the sky at night")
    assert smiles is not None and tower is not None
    difference = np.asarray(vectors[0]) - np.asarray(vectors[1])
    assert difference @ smiles > 0.1 > -0.1 > difference @ tower


@pytest.mark.parametrize("text", ["", "  ", "🎻", "zzzz qqqq", "\x00"])
def test_a_text_without_known_words_has_no_vector_and_no_likelihood(
    captioner: BundleCaptioner, pictures: list[Path], text: str
) -> None:
    assert captioner.text_vector(text) is None
    assert captioner.likelihood(pictures[:2], text) == [None, None]


def test_unknown_words_are_named_once(captioner: BundleCaptioner) -> None:
    assert captioner.unknown_words("A lute, a Theorbo and a dog; the theorbo.") == ("lute", "theorbo")
    assert captioner.unknown_words("a dog runs") == ()


def test_unknown_words_count_for_nothing_in_a_vector(captioner: BundleCaptioner) -> None:
    plain, more = captioner.text_vector("a dog runs"), captioner.text_vector("a dog theorbo runs")
    assert plain is not None and more is not None
    np.testing.assert_array_equal(plain, more)


def test_likelihood_adds_up_to_what_the_search_counted(captioner: BundleCaptioner, pictures: list[Path]) -> None:
    pixels = captioner.pixels(pictures[0])
    assert not isinstance(pixels, ItemError)
    memory = captioner._memory(pixels[None])
    (found,) = beam_search(captioner._step, memory, captioner._start_state, DecodingOptions(beam=2))
    scored = word_log_probabilities(captioner._step, memory, captioner._start_state, found[0].words)
    np.testing.assert_allclose(scored[0], found[0].log_probabilities[:-1], atol=1e-3)


def test_a_pictures_own_caption_is_likelier_with_it_than_with_others(
    captioner: BundleCaptioner, pictures: list[Path]
) -> None:
    field = _jpeg(Image.new("RGB", (224, 224), (60, 140, 50)))
    caption = captioner.caption([field])[0].text
    assert caption is not None
    own, *others = (captioner.likelihood([field, *pictures], caption)[place] for place in range(5))
    assert own is not None and all(other is not None and own > other for other in others)
    grey = _jpeg(Image.new("RGB", (224, 224), (128, 128, 128)))
    (nothing,) = captioner.likelihood([grey], "a dog runs on the grass")
    assert nothing == pytest.approx(0, abs=0.05)


def test_likelihood_does_not_depend_on_neighbours_and_passes_over_the_unreadable(
    captioner: BundleCaptioner, pictures: list[Path]
) -> None:
    alone = [captioner.likelihood([picture], "two men in the snow")[0] for picture in pictures]
    *together, broken = captioner.likelihood([*pictures, b"none"], "two men in the snow")
    assert broken is None
    assert together == pytest.approx(alone, abs=1e-3)
    assert captioner.likelihood([b"none"], "two men") == [None]
    assert captioner.likelihood([], "two men") == []


def test_a_long_text_is_scored_by_its_beginning(captioner: BundleCaptioner, pictures: list[Path]) -> None:
    long, longer = (captioner.likelihood(pictures[:1], "a dog runs on grass " * times)[0] for times in (8, 2000))
    assert long == pytest.approx(longer, abs=1e-4)


def test_without_a_space_there_are_captions_and_no_vectors(blind: BundleCaptioner, pictures: list[Path]) -> None:
    assert blind.space is None and blind.text_vector("a dog") is None
    for caption, vector in blind.captioned(pictures):
        assert caption.text and vector is None
    with pytest.raises(InputError, match="has not learned to match words and pictures"):
        blind.picture_vectors(pictures)
    assert blind.likelihood(pictures[:1], "a dog")[0] is not None


def _jpeg(picture: Image.Image) -> bytes:
    target = BytesIO()
    picture.save(target, "JPEG")
    return target.getvalue()
