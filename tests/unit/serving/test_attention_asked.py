"""Where the model looked, asked for beside a caption: of a model that has attention and of one that has none."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.pixels import Preprocessing
from mezzetin.serving.app import create_app
from mezzetin.serving.attention import place_of, seen_part
from mezzetin.serving.settings import ServeSettings
from tests.unit.serving.attentive import attentive_bundle
from tests.unit.serving.conftest import Photograph

HOME = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def attentive(bundle_path: Path, tmp_path_factory: pytest.TempPathFactory) -> BundleCaptioner:
    return load_captioner(attentive_bundle(bundle_path, tmp_path_factory.mktemp("attentive")))


def test_each_word_has_a_grid_of_shares_of_what_the_captioner_itself_gives(
    attentive: BundleCaptioner, photograph: Photograph, tmp_path: Path
) -> None:
    picture = photograph()
    with TestClient(create_app(ServeSettings(jobs=tmp_path, decoders=1), captioner=attentive), HOME) as client:
        body = {"images": [{"base64": base64.b64encode(picture).decode()}], "attention": True}
        (asked,) = client.post("/score", json=body).json()["results"]
        (unasked,) = client.post("/score", json={**body, "attention": False}).json()["results"]
        files, fields = {"images": ("a.jpg", picture)}, {"attention": "true"}
        (uploaded,) = client.post("/score", files=files, data=fields).json()["results"]
    assert unasked["attention"] is None and unasked["caption"] == asked["caption"]
    assert uploaded["attention"] == asked["attention"]
    found, (caption,) = asked["attention"], attentive.caption([picture])
    words = [token.text for token in caption.tokens]
    assert [look["word"] for look in found["words"]] == words
    expected = attentive.attend(picture, words)
    assert expected is not None and expected.shape[1:] == (found["rows"], found["columns"])
    given = np.array([look["weights"] for look in found["words"]])
    assert np.allclose(given, expected.reshape(len(words), -1), atol=1e-4)
    assert [look["place"] for look in found["words"]] == [place_of(look) for look in expected]
    assert (found["width"], found["height"]) == (1.0, 1.0)


def test_a_model_without_attention_answers_without_it(
    bundle_path: Path, photograph: Photograph, tmp_path: Path
) -> None:
    captioner = load_captioner(bundle_path)
    if captioner.attends:
        pytest.skip(f"the captioner of {bundle_path} has attention")
    assert captioner.attend_pixels(np.zeros((8, 8, 3), np.uint8), ["a"]) is None
    with TestClient(create_app(ServeSettings(jobs=tmp_path, decoders=1), captioner=captioner), HOME) as client:
        fields, files = {"attention": "true"}, {"images": ("a.jpg", photograph())}
        (item,) = client.post("/score", files=files, data=fields).json()["results"]
    assert item["caption"] is not None and item["attention"] is None


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({(0, 0): 1.0}, "upper left"),
        ({(0, 1): 1.0}, "upper"),
        ({(1, 1): 1.0}, "centre"),
        ({(1, 2): 0.9, (0, 2): 0.1}, "right"),
        ({(2, 2): 0.8, (1, 1): 0.2}, "lower right"),
        ({(row, column): 1 / 9 for row in range(3) for column in range(3)}, "everywhere"),
        ({}, "everywhere"),
    ],
)
def test_places(cells: dict[tuple[int, int], float], words: str) -> None:
    look = np.zeros((3, 3), np.float32)
    for cell, share in cells.items():
        look[cell] = share
    assert place_of(look) == words


def test_what_a_crop_leaves_out_is_said() -> None:
    assert seen_part(Preprocessing(100, 100, "squash"), 400, 100) == (1.0, 1.0)
    assert seen_part(Preprocessing(100, 100, "crop"), 400, 100) == (0.25, 1.0)
    assert seen_part(Preprocessing(100, 100, "crop", crop_share=0.5), 100, 200) == (0.5, 0.25)
