"""A chat endpoint with vision through the official `openai` client, against a server that speaks its language."""

from __future__ import annotations

import io
import json
import logging
import time
from decimal import Decimal
from typing import Any

import pytest
from PIL import Image

from mezzetin.external import External, external_captioner
from tests.unit.external.services import KEY, Reply, Service, answered, as_json, picture_of

pytest.importorskip("openai", reason="mezzetin[external] is not installed")


def opened(service: Service, **settings: Any) -> External:
    table = {
        "kind": "openai_chat",
        "endpoint": f"{service.url}/v1",
        "model": "small-vision",
        "key_env": "TEST_VISION_KEY",
        "timeout": 5,
        **settings,
    }
    return external_captioner("gpt", {"gpt": table})


def test_one_sentence_and_no_confidence(chat_service: Service, photograph: bytes) -> None:
    with opened(chat_service, language="de") as captioner:
        (row,) = captioner.caption([photograph])
    assert (row.text, row.confidence, row.language) == ("A man sits on a bench.", None, "de")
    assert (row.model.name, row.model.version) == ("gpt", "small-vision")
    (request,) = chat_service.requests
    assert request.path == "/v1/chat/completions"
    asked = json.loads(request.body)
    assert (asked["temperature"], asked["max_tokens"]) == (0, 100)
    prompt = asked["messages"][0]["content"][0]["text"]
    assert "one plain sentence" in prompt and "the language de" in prompt


def test_a_reasoning_model_is_asked_in_its_own_words(chat_service: Service, photograph: bytes) -> None:
    with opened(chat_service, reasoning_model=True, max_tokens=900, gender_neutral=True) as captioner:
        captioner.caption([photograph])
    asked = json.loads(chat_service.requests[0].body)
    assert asked["max_completion_tokens"] == 900 and "max_tokens" not in asked and "temperature" not in asked
    assert "person or child" in asked["messages"][0]["content"][0]["text"]


def test_an_azure_openai_resource_by_its_older_address(chat_service: Service, photograph: bytes) -> None:
    with opened(chat_service, endpoint=chat_service.url, api_version="2024-10-21") as captioner:
        (row,) = captioner.caption([photograph])
    assert row.text == "A man sits on a bench."
    (request,) = chat_service.requests
    assert request.path == "/openai/deployments/small-vision/chat/completions"
    assert request.query == {"api-version": "2024-10-21"}
    assert request.headers["api-key"] == KEY


def test_only_a_small_picture_without_metadata_leaves(chat_service: Service, photograph: bytes) -> None:
    with opened(chat_service) as captioner:
        captioner.caption([photograph])
    sent = picture_of(chat_service.requests[0])
    picture = Image.open(io.BytesIO(sent))
    assert picture.size == (1024, 768)
    assert dict(picture.getexif()) == {} and b"Anna" not in sent


def test_tokens_are_counted_and_paid_for(chat_service: Service, photograph: bytes) -> None:
    prices = {"price_per_1000_input_tokens": 0.01, "price_per_1000_output_tokens": 0.05, "price_per_call": 0.001}
    with opened(chat_service, **prices) as captioner:
        captioner.caption([photograph, photograph])
        usage = captioner.usage
    assert (usage.calls, usage.captions, usage.tokens.read, usage.tokens.written) == (2, 2, 2000, 40)
    # Twice 1,000 tokens read, 20 written, and the call.
    assert usage.cost == Decimal("0.024")


@pytest.mark.parametrize(
    ("reply", "code", "words"),
    [
        (answered(None, finish="content_filter"), "content_filtered", "the caption"),
        (answered(None, refusal="I can't help with that."), "content_filtered", "declines"),
        (as_json({"error": {"code": "content_filter", "message": KEY}}, 400), "content_filtered", "the picture"),
        (as_json({"error": {"code": "insufficient_quota", "message": KEY}}, 429), "refused", "credit"),
        (as_json({"error": {"code": "model_not_found", "message": KEY}}, 404), "refused", "model_not_found"),
        (as_json({"error": {"type": "invalid_request_error", "message": KEY}}, 400), "refused", "invalid_request"),
        (Reply(302, headers={"Location": "http://127.0.0.1:9/"}), "refused", "final endpoint"),
        (answered("", finish="length"), "bad_answer", "max_tokens"),
        (answered("<think>what is it"), "bad_answer", "no words"),
        (as_json({"choices": []}), "bad_answer", "no words"),
        (as_json({"choices": [{"message": {"content": ["a"]}}]}), "bad_answer", "no words"),
        (Reply(200, b'{"choices": [', {"Content-Type": "application/json"}), "bad_answer", "no JSON"),
        (Reply(200, b"[" * 100_000, {"Content-Type": "application/json"}), "bad_answer", "no JSON"),
        (Reply(200, b" " * (2 << 20), {"Content-Type": "application/json"}), "bad_answer", "too long"),
        (Reply(200, b"{}", trickle=30), "timeout", "in time"),
        (Reply(200, b'{"a": "' + b"x" * 900, trickle=0.05), "timeout", "in time"),
        (Reply(delay=30), "timeout", "in time"),
    ],
)
def test_what_the_service_says_becomes_a_code(
    chat_service: Service,
    photograph: bytes,
    caplog: pytest.LogCaptureFixture,
    reply: Reply,
    code: str,
    words: str,
) -> None:
    chat_service.script = [reply]
    began = time.monotonic()
    with caplog.at_level(logging.DEBUG), opened(chat_service, timeout=1 if code == "timeout" else 20) as captioner:
        (row,) = captioner.caption([photograph])
    assert row.text is None and row.error is not None
    assert row.error.code == code and words in row.error.message
    assert KEY not in row.error.message + caplog.text and "\n" not in row.error.message
    assert len(chat_service.requests) == 1
    assert time.monotonic() - began < 10


def test_without_a_key_none_is_invented_or_borrowed(
    chat_service: Service, photograph: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-somebody-else")
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "another")
    table = {"kind": "openai_chat", "endpoint": chat_service.url, "model": "llava"}
    with external_captioner("ollama", {"ollama": table}) as captioner:
        (row,) = captioner.caption([photograph])
    assert row.error is not None and row.error.code == "refused"
    headers = chat_service.requests[0].headers
    assert "key-of-somebody-else" not in str(headers) and "another" not in str(headers)
