"""`score.py` outside Azure's server: which model a deployment's variables name, and what `run` gives without it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mezzetin.errors import BundleError, InputError
from mezzetin.serving import score


def bundle(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "bundle.json").touch()
    return folder


def test_the_bundle_below_the_model_s_folder_comes_before_a_named_one(tmp_path: Path) -> None:
    found = bundle(tmp_path / "captioner" / "3" / "bundle")
    assert score.model_of({"AZUREML_MODEL_DIR": str(tmp_path), "MEZZETIN_MODEL": "elsewhere"}) == str(found)
    assert score.model_of({"AZUREML_MODEL_DIR": str(found)}) == str(found)


def test_without_one_the_named_model_counts_and_then_the_bundled_captioner(tmp_path: Path) -> None:
    assert score.model_of({"AZUREML_MODEL_DIR": str(tmp_path), "MEZZETIN_MODEL": "elsewhere"}) == "elsewhere"
    assert score.model_of({"AZUREML_MODEL_DIR": str(tmp_path)}) is None
    assert score.model_of({"MEZZETIN_MODEL": ""}) is None


def test_a_folder_of_something_else_or_of_two_bundles_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.pkl").touch()
    with pytest.raises(BundleError, match="holds no bundle"):
        score.model_of({"AZUREML_MODEL_DIR": str(tmp_path)})
    for name in ("a", "b"):
        bundle(tmp_path / name)
    with pytest.raises(BundleError, match="holds 2 bundles"):
        score.model_of({"AZUREML_MODEL_DIR": str(tmp_path)})


def test_variables_are_settings_that_are_checked() -> None:
    chosen = score.settings_of({"MEZZETIN_SCORE_DEADLINE": "2.5", "MEZZETIN_SCORE_QUEUE": "", "MEZZETIN_SCORE_X": "?"})
    assert (chosen.deadline, chosen.queue) == (2.5, 64)
    with pytest.raises(InputError, match="queue"):
        score.settings_of({"MEZZETIN_SCORE_QUEUE": "none"})


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, bundle_path: Path) -> Iterator[None]:
    monkeypatch.setenv("MEZZETIN_MODEL", str(bundle_path))
    monkeypatch.setenv("MEZZETIN_SCORE_DECODERS", "1")
    monkeypatch.setenv("MEZZETIN_SCORE_BODY_BYTES", "100000")
    monkeypatch.delenv("AZUREML_MODEL_DIR", raising=False)
    monkeypatch.setattr(score, "_endpoints", [])
    score.init()
    yield
    score.endpoint().close()


def test_run_gives_an_answer_or_an_error_as_a_dict(started: None, photograph: Callable[..., bytes]) -> None:
    picture = base64.b64encode(photograph()).decode()
    answer = score.run(json.dumps({"images": [{"id": "a", "base64": picture}]}))
    assert answer["failed"] == 0 and answer["results"][0]["caption"]["text"]
    assert score.run(b"{")["error"]["code"] == "bad_request"
    assert score.run(" " * 100_001)["error"]["code"] == "body_too_large"
    assert score.run(json.dumps({"images": [{"base64": picture}], "timeout": 1e-9}))["error"]["code"] == "deadline"
