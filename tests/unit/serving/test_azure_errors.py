"""The wire of Azure's two APIs without an SDK: kinds of bodies, slashes, headers, and errors in each API's shape."""

from __future__ import annotations

import json
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from mezzetin.captioner import load_captioner
from mezzetin.records import Caption, ItemError, ModelInfo
from mezzetin.serving.answers import Answer
from mezzetin.serving.app import create_app
from mezzetin.serving.azure_vision import v4, v32
from mezzetin.serving.azure_vision.errors import check_answer
from mezzetin.serving.azure_vision.request import Query
from mezzetin.serving.problems import Problem, problem
from mezzetin.serving.settings import ServeSettings

V4 = "/computervision/imageanalysis:analyze?api-version=2023-10-01&features=caption"
V32 = "/vision/v3.2/describe?"
BYTES = {"Content-Type": "application/octet-stream"}


@pytest.fixture(params=[V4, V32], ids=["4.0", "3.2"])
def address(request: pytest.FixtureRequest, endpoint: str) -> str:
    return endpoint + str(request.param)


def inner(answer: httpx2.Response) -> tuple[int, str, str | None]:
    error = answer.json()["error"]
    assert answer.headers["x-ms-error-code"] == error["code"]
    assert uuid.UUID(answer.headers["apim-request-id"])
    return answer.status_code, error["code"], error.get("innererror", {}).get("code")


def caption_in(answer: httpx2.Response) -> str:
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return str(body["captionResult"]["text"] if "captionResult" in body else body["description"]["captions"][0]["text"])


def test_one_picture_however_it_comes(address: str, photograph: Any, pictures_site: Any) -> None:
    picture = photograph()

    def pieces() -> Iterator[bytes]:
        yield from (picture[at : at + 500] for at in range(0, len(picture), 500))

    answers = [
        httpx2.post(address, content=picture, headers=BYTES),
        httpx2.post(address, content=pieces(), headers=BYTES),
        httpx2.post(address, files={"whatever": ("a.jpg", picture, "image/jpeg")}),
        httpx2.post(address, json={"url": pictures_site.put("c.jpg", picture)}),
    ]
    assert answers[1].request.headers["transfer-encoding"] == "chunked"
    assert len({caption_in(answer) for answer in answers}) == 1


@pytest.mark.parametrize("target", ["//computervision", "///computervision"])
def test_slashes_too_many(endpoint: str, photograph: Any, target: str) -> None:
    """By hand: what a client library makes of two slashes is its own."""
    path = V4.replace("/computervision", target)
    picture, parts = photograph(), urlsplit(endpoint)
    with socket.create_connection((parts.hostname or "", parts.port or 0)) as wire:
        head = f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n"
        head += f"Content-Type: application/octet-stream\r\nContent-Length: {len(picture)}\r\n\r\n"
        wire.sendall(head.encode() + picture)
        answer = b""
        while piece := wire.recv(65536):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 200") and b"captionResult" in answer


def test_every_answer_bears_its_id(address: str, photograph: Any) -> None:
    answers = [httpx2.post(address, content=content, headers=BYTES) for content in (photograph(), b"no picture")]
    names = [(answer.headers["apim-request-id"], answer.headers["x-ms-request-id"]) for answer in answers]
    assert all(uuid.UUID(one) and one == other for one, other in names) and names[0] != names[1]


@pytest.mark.parametrize(
    ("content", "kind", "v4_says", "v32_says"),
    [
        (b"{}", "text/plain", (400, "InvalidRequest", None), (415, "InvalidRequest", "UnsupportedMediaType")),
        (b"abc", "image/jpeg", (400, "InvalidRequest", None), (415, "InvalidRequest", "UnsupportedMediaType")),
        (b"abc", "", (400, "InvalidRequest", None), (415, "InvalidRequest", "UnsupportedMediaType")),
        (b"", BYTES["Content-Type"], (400, "InvalidRequest", None), (400, "InvalidRequest", "InvalidImageSize")),
        (
            b"GIF89a" + bytes(90),
            BYTES["Content-Type"],
            (400, "InvalidRequest", "InvalidImageFormat"),
            (400, "InvalidRequest", "InvalidImageFormat"),
        ),
        (
            bytes(21 << 20),
            BYTES["Content-Type"],
            (400, "InvalidRequest", None),
            (400, "InvalidRequest", "InvalidImageSize"),
        ),
        (
            b"--x\r\n\r\n",
            "multipart/form-data; boundary=x",
            (400, "InvalidRequest", "BadArgument"),
            (400, "InvalidArgument", "BadArgument"),
        ),
        (
            b"no form",
            "multipart/form-data",
            (400, "InvalidRequest", "BadArgument"),
            (400, "InvalidArgument", "BadArgument"),
        ),
        (b"{", "application/json", (400, "InvalidRequest", "BadArgument"), (400, "InvalidArgument", "BadArgument")),
        (
            b"[" * 50_000,
            "application/json",
            (400, "InvalidRequest", "BadArgument"),
            (400, "InvalidArgument", "BadArgument"),
        ),
        *(
            (
                body,
                "application/json; charset=utf-8",
                (400, "InvalidRequest", "InvalidImageUrl"),
                (400, "InvalidArgument", "InvalidImageUrl"),
            )
            for body in (b"{}", b'{"url": 1}', b'{"url": " "}', b"[]", b'{"url": "' + b"a" * 70_000 + b'"}')
        ),
    ],
)  # fmt: skip
def test_bodies_that_are_wrong(
    endpoint: str,
    content: bytes,
    kind: str,
    v4_says: tuple[int, str, str | None],
    v32_says: tuple[int, str, str | None],
) -> None:
    headers = {"Content-Type": kind} if kind else {}
    said = [inner(httpx2.post(endpoint + path, content=content, headers=headers)) for path in (V4, V32)]
    assert said == [v4_says, v32_says]


def test_a_form_with_two_files_is_one_too_many(address: str, photograph: Any) -> None:
    files = [("a", ("a.jpg", photograph())), ("b", ("b.jpg", photograph()))]
    assert inner(httpx2.post(address, files=files))[::2] == (400, "BadArgument")


def test_an_error_stands_in_the_order_and_shape_of_its_api(endpoint: str) -> None:
    bodies = [httpx2.post(endpoint + path, content=b"x", headers=BYTES).json() for path in (V4, V32)]
    assert [list(body["error"]) for body in bodies] == [
        ["code", "message", "innererror"],
        ["code", "innererror", "message"],
    ]
    for body in bodies:
        assert body["error"]["innererror"] == {"code": "InvalidImageFormat", "message": body["error"]["message"]}


def test_what_is_no_path_or_method_of_theirs(endpoint: str) -> None:
    assert inner(httpx2.get(endpoint + V4)) == (405, "405", None)
    assert inner(httpx2.post(endpoint + "/vision/v3.2/read/analyze")) == (404, "404", None)
    assert inner(httpx2.post(endpoint + "/computervision/imageanalysis:segment")) == (404, "404", None)
    assert "apim-request-id" not in httpx2.get(endpoint + "/livez").headers


def test_a_sas_signature_is_not_repeated(address: str) -> None:
    answer = httpx2.post(address, json={"url": "https://127.0.0.1/a.jpg?sv=1&sig=c2VjcmV0"})
    assert inner(answer)[2] == "InvalidImageUrl" and "c2VjcmV0" not in answer.text + str(answer.headers)


@pytest.mark.parametrize(
    ("status", "code", "v4_codes", "v32_codes"),
    [
        (401, "unauthorized", ("401", None), ("401", None)),
        (429, "too_many_requests", ("429", None), ("429", None)),
        (408, "body_too_slow", ("InvalidRequest", None), ("InvalidRequest", None)),
        (413, "body_too_large", ("InvalidRequest", None), ("InvalidRequest", "InvalidImageSize")),
        (500, "internal", ("InternalServerError", None), ("InternalServerError", None)),
        (503, "overloaded", ("ServiceUnavailable", None), ("ServiceUnavailable", None)),
        (504, "deadline", ("InternalServerError", "Timeout"), ("InternalServerError", "Timeout")),
    ],
)
def test_what_the_server_says_of_itself_becomes_azure_s(
    status: int, code: str, v4_codes: tuple[str, str | None], v32_codes: tuple[str, str | None]
) -> None:
    found = []
    for path in (f"/{V4}", V32):
        answer = problem(path, status, code, "why", {"Retry-After": "2"})
        error = json.loads(bytes(answer.body))["error"]
        assert answer.status_code == status and answer.headers["retry-after"] == "2" and error["message"] == "why"
        assert answer.headers["x-ms-error-code"] == error["code"]
        found.append((error["code"], error.get("innererror", {}).get("code")))
    assert found == [v4_codes, v32_codes]


@given(st.integers(400, 599), st.text(max_size=20))
def test_any_refusal_has_a_body_of_its_api(status: int, code: str) -> None:
    for path in (V4, V32):
        error = json.loads(bytes(problem(path, status, code, "why").body))["error"]
        assert isinstance(error["code"], str) and error["code"]
        assert error.keys() <= {"code", "message", "innererror"}


@pytest.mark.parametrize(
    ("code", "by_url", "status", "azure"),
    [
        ("image_crashed", False, 400, "NotSupportedImage"),
        ("image_timeout", False, 400, "NotSupportedImage"),
        ("too_many_pixels", True, 400, "InvalidImageSize"),
        ("no_caption", True, 500, "FailedToProcess"),
        ("unavailable", True, 503, "ServiceUnavailable"),
        ("store_refused", True, 400, "InvalidImageUrl"),
        ("something_new", True, 400, "InvalidImageUrl"),
        ("something_new", False, 500, "FailedToProcess"),
    ],
)
def test_what_ails_a_picture(code: str, by_url: bool, status: int, azure: str) -> None:
    info = ModelInfo("small", "1", "abc", "none")
    for rules in (v4.RULES, v32.RULES):
        with pytest.raises(Problem) as caught:
            check_answer(Answer(Caption(None, "en", info, error=ItemError(code, "why"))), rules, by_url=by_url)
        assert (caught.value.status_code, caught.value.code, caught.value.detail) == (status, azure, "why")


def test_time_is_up_and_the_house_is_full(bundle_path: Path, tmp_path: Path, photograph: Any) -> None:
    captioner = load_captioner(bundle_path)
    in_no_time = ServeSettings(jobs=tmp_path / "a", decoders=1, deadline=1e-6)
    with TestClient(create_app(in_no_time, captioner=captioner), base_url="http://127.0.0.1") as client:
        said = client.post(V4, content=photograph(), headers=BYTES)
        assert inner(said) == (504, "InternalServerError", "Timeout")
    small = ServeSettings(jobs=tmp_path / "b", decoders=1, body_bytes=1000)
    with TestClient(create_app(small, captioner=captioner), base_url="http://127.0.0.1") as client:
        assert inner(client.post(V32, content=bytes(2000), headers=BYTES)) == (
            413,
            "InvalidRequest",
            "InvalidImageSize",
        )


def test_a_query_s_names_and_choices_have_no_case_and_its_values_are_not_repeated_at_length() -> None:
    query = Query(QueryParams("MaxCandidates=007&visualfeatures=TAGS&visualFeatures=description&x=" + "a" * 900))
    assert query.count("maxCandidates", 1) == 7 and query.count("none", 1) == 1
    assert query.chosen("visualFeatures", {"tags": "Tags", "description": "Description"}, "Bad") == [
        "Tags",
        "Description",
    ]
    with pytest.raises(Problem) as caught:
        query.chosen("x", {"tags": "Tags"}, "Bad")
    assert len(str(caught.value.detail)) < 120


@given(st.text(max_size=30))
def test_any_query_is_understood_or_a_problem(text: str) -> None:
    query = Query(QueryParams([(name, text) for name in ("n", "flag", "language", "model-version")]))
    for ask in (
        lambda: query.count("n", 1),
        lambda: query.flag("flag"),
        lambda: query.check_language("en"),
        query.check_model_version,
    ):
        try:
            ask()
        except Problem as refusal:
            assert refusal.status_code == 400 and "\n" not in str(refusal.detail)
