"""Captions of a calibrated bundle say how sure they are, however they were found; unsure ones can be withheld."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mezzetin.api import caption
from mezzetin.bundle import CALIBRATION, Bundle
from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.contactsheet import sheet_items
from mezzetin.errors import BundleError, FormatError, InputError
from mezzetin.gauge import LOW_CONFIDENCE, is_withheld
from tests.unit.calibrated import BY_SCORE, calibrated

WAYS: list[dict[str, Any]] = [
    {},
    {"beam": 1},
    {"alternatives": 2},
    {"gender_neutral": True, "alternatives": 1},
    {"samples": 3},
    {"groups": 2, "beam": 4, "avoid": ("man", "dog"), "no_repeat": 3},
]


@pytest.fixture(scope="module")
def bundle(bundle_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return calibrated(bundle_path, tmp_path_factory.mktemp("calibrated"))


@pytest.fixture
def pictures(photographs: Callable[..., Path]) -> list[Path]:
    return sorted(photographs(5).iterdir())


@pytest.mark.parametrize("way", WAYS, ids=lambda way: ",".join(way) or "plain")
def test_every_way_of_decoding_gives_a_confidence(bundle: Path, pictures: list[Path], way: dict[str, Any]) -> None:
    captioner = load_captioner(bundle, **way)
    captions = captioner.caption(pictures)
    assert len({each.confidence for each in captions}) > 1
    for each in captions:
        assert each.text and each.confidence is not None and 0 <= each.confidence <= 1
    alone = load_captioner(bundle, **{**way, "alternatives": 0}).caption(pictures[:1])
    if not captioner.alternatives:
        assert alone[0].confidence == pytest.approx(captions[0].confidence, abs=2e-3)


def test_it_is_the_calibration_of_the_signals(bundle: Path, pictures: list[Path]) -> None:
    captioner = load_captioner(bundle)
    measured = captioner.measured([captioner.pixels(path) for path in [*pictures, Path("nowhere.jpg")]])
    for caption_, signals in measured[:-1]:
        assert signals is not None and caption_.confidence == round(BY_SCORE.confidence(signals), 4)
        assert signals["hesitation"] > 0 and signals["score"] < 0
    assert measured[-1][1] is None and measured[-1][0].confidence is None


def test_a_bundle_without_calibration_has_none_and_withholds_nothing(
    bundle: Path, bundle_path: Path, pictures: list[Path], tmp_path: Path
) -> None:
    plain = calibrated(bundle_path, tmp_path / "plain", None)
    ours, theirs = load_captioner(bundle).caption(pictures), load_captioner(plain).caption(pictures)
    assert {each.confidence for each in theirs} == {None}
    assert [replace(each, confidence=None, model=theirs[0].model) for each in ours] == theirs
    with pytest.raises(InputError, match="no calibration") as caught:
        load_captioner(plain, min_confidence=0.2)
    assert "\n" not in str(caught.value)


def test_unsure_captions_are_withheld_with_their_confidence(bundle: Path, pictures: list[Path]) -> None:
    told = load_captioner(bundle, alternatives=1).caption(pictures)
    sure = sorted(each.confidence or 0 for each in told)
    least = (sure[1] + sure[2]) / 2
    found = load_captioner(bundle, alternatives=1, min_confidence=least).caption([*pictures, "nowhere.jpg"])
    assert [is_withheld(each) for each in found[:-1]] == [(each.confidence or 0) < least for each in told]
    for withheld, each in zip(found, told, strict=False):
        assert withheld.confidence == each.confidence and withheld.unlike_training == each.unlike_training
        if is_withheld(withheld):
            assert (withheld.text, withheld.tokens, withheld.alternatives) == (None, (), ())
            assert withheld.error and withheld.error.code == LOW_CONFIDENCE
            assert f"{each.confidence:g}" in withheld.error.message and "\n" not in withheld.error.message
        else:
            assert withheld == each
    assert found[-1].error and found[-1].error.code == "missing" and not is_withheld(found[-1])


def test_a_withheld_picture_is_shown_on_the_contact_sheet(bundle: Path, pictures: list[Path]) -> None:
    rows = list(caption(pictures[:2], bundle, min_confidence=1.0))
    assert all(is_withheld(row) for _, row in rows)
    assert all(item.thumbnail for item in sheet_items(rows, pictures))


@pytest.mark.parametrize("least", [-0.1, 1.1, float("nan")])
def test_a_confidence_that_is_none_is_refused(bundle: Path, least: float) -> None:
    with pytest.raises(InputError, match="from 0 to 1"):
        load_captioner(bundle, min_confidence=least)


@pytest.mark.parametrize(
    ("content", "kind"), [(b"{", BundleError), (b'{"version": 2}', FormatError), (b"", BundleError)]
)
def test_a_damaged_calibration_is_one_line(
    bundle_path: Path, tmp_path: Path, content: bytes, kind: type[BundleError]
) -> None:
    harmed = Bundle.open(calibrated(bundle_path, tmp_path / "harmed", content))
    with pytest.raises(kind) as caught:
        BundleCaptioner(harmed)
    assert str(harmed.folder) in str(caught.value) and "\n" not in str(caught.value)


def test_a_calibration_that_the_manifest_does_not_list_is_no_part_of_the_bundle(
    bundle_path: Path, tmp_path: Path
) -> None:
    folder = calibrated(bundle_path, tmp_path / "stray", None)
    (folder / CALIBRATION).write_bytes(BY_SCORE.to_json())
    assert Bundle.open(folder).calibration is None
