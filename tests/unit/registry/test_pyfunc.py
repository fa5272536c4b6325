"""A registered bundle as MLflow loads and serves it: the same captions, and the address of a stranger stays one."""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mezzetin.bundle import bundled_captioner
from mezzetin.captioner import load_captioner
from mezzetin.registry.base import Registry
from mezzetin.registry.door import asking
from mezzetin.serving.pyfunc import TRUSTED, caption_rows
from tests.unit.registry.conftest import free_port, process

pandas = pytest.importorskip("pandas")
Photographs = Callable[..., Path]


@pytest.fixture(scope="module")
def registered(file_registry: Registry) -> str:
    version = file_registry.push(bundled_captioner(), "served")
    return f"models:/{version.name}/{version.version}"


def facts(caption: Any) -> tuple[Any, ...]:
    return caption.text, caption.confidence, caption.unlike_training


def test_mlflow_loads_it_and_it_says_the_same(
    registered: str, file_registry: Registry, photographs: Photographs
) -> None:
    pictures = [path.read_bytes() for path in sorted(photographs(5).iterdir())]
    with asking(file_registry.uri):
        import mlflow

        mlflow.set_tracking_uri(file_registry.uri)
        model = mlflow.pyfunc.load_model(registered)
        found = model.predict(pandas.DataFrame({"image": pictures}, index=list("abcde")))
    assert list(found.columns) == ["caption", "confidence", "unlike_training", "error"]
    assert list(found.index) == list("abcde")
    own = [facts(caption) for caption in load_captioner().caption(pictures)]
    assert [tuple(row)[:3] for row in found.itertuples(index=False)] == own
    assert set(found["error"]) == {None}


def test_a_row_that_is_no_picture_costs_its_neighbours_nothing(photographs: Photographs) -> None:
    picture = next(photographs(1).iterdir()).read_bytes()
    text = base64.b64encode(picture)
    rows = pandas.DataFrame({"image": [picture, b"no", None, text, text.decode(), float("nan")]})
    found = caption_rows(load_captioner(), rows)
    said = found["caption"].tolist()
    assert said[0] is not None
    assert said == [said[0], None, None, said[0], said[0], None]
    errors = [error and error.partition(":")[0] for error in found["error"]]
    assert errors == [None, "unsupported_format", "missing", None, None, "missing"]
    assert len(caption_rows(load_captioner(), rows[:0])) == 0


def test_a_path_is_read_only_where_the_operator_says_so(
    photographs: Photographs, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = next(photographs(1).iterdir())
    rows = pandas.DataFrame({"uri": [str(path), f"file://{path}", "http://127.0.0.1:9/p.jpg"]})
    captioner = load_captioner()
    refused = caption_rows(captioner, rows)
    assert refused["caption"].tolist() == [None, None, None]
    monkeypatch.setenv(TRUSTED, "1")
    read = caption_rows(captioner, rows[:2])
    assert read["caption"].tolist() == [captioner.caption([path])[0].text] * 2


def test_mlflow_serves_it(registered: str, file_registry: Registry, photographs: Photographs) -> None:
    picture = next(photographs(1).iterdir()).read_bytes()
    port = free_port()
    serve = ("mlflow", "models", "serve", "-m", registered, "--env-manager", "local")
    with process(*serve, port=port, ping="ping", MLFLOW_TRACKING_URI=file_registry.uri):
        rows = [{"image": base64.b64encode(picture).decode()}, {"image": base64.b64encode(b"no").decode()}]
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/invocations",
            json.dumps({"dataframe_records": rows}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            text = answer.read().decode()
    assert "NaN" not in text
    told, broken = json.loads(text)["predictions"]
    assert (told["caption"], told["confidence"], told["unlike_training"]) == facts(
        load_captioner().caption([picture])[0]
    )
    assert broken["caption"] is None
    assert broken["confidence"] is None
    assert broken["error"].startswith("unsupported_format: ")
