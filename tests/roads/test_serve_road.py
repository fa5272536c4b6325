"""A server as its users meet it: started by command, asked over HTTP, attacked, killed and brought back."""

from __future__ import annotations

import base64
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from mezzetin.captioner import load_captioner
from tests.roads.serve_process import Served, origin, serving, started

Photographs = Callable[..., Path]
BODY_BYTES = 300_000
SIGNATURE = "c2VjcmV0"


@pytest.fixture
def pictures(photographs: Photographs) -> list[bytes]:
    return [path.read_bytes() for path in sorted(photographs(4).iterdir())]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(jobs=str(tmp_path_factory.mktemp("jobs")), body_bytes=BODY_BYTES, body_limit=1.0) as server:
        yield server


def texts(answer: httpx2.Response) -> list[str | None]:
    assert answer.status_code == 200, answer.text
    return [item["caption"] and item["caption"]["text"] for item in answer.json()["results"]]


def test_every_way_in_gives_the_captions_of_the_command_line(served: Served, pictures: list[bytes]) -> None:
    offline = [caption.text for caption in load_captioner(alternatives=4).caption(pictures)]
    assert texts(served.post(pictures)) == offline
    images = [{"id": f"picture {n}", "base64": base64.b64encode(one).decode()} for n, one in enumerate(pictures)]
    answer = served.client.post("/score", json={"images": images})
    assert texts(answer) == offline
    assert [item["image"] for item in answer.json()["results"]] == [image["id"] for image in images]
    for number, one in enumerate(pictures):
        alone = served.client.post("/score", content=one, headers={"Content-Type": "image/jpeg"})
        assert texts(alone) == [offline[number]]


def test_a_bad_picture_is_an_error_in_its_place(served: Served, pictures: list[bytes]) -> None:
    images = [{"base64": base64.b64encode(pictures[0]).decode()}, {"base64": "???"}, {"base64": "aGVsbG8="}]
    answer = served.client.post("/score", json={"images": images})
    first, second, third = answer.json()["results"]
    assert (answer.status_code, answer.json()["failed"]) == (200, 2)
    assert first["error"] is None and first["format"] == "jpeg" and len(first["caption"]["alternatives"]) > 0
    assert (second["error"]["code"], third["error"]["code"]) == ("bad_base64", "unsupported_format")


def test_it_is_alive_ready_and_described(served: Served) -> None:
    assert served.client.get("/livez").json() == {"status": "alive"}
    assert served.client.get("/readyz").json()["status"] == "ready"
    described = served.client.get("/openapi.json").json()
    assert {"ScoreRequest", "ImageIn", "ScoreAnswer", "ItemOut", "JobOut", "ProblemOut"} <= set(
        described["components"]["schemas"]
    )
    assert "#/$defs" not in json.dumps(described)


def endless() -> Iterator[bytes]:
    for _ in range(100):
        yield bytes(50_000)


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({"content": b"{"}, 422, "bad_request"),
        ({"content": b"[" * 100_000}, 422, "bad_request"),
        ({"content": b'{"urls": ["https://a"], "images": []}'}, 422, "bad_request"),
        ({"content": b"\x00" * BODY_BYTES + b"\x00"}, 413, "body_too_large"),
        ({"content": endless()}, 413, "body_too_large"),
        ({"content": b"x", "headers": {"Content-Type": "text/plain"}}, 415, "unsupported_media_type"),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400, "bad_request"),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=a"}}, 400, "bad_request"),
        ({"files": {"images": b"x"}, "data": {"gender_neutral": "perhaps"}}, 422, "bad_request"),
        ({"files": {"gender_neutral": (None, b"true")}}, 422, "bad_request"),
        ({"json": {"images": [{"base64": "aGVsbG8="}] * 65}}, 413, "too_many_pictures"),
        ({"json": {"images": [{"base64": "aGVsbG8="}], "external": ["nobody"]}}, 400, "bad_request"),
        ({"json": {"sas_uri": "/etc"}}, 400, "bad_request"),
        ({"json": {"sas_uri": f"https://evil.example/c?sv=1&sig={SIGNATURE}"}}, 400, "bad_request"),
        ({"json": {"sas_uri": f"https://evil.example/c?sv=1&sig={SIGNATURE}", "as_job": True}}, 400, "bad_request"),
    ],
)
def test_a_hostile_body_is_refused_in_one_line(
    served: Served, request_: dict[str, Any], status: int, code: str
) -> None:
    try:
        answer = served.client.post("/score", **request_)
    except (httpx2.WriteError, httpx2.ReadError):
        # The server has answered and hung up while we were still sending.
        assert status == 413
    else:
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (status, code), answer.text
        assert "\n" not in error["message"] and SIGNATURE not in answer.text
    assert served.client.get("/livez").status_code == 200


def test_a_body_that_dawdles_is_refused(served: Served) -> None:
    def dawdling() -> Iterator[bytes]:
        yield b"{"
        time.sleep(2.5)
        yield b"}"

    try:
        answer = served.client.post("/score", content=dawdling())
    except (httpx2.WriteError, httpx2.ReadError, httpx2.RemoteProtocolError):
        return
    assert (answer.status_code, answer.json()["error"]["code"]) == (408, "body_too_slow")


@pytest.mark.parametrize("path", ["/nothing", "/jobs/0", "/jobs/" + "0" * 32, "/jobs/" + "0" * 32 + "/results"])
def test_what_is_not_there_is_said_in_one_line(served: Served, path: str) -> None:
    answer = served.client.get(path)
    assert answer.status_code in (404, 422) and set(answer.json()["error"]) == {"code", "message"}
    assert served.client.get("/score").status_code == 405


def test_killed_decoders_cost_no_picture(served: Served, pictures: list[bytes]) -> None:
    before = texts(served.post(pictures))
    victims = served.children()
    if not victims:
        pytest.skip("there is no /proc to find the processes with")
    answers: list[httpx2.Response] = []
    asking = threading.Thread(target=lambda: answers.append(served.post(pictures * 12)))
    asking.start()
    for pid in victims:
        time.sleep(0.05)
        os.kill(pid, signal.SIGKILL)
    asking.join()
    assert texts(answers[0]) == before * 12
    assert set(served.children()).isdisjoint(victims)


def test_a_server_that_is_told_to_stop_answers_first(tmp_path: Path, pictures: list[bytes]) -> None:
    with serving(jobs=str(tmp_path)) as server:
        assert server.client.get("/readyz").status_code == 200
        answers: list[httpx2.Response] = []
        asking = threading.Thread(target=lambda: answers.append(server.post(pictures * 16)))
        asking.start()
        # The body is there when its first picture is being decoded.
        time.sleep(0.3)
        assert asking.is_alive()
        server.process.send_signal(signal.SIGTERM)
        asking.join()
        assert texts(answers[0]) == texts(answers[0])[:4] * 16 and None not in texts(answers[0])
        _, err = server.process.communicate(timeout=60)
        assert server.process.returncode == 0 and "Traceback" not in err


def test_a_job_outlives_its_server(tmp_path: Path, pictures: list[bytes]) -> None:
    with origin(pictures[0], delay=0.05) as web:
        urls = [web.url(number, f"?sv=1&sig={SIGNATURE}") for number in range(40)]
        with serving(web.environment, jobs=str(tmp_path)) as server:
            begun = server.client.post("/score", json={"urls": urls, "as_job": True})
            assert begun.status_code == 202 and begun.headers["Location"] == begun.json()["url"]
            job_url = begun.json()["url"]
            while server.client.get(job_url).json()["done"] < 4:
                time.sleep(0.01)
            server.process.kill()
        with serving(web.environment, jobs=str(tmp_path)) as server:
            job = server.finished(job_url)
            assert (job["state"], job["done"], job["failed"], job["total"]) == ("done", 40, 0, 40)
            rows = [json.loads(line) for line in server.client.get(f"{job_url}/results").text.splitlines()]
            assert [row["index"] for row in rows] == list(range(40))
            assert {row["caption"]["text"] for row in rows} == {load_captioner().caption(pictures[:1])[0].text}
            kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
            assert SIGNATURE.encode() not in kept and b"sig=\xe2\x80\xa6" in kept
            assert server.client.delete(job_url).status_code == 204
            assert server.client.get(job_url).status_code == 404


def test_a_long_list_becomes_a_job_and_a_short_one_does_not(tmp_path: Path, pictures: list[bytes]) -> None:
    with origin(pictures[0]) as web, serving(web.environment, jobs=str(tmp_path), most_pictures=3) as server:
        urls = [web.url(number) for number in range(4)]
        short = server.client.post("/score", json={"urls": urls[:3]})
        assert len(texts(short)) == 3
        long = server.client.post("/score", json={"urls": urls})
        assert long.status_code == 202 and server.finished(long.json()["url"])["done"] == 4


def test_the_command_serves_and_says_where(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mezzetin", "serve", "--port", "0", "--jobs", str(tmp_path), "--json"]
    with started(command) as process:
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())["address"]
        assert httpx2.get(f"{address}/livez", trust_env=False).json() == {"status": "alive"}
        taken = [*command[:-1], "--port", address.rpartition(":")[2]]
        with started(taken) as second:
            assert "another --port" in second.communicate(timeout=60)[1] and second.returncode == 3
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_the_command_refuses_to_be_open_to_others() -> None:
    with started([sys.executable, "-m", "mezzetin", "serve", "--host", "0.0.0.0", "--port", "0"]) as process:  # noqa: S104
        _, err = process.communicate(timeout=60)
        assert process.returncode == 2 and err.startswith("error: 0.0.0.0 is open to others") and err.count("\n") == 1
