"""The smoke test against a small real server: what it waits for, what it does not, and what it never sends."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from mezzetin.deployment.smoke import Endpoint, curl_line, photograph, smoke_test
from mezzetin.errors import EnvironmentProblem, InputError
from mezzetin.pixels import read_header
from mezzetin.records import Progress

GOOD = {"results": [{"caption": {"text": "A dog.", "model": {"signature": "new"}}, "error": None}]}
Reply = tuple[int, dict[str, Any]]


@contextmanager
def answering(replies: list[Reply], asked: list[dict[str, str]]) -> Iterator[str]:
    """A server that gives one reply after the other, the last one for ever."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append({"path": self.path, "body": body["images"][0]["base64"], **dict(self.headers)})
            status, content = replies.pop(0) if len(replies) > 1 else replies[0]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def ask(
    *replies: Reply, wait: float = 5.0, look: Callable[[], str | None] = lambda: None, signature: str | None = None
) -> tuple[str, list[dict[str, str]], list[Progress]]:
    asked: list[dict[str, str]] = []
    told: list[Progress] = []
    with answering(list(replies), asked) as url:
        endpoint = Endpoint(url, {"X-Api-Key": "k"}, signature=signature)
        caption, _ = smoke_test(endpoint, wait=wait, report=told.append, look=look)
    return caption, asked, told


def test_a_real_picture_is_sent_with_the_key() -> None:
    caption, (sent,), told = ask((200, GOOD))
    assert caption == "A dog."
    assert (sent["path"], sent["X-Api-Key"]) == ("/score", "k")
    assert base64.b64decode(sent["body"]) == photograph()
    assert told == []


def test_the_picture_is_one_and_always_the_same() -> None:
    header = read_header(photograph())
    assert photograph() == photograph()
    assert min(header.width, header.height) >= 200


@pytest.mark.parametrize("status", [404, 424, 429, 500, 502, 503, 504])
def test_what_may_pass_is_waited_for(status: int) -> None:
    caption, asked, told = ask((status, {}), (200, GOOD))
    assert (caption, len(asked), len(told)) == ("A dog.", 2, 1)


def test_an_older_model_that_still_answers_is_waited_for() -> None:
    old = {"results": [{"caption": {"text": "A cat.", "model": {"signature": "old"}}}]}
    caption, asked, _ = ask((200, old), (200, GOOD), signature="new")
    assert (caption, len(asked)) == ("A dog.", 2)
    with pytest.raises(EnvironmentProblem, match=r"another model \(old\)"):
        ask((200, old), signature="new", wait=0.1)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_ends_it_at_once(status: int) -> None:
    with pytest.raises(EnvironmentProblem, match=f"answered {status}, so the key is not one of its keys"):
        ask((status, {}))


def test_a_picture_that_gets_no_caption_ends_it() -> None:
    item = {"caption": None, "error": {"code": "no_caption", "message": "the model says nothing"}}
    with pytest.raises(EnvironmentProblem, match="the model says nothing"):
        ask((200, {"results": [item]}))


@pytest.mark.parametrize("content", [{}, {"results": []}, {"results": [7]}, [], "text"])
def test_another_services_answer_is_none(content: Any) -> None:
    with pytest.raises(EnvironmentProblem, match="no answer of a captioner"):
        ask((200, content), wait=0.1)


def test_waiting_ends_when_it_is_in_vain_or_has_lasted() -> None:
    with pytest.raises(EnvironmentProblem, match="the process died"):
        ask((503, {}), look=lambda: "the process died")
    with pytest.raises(EnvironmentProblem, match="gave no caption within 0 s: it answered 503"):
        ask((503, {}), wait=0.1)


def test_no_key_goes_over_plain_http_to_another_machine() -> None:
    endpoint = Endpoint("http://captions.example.org", {"X-Api-Key": "k"})
    with pytest.raises(InputError, match="no key is sent there"):
        smoke_test(endpoint, wait=1.0, report=lambda progress: None)


def test_a_key_is_shown_in_no_text() -> None:
    assert "secret" not in repr(Endpoint("https://a", {"X-Api-Key": "secret"}))
    assert curl_line("https://a", key="$KEY") == 'curl -sS -H "X-Api-Key: $KEY" -F images=@PICTURE.jpg https://a/score'
