"""A run reads one version of a Delta table from its first process to its last, whatever is written there meanwhile."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("deltalake")

from hypothesis import given
from hypothesis import strategies as st

from mezzetin import train
from mezzetin.bundle import Bundle
from mezzetin.data.dataset import Dataset
from mezzetin.data.delta import write_delta
from mezzetin.data.ingest import ingest
from mezzetin.data.pinning import _begun, open_version, pinned_version, write_down
from mezzetin.errors import DatasetError
from mezzetin.records import Progress
from mezzetin.scenes import draw_scenes
from tests.unit.data.small_dataset import small_dataset

RECIPE = """
name = "tiny"
[data]
min_count = 2
holdout = 5
[encoder]
name = "test_efficientnet"
size = 64
[decoder]
width = 32
layers = 1
feed_forward = 64
[[stages]]
name = "frozen"
epochs = 3
patience = 3
batch_images = 12
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table of two versions: 7 rows, then 5 more."""
    write_delta(small_dataset(tmp_path / "one.dataset", 7, prefix="a"), tmp_path / "table")
    write_delta(small_dataset(tmp_path / "two.dataset", 5, prefix="b"), tmp_path / "table")
    return tmp_path / "table"


def count(dataset: Dataset) -> int:
    return sum(1 for _ in dataset.rows(every=True))


def test_a_run_that_goes_on_keeps_its_version(table: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert pinned_version(table, run) == 1
    write_down(open_version(table, 0), run)
    assert pinned_version(table, run) == 0
    assert (count(open_version(table, 0)), count(open_version(table, 1))) == (7, 12)
    # What is asked for counts more, and so does that it is another table.
    assert pinned_version(table, run, version=1) == 1
    other = tmp_path / "other"
    write_delta(small_dataset(tmp_path / "three.dataset", 7, prefix="c"), other)
    write_delta(small_dataset(tmp_path / "four.dataset", 7, prefix="d"), other)
    assert pinned_version(other, run) == 1


def test_a_dataset_has_no_versions(tmp_path: Path) -> None:
    dataset = small_dataset(tmp_path / "one.dataset", 7)
    path = tmp_path / "one.dataset"
    assert pinned_version(path, tmp_path / "run") is None
    assert open_version(path, None).digest == dataset.digest
    write_down(dataset, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(DatasetError, match="is no Delta table and has no version 2: leave out the version"):
        pinned_version(path, version=2)


def test_a_version_that_is_not_there_is_refused(table: Path) -> None:
    with pytest.raises(DatasetError, match="version 9 can't be read from its _delta_log"):
        pinned_version(table, version=9)


@given(st.one_of(st.binary(max_size=40), st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps)))
def test_a_note_that_says_nothing_is_no_version(tmp_path_factory: pytest.TempPathFactory, content: bytes | str) -> None:
    note = tmp_path_factory.getbasetemp() / "table.json"
    note.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert _begun(note, "an id") is None


def test_training_stays_at_the_version_that_it_began_with(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    timm = pytest.importorskip("timm")
    from safetensors.torch import save_file

    draw_scenes(tmp_path / "source", count=40, seed=1)
    ingest(tmp_path / "source", tmp_path / "data")
    write_delta(Dataset.open(tmp_path / "data"), tmp_path / "table")
    save_file(timm.create_model("test_efficientnet").state_dict(), tmp_path / "weights.safetensors")
    (tmp_path / "tiny.toml").write_text(RECIPE)
    choices: dict[str, Any] = {"recipe": tmp_path / "tiny.toml", "encoder_weights": tmp_path / "weights.safetensors"}

    def append_and_stop(progress: Progress) -> None:
        if progress.task == "train frozen (epoch 2 of 3)":
            added = small_dataset(tmp_path / "added.dataset", 12, prefix="later-")
            assert write_delta(added, tmp_path / "table").version == 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "table", tmp_path / "own", report=append_and_stop, **choices)
    told: list[Progress] = []
    train(tmp_path / "table", tmp_path / "own", report=told.append, **choices)
    assert "resume frozen" in [progress.task for progress in told]
    bundle = Bundle.open(tmp_path / "own")
    found = bundle.manifest["provenance"]["delta"]
    assert found["version"] == 0
    assert found["table"] == open_version(tmp_path / "table", 1).manifest.provenance["delta"]["table"]
    assert bundle.manifest["training"]["images"] + 5 == Dataset.open(tmp_path / "data").count("train")
    # Asked for by its number it is that bundle still.
    again = train(tmp_path / "table", tmp_path / "own", table_version=0, **choices)
    assert again.digest == bundle.digest
