"""MLflow's own way from a registered model to a column of a DataFrame: the captions are those of `caption`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyspark")
pytest.importorskip("mlflow")

from mezzetin.bundle import bundled_captioner
from mezzetin.captioner import load_captioner
from mezzetin.registry.door import asking
from mezzetin.registry.mlflow import MlflowRegistry
from mezzetin.serving.pyfunc import TRUSTED
from mezzetin.spark.session import opened

Photographs = Callable[..., Path]


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    with opened("local[2]", {f"spark.executorEnv.{TRUSTED}": "1"}) as session:
        yield session


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A registry's URI and the model in it."""
    registry = MlflowRegistry(f"sqlite:///{tmp_path_factory.mktemp('registry')}/registry.db")
    version = registry.push(bundled_captioner(), "museum")
    registry.set_alias("museum", "champion", version.version)
    return registry._uri, f"models:/{version.name}@champion"


def test_a_column_of_pictures_becomes_a_column_of_captions(
    session: Any, registered: tuple[str, str], photographs: Photographs
) -> None:
    uri, model = registered
    pictures = [(path.name, path.read_bytes()) for path in sorted(photographs(6).iterdir())]
    own = dict(
        zip([name for name, _ in pictures], load_captioner().caption([image for _, image in pictures]), strict=True)
    )
    rows = session.createDataFrame([*pictures, ("broken", b"no picture")], "name string, image binary").repartition(2)
    with asking(uri):
        import mlflow

        mlflow.set_tracking_uri(uri)
        caption = mlflow.pyfunc.spark_udf(session, model, env_manager="local")
        found = {row.name: row.said for row in rows.select("name", caption("image").alias("said")).collect()}
    assert len(found) == 7
    assert found["broken"].caption is None
    assert found["broken"].error.startswith("unsupported_format: ")
    for name, expected in own.items():
        assert found[name].caption == expected.text
        assert found[name].confidence == expected.confidence
        assert found[name].unlike_training == expected.unlike_training
        assert found[name].error is None
