"""Lines of the log: one a request, one a record, and nothing in them that opens a door."""

from __future__ import annotations

import io
import json
import logging
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import urllib3
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from mezzetin.captioner import load_captioner
from mezzetin.serving.app import create_app
from mezzetin.serving.blanking import BLANK, blanked, secrets_of
from mezzetin.serving.keys import add_key
from mezzetin.serving.logs import blank_everywhere, log_to
from mezzetin.serving.settings import ServeSettings

PLANTED = "S3cr3tS3cr3tS3cr3tS3cr3t"
HOME = "http://127.0.0.1"


@pytest.fixture
def restored() -> Iterator[None]:
    """Put the process's logging back as it was."""
    root = logging.getLogger()
    known = [root, *(found for found in root.manager.loggerDict.values() if isinstance(found, logging.Logger))]
    before = {logger: (logger.level, list(logger.handlers)) for logger in known}
    hook = threading.excepthook
    yield
    threading.excepthook = hook
    logging.captureWarnings(False)
    for logger, (level, handlers) in before.items():
        logger.setLevel(level)
        logger.handlers[:] = handlers


@pytest.fixture
def log(restored: None) -> io.StringIO:
    stream = io.StringIO()
    log_to(stream, format="json", level="debug")
    return stream


def lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


@pytest.mark.parametrize(
    "text",
    [
        f"GET https://a.blob.core.windows.net/c/x.jpg?sv=2024&sig={PLANTED} failed",
        f"GET https://a.example/x.jpg?anything={PLANTED}",
        f'"GET /c/x.jpg?sv=2024&sig={PLANTED}%3D HTTP/1.1" 200',
        f"https://robin:{PLANTED}@a.example/x.jpg",
        f"{{'Authorization': 'Bearer {PLANTED}'}}",
        f"[(b'Ocp-Apim-Subscription-Key', b'{PLANTED}'), (b'Accept', b'*/*')]",
        f'{{"x-api-key": "{PLANTED}", "a": 1}}',
        f"    'X-Api-Key': '{PLANTED}'\n",
        f"Authorization: Basic {PLANTED}==",
        f"authorization: SharedKey account:{PLANTED}",
        f"Cookie: mezzetin-csrf={PLANTED}; b={PLANTED}",
        f"Set-Cookie: a={PLANTED}",
        f"X-CSRF-Token: {PLANTED}",
        f"said bearer {PLANTED} and went",
        f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={PLANTED}==;EndpointSuffix=core.windows.net",
        f"BlobEndpoint=https://a.blob.core.windows.net/;SharedAccessSignature=sv=2024&sig={PLANTED}",
        f"sv=2024&sr=c&sig={PLANTED}",
        f"next=https%3A%2F%2Fa.example%2F%3Fsv%3D1%26sig%3D{PLANTED}",
        f'{{"client_secret": "{PLANTED}"}}',
        f"grant_type=client_credentials&client_secret={PLANTED}&x=1",
        f"X-Amz-Signature={PLANTED}",
        f"?code={PLANTED}",
        f"eyJhbGciOiJSUzI1NiJ9.{PLANTED}.{PLANTED}",
        f"mz_0123456789ab_{PLANTED}{'x' * 19}",
        f"openai key sk-proj-{PLANTED}",
    ],
)
def test_what_is_blanked(text: str) -> None:
    said = blanked(text)
    assert PLANTED not in said and BLANK in said
    assert blanked(said) == said


@pytest.mark.parametrize(
    "text",
    [
        "POST /score 200",
        "https://a.example/x.jpg can't be read (No such file): check it",
        "captioned 3 of 4 pictures in 0.2 s",
        "a key archive was revoked; the token has expired: get a new one",
        "12:30:01 keyboard=1 decode_seconds=0.2",
    ],
)
def test_what_is_left(text: str) -> None:
    assert blanked(text) == text


@given(
    st.text(max_size=40),
    st.sampled_from(["sig", "SIG", "key", "access_token"]),
    st.sampled_from(["?", "&", "https://h.example/p?a=b&", " ", ";"]),
)
def test_a_signature_never_stays(around: str, name: str, before: str) -> None:
    assert PLANTED not in blanked(f"{around} {before}{name}={PLANTED} {around}")


@pytest.mark.usefixtures("restored")
def test_what_the_environment_calls_a_secret_is_blanked(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = secrets_of({"VISION_API_KEY": "orchid-meadow", "KEY_FILE": "/etc/keys.json", "HOME_TOWN": "leafy-square"})
    said = blanked("the orchid-meadow and leafy-square of /etc/keys.json", secrets)
    assert said == f"the {BLANK} and leafy-square of /etc/keys.json"
    monkeypatch.setenv("VISION_API_KEY", "orchid-meadow")
    stream = io.StringIO()
    log_to(stream, format="plain")
    logging.getLogger("somebody").warning("the orchid-meadow")
    assert stream.getvalue().endswith(f" the {BLANK}\n")


def test_long_hostile_text_takes_no_time() -> None:
    started = time.process_time()
    for piece in ("https://", "a:b@", "'authorization': '", "sig=", "eyJ", "\\", "mz_", "bearer "):
        blanked(piece * 4_000)
    assert time.process_time() - started < 10


def test_a_record_is_one_line_without_its_secret(log: io.StringIO) -> None:
    try:
        raise ValueError(f"no picture at https://a.example/x?sig={PLANTED}")
    except ValueError:
        logging.getLogger("somebody").exception("failed for %s", {"X-Api-Key": PLANTED})
    logging.getLogger("somebody").info("wrong %d", f"sig={PLANTED}")
    first, second = lines(log)
    assert first["level"] == "error" and first["logger"] == "somebody" and "ValueError" in first["trace"]
    assert second["message"].startswith("wrong %d")
    assert PLANTED not in log.getvalue()


def test_warnings_and_threads_that_fail_are_lines_too(log: io.StringIO) -> None:
    def fail() -> None:
        raise OSError(f"https://a.example/x?sig={PLANTED}")

    thread = threading.Thread(target=fail, name="fetch-1")
    thread.start()
    thread.join()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn(f"old: sig={PLANTED}", UserWarning, stacklevel=1)
    failed, warned = lines(log)
    assert failed["message"] == "fetch-1 failed" and "OSError" in failed["trace"]
    assert warned["logger"] == "py.warnings" and "old: sig=" in warned["message"]
    assert PLANTED not in log.getvalue()


def test_a_line_without_end_has_one(log: io.StringIO) -> None:
    logging.getLogger("somebody").info("x" * 1_000_000)
    assert len(log.getvalue()) < 30_000


@pytest.mark.usefixtures("restored")
def test_plain_lines_are_for_people() -> None:
    stream = io.StringIO()
    log_to(stream, format="plain")
    logging.getLogger("mezzetin.serving").info("a\x1b[2Jb\nc")
    logging.getLogger("mezzetin.serving").debug("not heard")
    logging.getLogger("azure.core").info("a request of many lines")
    logging.getLogger("azure.core").warning("something is wrong")
    first, second = stream.getvalue().splitlines()
    assert first.endswith(r" a\x1b[2Jb\nc") and second.endswith(" warning something is wrong")


@pytest.mark.usefixtures("restored")
def test_handlers_that_are_there_already_are_blanked() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger = logging.getLogger("somebody.else")
    logger.addHandler(handler)
    blank_everywhere()
    logger.warning("sig=%s", PLANTED)
    assert stream.getvalue() == f"sig={BLANK}\n"


def test_the_clients_of_others_say_no_secret(log: io.StringIO, pictures_site: Any) -> None:
    url = f"{pictures_site.put('x.jpg', b'x')}?sv=2024&sig={PLANTED}"
    headers = {"Authorization": f"Bearer {PLANTED}", "X-Api-Key": PLANTED}
    with httpx2.Client() as client:
        client.get(url, headers=headers)
    with urllib3.PoolManager() as pool:
        pool.request("GET", url, headers=headers)
    assert PLANTED not in log.getvalue()
    assert {line["logger"].partition(".")[0] for line in lines(log)} >= {"httpx2", "httpcore2", "urllib3"}


def test_a_request_is_a_line(log: io.StringIO, bundle_path: Path, tmp_path: Path, photograph: Any) -> None:
    key = add_key("archive", tmp_path / "keys.json")
    settings = ServeSettings(jobs=tmp_path / "jobs", keys_file=tmp_path / "keys.json", decoders=1, threads=1)
    app = create_app(settings, captioner=load_captioner(bundle_path))

    async def broken() -> None:
        raise RuntimeError(f"no answer from https://a.example/?sig={PLANTED}")

    app.add_api_route("/broken", broken)
    given_id = {"X-Api-Key": key, "X-Request-Id": "trace-0123", "Content-Type": "image/jpeg"}
    content = photograph()
    with TestClient(app, base_url=HOME, raise_server_exceptions=False) as client:
        answer = client.post("/score", content=content, headers=given_id)
        client.post("/score", params={"sig": PLANTED}, headers={"X-Api-Key": PLANTED})
        client.get("/broken", headers={"X-Api-Key": key})
    found = [line for line in lines(log) if line["logger"] == "mezzetin.serving.requests"]
    good, refused, failed = found
    assert good["request_id"] == "trace-0123" and good["principal"] == "archive"
    assert (good["method"], good["route"], good["status"]) == ("POST", "/score", 200)
    assert (good["bytes_in"], good["bytes_out"]) == (len(content), len(answer.content))
    assert (good["pictures"], good["failed"]) == (1, 0)
    assert good["seconds"] >= good["caption_seconds"] > 0 and good["decode_seconds"] > 0
    assert (refused["principal"], refused["route"], refused["status"]) == (None, "none", 401)
    assert (failed["principal"], failed["route"], failed["status"]) == ("archive", "/broken", 500)
    assert PLANTED not in log.getvalue() and key not in log.getvalue()
