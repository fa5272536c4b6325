"""Azure AI Vision through its official SDK, against a server that checks what the SDK sends."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from mezzetin.errors import InputError
from mezzetin.external import External, external_captioner
from mezzetin.storage.azure.credentials import identity
from tests.unit.external.services import KEY, Reply, Request, Service, as_json, azure_error, served

pytest.importorskip("azure.ai.vision.imageanalysis", reason="mezzetin[azure] is not installed")


def opened(service: Service, **settings: Any) -> External:
    table = {"endpoint": service.url, "key_env": "TEST_VISION_KEY", "timeout": 5, **settings}
    return external_captioner("azure_vision", {"azure_vision": table})


def error_of(service: Service, photograph: bytes, **settings: Any) -> tuple[str, str]:
    with opened(service, **settings) as captioner:
        (row,) = captioner.caption([photograph])
    assert row.text is None and row.error is not None
    assert KEY not in row.error.message and "\n" not in row.error.message
    return row.error.code, row.error.message


def test_a_caption_with_azures_confidence_and_version(azure_service: Service, photograph: bytes) -> None:
    with opened(azure_service) as captioner:
        (row,) = captioner.caption([photograph])
    assert (row.text, row.confidence, row.language) == ("a man sitting on a bench", 0.8125, "en")
    assert (row.model.name, row.model.version) == ("azure_vision", "2023-10-01")
    (request,) = azure_service.requests
    assert request.query == {
        "api-version": "2023-10-01",
        "features": "caption",
        "language": "en",
        "gender-neutral-caption": "false",
        "model-version": "latest",
    }


def test_options_reach_the_service(azure_service: Service, photograph: bytes) -> None:
    with opened(azure_service, gender_neutral=True, api_version="2024-02-01") as captioner:
        (row,) = captioner.caption([photograph])
    assert row.text == "a person sitting on a bench"
    assert azure_service.requests[0].query["api-version"] == "2024-02-01"


def test_only_a_small_picture_without_metadata_leaves(azure_service: Service, photograph: bytes) -> None:
    with opened(azure_service, longest_side=400) as captioner:
        captioner.caption([photograph])
    sent = azure_service.requests[0].body
    picture = Image.open(io.BytesIO(sent))
    assert picture.size == (400, 300)
    assert dict(picture.getexif()) == {} and b"Anna" not in sent


@pytest.mark.parametrize(
    ("reply", "code", "words"),
    [
        (azure_error("InvalidRequest", "InvalidImageSize"), "refused", "400 InvalidImageSize"),
        (Reply(307, headers={"Location": "http://127.0.0.1:9/"}), "refused", "final endpoint"),
        (as_json({"modelVersion": "1"}), "bad_answer", "captionResult"),
        (as_json({"captionResult": {"text": 5}}), "bad_answer", "captionResult"),
        (as_json([1]), "bad_answer", "no JSON object"),
        (Reply(200, b"<html>", {"Content-Type": "application/json"}), "bad_answer", "no JSON"),
        (Reply(403, b"\xff\xfe"), "refused", "credential"),
    ],
)
def test_what_azure_says_becomes_a_code(
    azure_service: Service, photograph: bytes, reply: Reply, code: str, words: str
) -> None:
    azure_service.script = [reply]
    found, message = error_of(azure_service, photograph)
    assert found == code and words in message
    assert len(azure_service.requests) == 1


def test_a_wrong_key_is_refused_and_not_repeated(
    azure_service: Service, photograph: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("TEST_VISION_KEY", wrong := f"{KEY}x")
    with caplog.at_level(logging.DEBUG), opened(azure_service) as captioner:
        rows = captioner.caption([photograph]) + captioner.caption([photograph] * 5)
    assert {row.error.code for row in rows if row.error} == {"refused"}
    # Nobody is asked again for pictures that would fare no better.
    assert len(azure_service.requests) == 1
    assert wrong not in caplog.text and wrong not in repr(rows)


def test_a_broken_answer_comes_late(azure_service: Service, photograph: bytes) -> None:
    azure_service.script = [Reply(200, b'{"captionResult":' + b" " * 500, trickle=0.05)]
    began = time.monotonic()
    assert error_of(azure_service, photograph, timeout=0.4)[0] == "timeout"
    assert time.monotonic() - began < 5


def test_a_silent_service_costs_its_timeout(azure_service: Service, photograph: bytes) -> None:
    azure_service.script = [Reply(delay=30)]
    began = time.monotonic()
    assert error_of(azure_service, photograph, timeout=0.3)[0] == "timeout"
    assert time.monotonic() - began < 5


def test_nobody_there(photograph: bytes) -> None:
    with served(lambda request: Reply()) as service:
        pass
    assert error_of(service, photograph, retries=0)[0] == "unavailable"


def test_no_key_says_which_variable(azure_service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_VISION_KEY")
    with pytest.raises(InputError, match="the variable that key_env names"):
        opened(azure_service)


@pytest.fixture
def entra(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A managed identity, as an App Service offers one."""

    def token(request: Request) -> Reply:
        assert request.query["resource"] == "https://cognitiveservices.azure.com"
        later = str(int(time.time()) + 3600)
        return as_json({"access_token": "token-of-entra", "expires_on": later, "token_type": "Bearer"})

    with served(token) as service:
        monkeypatch.setenv("IDENTITY_ENDPOINT", service.url)
        monkeypatch.setenv("IDENTITY_HEADER", "secret")
        monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")
        identity.cache_clear()
        yield service
        identity.cache_clear()


def test_entra_in_place_of_a_key(azure_service: Service, entra: Service, photograph: bytes) -> None:
    with opened(azure_service, credential="entra", key_env="NOT_SET") as captioner:
        (row,) = captioner.caption([photograph])
    assert row.text == "a man sitting on a bench"
    (request,) = azure_service.requests
    assert request.headers["authorization"] == "Bearer token-of-entra"
    assert "ocp-apim-subscription-key" not in request.headers


def test_entra_without_anybody(azure_service: Service, entra: Service, photograph: bytes) -> None:
    entra.script = [as_json({"error": "invalid_request"}, 400)] * 4
    code, message = error_of(azure_service, photograph, credential="entra")
    assert code == "refused" and "mezzetin login" in message
    assert azure_service.requests == []


def test_entra_for_a_chat_endpoint(chat_service: Service, entra: Service, photograph: bytes) -> None:
    pytest.importorskip("openai", reason="mezzetin[external] is not installed")
    table = {"kind": "openai_chat", "endpoint": chat_service.url, "model": "m", "credential": "entra"}
    for api_version in (None, "2024-10-21"):
        entra.script = [as_json({"error": "invalid_request"}, 400)] * 4
        with external_captioner("gpt", {"gpt": {**table, "api_version": api_version}}) as captioner:
            (refused,) = captioner.caption([photograph])
        entra.script = []
        assert refused.error is not None and refused.error.code == "refused"
        assert "mezzetin login" in refused.error.message
        identity.cache_clear()
        with external_captioner("gpt", {"gpt": {**table, "api_version": api_version}}) as captioner:
            captioner.caption([photograph])
        assert chat_service.requests[-1].headers["authorization"] == "Bearer token-of-entra"
        identity.cache_clear()
