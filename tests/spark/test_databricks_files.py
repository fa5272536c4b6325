"""The eight steps on Databricks: every cell runs here, with local Spark and folders in place of volumes."""

from __future__ import annotations

import importlib
import json
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("pyspark")
pytest.importorskip("deltalake")
pytest.importorskip("mlflow")
pytest.importorskip("torch")
pytest.importorskip("timm")

import timm
from safetensors.torch import save_file

from mezzetin.bundle import Bundle
from mezzetin.scenes import draw_scenes
from mezzetin.spark.session import opened

ROOT = Path(__file__).parents[2]
FILES = ROOT / "runs" / "databricks"
RECIPE = """
name = "tiny"
[data]
min_count = 2
holdout = 5
[encoder]
name = "test_efficientnet"
weights = "weights.safetensors"
size = 64
[decoder]
width = 32
layers = 1
feed_forward = 64
[[stages]]
name = "frozen"
epochs = 1
batch_images = 12
"""


def cells() -> list[str]:
    """The code of the notebook, cell by cell."""
    content = json.loads((FILES / "eight_steps.ipynb").read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == "code"]


class Widgets:
    """Databricks' widgets: what a job gives, or else the default."""

    def __init__(self, given: dict[str, str]) -> None:
        self.values = given

    def text(self, name: str, default: str, label: str) -> None:
        assert label
        self.values.setdefault(name, default)

    def get(self, name: str) -> str:
        return self.values[name]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """What a cluster of Databricks gives a notebook, made of what is here; the values of the widgets."""
    draw_scenes(tmp_path / "source", count=40, seed=1)
    save_file(timm.create_model("test_efficientnet").state_dict(), tmp_path / "weights.safetensors")
    (tmp_path / "tiny.toml").write_text(RECIPE)
    given = {
        "source": str(tmp_path / "source"),
        "volume": str(tmp_path / "volume"),
        "model": "captions",
        "table": "captions_of_pictures",
        "recipe": str(tmp_path / "tiny.toml"),
    }
    monkeypatch.setenv("MEZZETIN_REGISTRY", f"sqlite:///{tmp_path}/registry.db")
    monkeypatch.setenv("MEZZETIN_LOCAL", str(tmp_path / "disk"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "volume").mkdir()
    with opened("local[2]", {"spark.sql.warehouse.dir": str(tmp_path / "warehouse")}) as spark:
        runtime = ModuleType("databricks.sdk.runtime")
        vars(runtime).update(spark=spark, dbutils=SimpleNamespace(widgets=Widgets(given)))
        monkeypatch.setitem(sys.modules, "databricks.sdk.runtime", runtime)
        yield given


def test_every_cell_runs_and_the_table_has_a_caption_for_every_picture(
    workspace: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook: dict[str, Any] = {"__name__": "__main__"}
    assert len(cells()) == 8
    for number, cell in enumerate(cells()):
        exec(compile(cell, f"cell {number}", "exec"), notebook)  # noqa: S102 - our own notebook
    said = capsys.readouterr().out
    assert "1 is the champion" in said
    rows = notebook["spark"].table("captions_of_pictures").collect()
    assert len(rows) == 40
    assert all(row.caption and row.error is None for row in rows)
    bundle = Bundle.open(tmp_path / "volume" / "captions.bundle")
    assert bundle.manifest["provenance"]["delta"]["version"] == notebook["version"].version == 0


def test_the_notebook_is_made_of_the_file_beside_it() -> None:
    generator = runpy.run_path(str(ROOT / "docs" / "generate_notebook.py"))
    source = (FILES / "eight_steps.py").read_text(encoding="utf-8")
    assert (FILES / "eight_steps.ipynb").read_text(encoding="utf-8") == generator["notebook"](source)
    assert generator["notebook"](source.replace("## 8 Score", "## 8 Scores")) != generator["notebook"](source)


def test_the_notebook_is_one_by_nbformat() -> None:
    nbformat = pytest.importorskip("nbformat")
    content = nbformat.read(FILES / "eight_steps.ipynb", as_version=4)
    nbformat.validate(content)
    titles = [cell.source.splitlines()[0] for cell in content.cells if cell.cell_type == "markdown"]
    steps = ["1 Store", "2 Reach", "3 Prepare", "4 Train", "5 Register", "6, 7 Deploy", "8 Score"]
    assert titles[1:] == [f"## {step}" for step in steps]


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    """databricks.yml."""
    yaml = pytest.importorskip("yaml")
    found: dict[str, Any] = yaml.safe_load((FILES / "databricks.yml").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("kind", ["schemas", "volumes", "jobs", "clusters"])
def test_its_resources_are_what_databricks_knows(described: dict[str, Any], kind: str) -> None:
    """Every key, by the classes that Databricks generates of its bundles' schema."""
    pytest.importorskip("databricks.bundles")
    known = getattr(importlib.import_module(f"databricks.bundles.{kind}"), kind[:-1].capitalize())
    for name, content in described["resources"][kind].items():
        assert known.from_dict(content), name
        with pytest.raises(ValueError, match="mounts"):
            known.from_dict(content | {"mounts": "/mnt/museum"})


def test_what_it_decides_for_its_user(described: dict[str, Any]) -> None:
    resources, variables = described["resources"], described["variables"]
    assert resources["volumes"]["files"]["volume_type"] == "MANAGED"
    assert "/mnt" not in (FILES / "databricks.yml").read_text() + (FILES / "eight_steps.py").read_text()
    assert "-ml-" in variables["runtime"]["default"]
    assert 10 <= resources["clusters"]["workbench"]["autotermination_minutes"] <= 60
    job = resources["jobs"]["eight_steps"]
    (cluster,), (task,) = job["job_clusters"], job["tasks"]
    assert task["job_cluster_key"] == cluster["job_cluster_key"] and "existing_cluster_id" not in task
    for described_cluster in (cluster["new_cluster"], resources["clusters"]["workbench"]):
        assert described_cluster["spark_version"] == "${var.runtime}"
        assert described_cluster["data_security_mode"] == "SINGLE_USER"
    assert job["timeout_seconds"] > 0
    assert (FILES / task["notebook_task"]["notebook_path"]).is_file()
    # The notebook has a widget for each of the job's parameters.
    widgets = {name for name in ("source", "volume", "model", "table") if f'widgets.text("{name}"' in cells()[0]}
    assert {parameter["name"] for parameter in job["parameters"]} == widgets
