"""Whatever the API's description allows and what it forbids is sent to a server: it answers as described, never 500."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.generation import GenerationMode

from mezzetin.serving.app import create_app
from mezzetin.serving.settings import ServeSettings

OPERATIONS = [
    ("POST", "/score"),
    ("GET", "/jobs/{job_id}"),
    ("GET", "/jobs/{job_id}/results"),
    ("DELETE", "/jobs/{job_id}"),
    ("GET", "/livez"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("POST", "/computervision/imageanalysis:analyze"),
    ("POST", "/vision/v3.2/describe"),
    ("POST", "/vision/v3.2/analyze"),
]
#: What an answer must keep to of its description.
PROMISES = ("status_code_conformance", "content_type_conformance", "response_schema_conformance")
EXAMPLES = 25
#: Answers that say that somebody else, or the moment, is at fault; the description names them.
NOT_OURS = (502, 503, 504)
Listen = Callable[[FastAPI], AbstractContextManager[str]]


@pytest.fixture(scope="module")
def schema(bundle_path: Path, listen: Listen, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    jobs = tmp_path_factory.mktemp("jobs")
    chosen = ServeSettings(model=str(bundle_path), jobs=jobs, decoders=1, threads=1, deadline=5.0, body_limit=5.0)
    with listen(create_app(chosen)) as address:
        yield schemathesis.openapi.from_url(f"{address}/openapi.json")


def test_every_operation_is_tried(schema: Any) -> None:
    described = {(found.ok().method.upper(), found.ok().path) for found in schema.get_all_operations()}
    assert described == set(OPERATIONS)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["allowed", "forbidden"])
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_the_answer_is_as_described(schema: Any, method: str, path: str, mode: GenerationMode) -> None:
    load_all_checks()
    promises = CHECKS.get_by_names(list(PROMISES))
    operation = schema[path][method]
    takes_something = operation.body or operation.query or operation.path_parameters
    if mode is GenerationMode.NEGATIVE and not takes_something:
        # There is nothing to get wrong.
        assert method == "GET"
        return

    @seed(6)
    @settings(
        max_examples=EXAMPLES if takes_something else 1,
        phases=[Phase.generate],
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def attempt(case: Any) -> None:
        response = case.call(timeout=30)
        assert response.status_code < 500 or response.status_code in NOT_OURS, response.text
        case.validate_response(response, checks=promises)

    attempt()
