"""What `/metrics` tells: of pictures, stages, requests and errors; two applications in one process never mix."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.external import Usage
from mezzetin.external.answers import Tokens
from mezzetin.records import Caption, ItemError, ModelInfo
from mezzetin.serving.answers import Answer, Timings
from mezzetin.serving.app import create_app
from mezzetin.serving.core import Core
from mezzetin.serving.engine import Load
from mezzetin.serving.measurements import Measurements
from mezzetin.serving.settings import ServeSettings

HOME = "http://127.0.0.1"
INFO = ModelInfo("stub", "1", "abc", "none")
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(text: str) -> Samples:
    families = text_string_to_metric_families(text)
    return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


def value(found: Samples, name: str, /, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


class Still:
    """As much of a core as is read when somebody asks."""

    settings = ServeSettings(low_confidence=0.4, unlike_training=0.6)

    class engine:  # noqa: N801
        load = Load(held=5, decoding=2, waiting=3, fetching=1)
        info = INFO
        usage: ClassVar[dict[str, Usage]] = {
            "priced": Usage(calls=4, captions=3, tokens=Tokens(0, 0), cost=Decimal("0.75")),
            "unpriced": Usage(calls=2, captions=2, tokens=Tokens(0, 0), cost=None),
        }

    class jobs:  # noqa: N801
        unfinished = 7


def answer(error: str | None = None, **known: Any) -> Answer:
    item = None if error is None else ItemError(error, "why")
    late = Caption(None, "", INFO, error=ItemError("external_timeout", "late"))
    caption = Caption(None if error else "A dog.", "en", INFO, error=item, **known)
    return Answer(caption, external={"other": late}, timings=Timings(decode=0.02, caption=0.3))


def test_what_the_engine_says_is_counted() -> None:
    measured = Measurements(cast("Core", Still()))
    for confidence, unlike in ((0.39, 0.6), (0.4, 0.59), (None, None)):
        measured.answered(answer(confidence=confidence, unlike_training=unlike))
    measured.answered(answer("undecodable", confidence=0.0))
    measured.batched(3, 0.2)
    measured.refused()
    measured.decoder_ended("time")
    found = samples(measured.text().decode())
    assert value(found, "mezzetin_captions_total") == 3
    assert value(found, "mezzetin_doubtful_captions_total", why="low_confidence") == 1
    assert value(found, "mezzetin_doubtful_captions_total", why="unlike_training") == 1
    assert value(found, "mezzetin_errors_total", captioner="mezzetin", code="undecodable") == 1
    assert value(found, "mezzetin_errors_total", captioner="other", code="external_timeout") == 4
    assert value(found, "mezzetin_stage_seconds_count", stage="decode") == 4
    assert value(found, "mezzetin_stage_seconds_count", stage="fetch") == 0
    assert value(found, "mezzetin_stage_seconds_sum", stage="caption") == pytest.approx(1.2)
    assert value(found, "mezzetin_batch_size_bucket", le="2.0") == 0
    assert value(found, "mezzetin_batch_size_bucket", le="4.0") == 1
    assert value(found, "mezzetin_overloaded_total") == 1
    assert value(found, "mezzetin_decoders_ended_total", why="time") == 1
    assert [value(found, "mezzetin_queue_length", where=place) for place in ("held", "waiting")] == [5, 3]
    assert value(found, "mezzetin_jobs_unfinished") == 7
    assert [value(found, "mezzetin_external_calls_total", captioner=one) for one in ("priced", "unpriced")] == [4, 2]
    assert value(found, "mezzetin_external_cost_total", captioner="priced") == 0.75
    assert ("mezzetin_external_cost_total", frozenset({("captioner", "unpriced")})) not in found
    assert value(found, "mezzetin_model_info", name="stub", version="1", signature="abc") == 1


@pytest.fixture(scope="module")
def captioner(bundle_path: Path) -> BundleCaptioner:
    return load_captioner(bundle_path)


def test_a_server_counts_what_it_answers(captioner: BundleCaptioner, tmp_path: Path, photograph: Any) -> None:
    app = create_app(ServeSettings(jobs=tmp_path, decoders=1, threads=1), captioner=captioner)
    with TestClient(app, base_url=HOME) as client:
        assert client.post("/score", content=photograph(), headers={"Content-Type": "image/jpeg"}).status_code == 200
        assert client.post("/score", content=b"no picture", headers={"Content-Type": "image/jpeg"}).status_code == 200
        client.get("/jobs/" + "0" * 32)
        for number in range(3):
            client.get(f"/nowhere/{number}")
        client.request("BREW", "/score")
        answered = client.get("/metrics")
    assert answered.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = samples(answered.text)
    assert value(found, "mezzetin_captions_total") == 1
    assert value(found, "mezzetin_stage_seconds_count", stage="caption") == 1
    assert value(found, "mezzetin_batch_size_count") == 1
    requests = {labels: number for (name, labels), number in found.items() if name == "mezzetin_requests_total"}
    told = {tuple(dict(labels)[part] for part in ("method", "route", "status")): n for labels, n in requests.items()}
    assert told == {
        ("POST", "/score", "200"): 2,
        ("GET", "/jobs/{job_id}", "404"): 1,
        ("GET", "none", "404"): 3,
        ("OTHER", "/score", "405"): 1,
    }
    assert sum(number for (name, _), number in found.items() if name == "mezzetin_errors_total") == 1


def test_two_applications_do_not_mix(captioner: BundleCaptioner, tmp_path: Path) -> None:
    first, second = (
        TestClient(create_app(ServeSettings(jobs=tmp_path / name, decoders=1), captioner=captioner), base_url=HOME)
        for name in "ab"
    )
    first.get("/nowhere")
    told = [
        [labels for name, labels in samples(client.get("/metrics").text) if name == "mezzetin_requests_total"]
        for client in (first, second)
    ]
    assert [len(labels) for labels in told] == [1, 0]
