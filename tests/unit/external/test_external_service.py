"""Retries, budgets, restrictions and order, through a real client over HTTP."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from mezzetin.errors import InputError
from mezzetin.external import Budget, External, Picture, external_captioner
from mezzetin.external.answers import Answer, Failure, retry_after
from mezzetin.external.service import Patience, _Rest
from mezzetin.records import Caption, ItemError
from tests.unit.external.services import Reply, Service, as_json

pytest.importorskip("openai", reason="mezzetin[external] is not installed")


def opened(service: Service, *, budget: Budget | None = None, restricted: Any = None, **settings: Any) -> External:
    table = {
        "kind": "openai_chat",
        "endpoint": service.url,
        "model": "m",
        "key_env": "TEST_VISION_KEY",
        "timeout": 5,
        **settings,
    }
    return external_captioner("gpt", {"gpt": table}, budget=budget, restricted=restricted)


def codes(rows: list[Caption]) -> list[str | None]:
    return [row.error.code if row.error else None for row in rows]


def busy(**headers: str) -> Reply:
    return as_json({"error": {"code": "rate_limit_exceeded", "message": "slow down"}}, 429, **headers)


def test_retry_after_is_honoured(chat_service: Service, photograph: bytes) -> None:
    chat_service.script = [busy(Retry_After="1"), as_json({}, 503, retry_after_ms="10")]
    began = time.monotonic()
    with opened(chat_service) as captioner:
        (row,) = captioner.caption([photograph])
        usage = captioner.usage
    assert row.error is None
    assert 1 <= time.monotonic() - began < 4
    assert (usage.calls, usage.captions) == (3, 1)


@pytest.mark.parametrize(
    ("settings", "calls"), [({"retries": 2}, 3), ({"retries": 0}, 1), ({"give_up_after": 0.05, "retries": 9}, 1)]
)
def test_patience_ends(chat_service: Service, photograph: bytes, settings: dict[str, Any], calls: int) -> None:
    chat_service.script = [busy(retry_after_ms="100")] * 9
    with opened(chat_service, **settings) as captioner:
        assert codes(captioner.caption([photograph])) == ["rate_limited"]
    assert len(chat_service.requests) == calls


def test_a_wait_beyond_patience_is_not_begun(chat_service: Service, photograph: bytes) -> None:
    chat_service.script = [busy(Retry_After="3600")]
    began = time.monotonic()
    with opened(chat_service) as captioner:
        assert codes(captioner.caption([photograph])) == ["rate_limited"]
    assert time.monotonic() - began < 4


def test_order_stays_and_requests_overlap_no_more_than_allowed(chat_service: Service, photograph: bytes) -> None:
    pictures: list[Picture] = [photograph, b"no picture", photograph, ItemError("missing", "gone"), *[photograph] * 6]
    chat_service.script = [Reply(500, delay=0.3)]
    with opened(chat_service, parallel=3) as captioner:
        rows = captioner.caption(pictures)
    assert codes(rows) == [None, "unreadable", None, "missing", *[None] * 6]
    assert 1 < chat_service.most_at_once <= 3


def test_paths_are_read_here_and_never_named(chat_service: Service, photograph: bytes, tmp_path: Path) -> None:
    path = tmp_path / "confidential-name.jpg"
    path.write_bytes(photograph)
    with opened(chat_service) as captioner:
        rows = captioner.caption([path, str(path), tmp_path / "none.jpg"])
    assert codes(rows) == [None, None, "unreadable"]
    assert all(b"confidential-name" not in request.body for request in chat_service.requests)


def test_the_budget_stops_before_it_is_passed(chat_service: Service, photograph: bytes) -> None:
    budget = Budget(0.35)
    with opened(chat_service, budget=budget, price_per_call=0.1) as captioner:
        rows = captioner.caption([photograph] * 6)
        assert codes(captioner.caption([photograph])) == ["budget_spent"]
        assert captioner.usage.cost == Decimal("0.3")
    assert sorted(str(code) for code in codes(rows)) == ["None"] * 3 + ["budget_spent"] * 3
    assert len(chat_service.requests) == 3


def test_a_budget_by_tokens(chat_service: Service, photograph: bytes) -> None:
    budget = Budget(3.5)
    prices = {"price_per_1000_input_tokens": 1, "tokens_per_picture": 10}
    with opened(chat_service, budget=budget, **prices) as captioner:
        rows = captioner.caption([photograph] * 6)
    assert codes(rows).count(None) == 3 and budget.spent == 3


def test_a_restricted_picture_never_leaves(chat_service: Service, photograph: bytes) -> None:
    other = photograph + b"\0"
    with opened(chat_service, restricted=lambda picture: picture == other) as captioner:
        assert codes(captioner.caption([other, photograph])) == ["restricted", None]
        assert codes(captioner.caption([photograph, photograph], restricted=[True, False])) == ["restricted", None]
    assert len(chat_service.requests) == 2


def test_a_silent_service_is_left_alone(chat_service: Service, photograph: bytes) -> None:
    chat_service.script = [Reply(delay=30)] * 50
    began = time.monotonic()
    with opened(chat_service, timeout=0.3, parallel=2) as captioner:
        rows = captioner.caption([photograph] * 40)
    assert codes(rows) == ["timeout"] * 40
    assert len(chat_service.requests) <= 4
    assert time.monotonic() - began < 10


def test_rest_ends_and_an_answer_forgives() -> None:
    rest = _Rest(Patience(failures=2, rest=0.05))
    down, picture = Failure("unavailable", "down", again=True), Failure("content_filtered", "no")
    for outcome in (down, Answer("a"), down, picture):
        rest.note(outcome)
        assert rest.why() is None
    rest.note(down)
    assert rest.why() == down
    time.sleep(0.06)
    assert rest.why() is None


def test_a_lone_picture_and_too_few_marks(chat_service: Service, photograph: bytes) -> None:
    with opened(chat_service) as captioner:
        with pytest.raises(InputError, match="a list of pictures"):
            captioner.caption(photograph)  # type: ignore[arg-type]
        with pytest.raises(InputError, match="as many marks"):
            captioner.caption([photograph], restricted=[])
    assert chat_service.requests == []


def test_closing_ends_a_wait(chat_service: Service, photograph: bytes) -> None:
    chat_service.script = [busy(Retry_After="20")]
    captioner = opened(chat_service)
    waiting = captioner._pool.submit(captioner.caption, [photograph])
    while not chat_service.requests:
        time.sleep(0.01)
    began = time.monotonic()
    captioner.close()
    assert time.monotonic() - began < 5
    assert codes(waiting.result(5)) == ["rate_limited"]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3),
        ({"retry-after": " 2.5 "}, 2.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        ({}, None),
    ],
)
def test_retry_after_in_all_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_retry_after_as_a_date() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 27 < (retry_after({"retry-after": date}) or 0) <= 30
