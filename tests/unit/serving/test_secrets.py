"""A real server, fed with secrets at every door and made to talk as much as it can: none of them comes out anywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from mezzetin.serving.keys import add_key

SIGNATURE = "pLaNtEdSiGnAtUrE0123456789abcdefghijklmnop="
BEARER = "pLaNtEdBeArEr-0123456789-abcdefghijklmnop"
GUESSED = "pLaNtEdKeY-0123456789-abcdefghijklmnopqrs"
QUERY = "pLaNtEdQuErY0123456789"
OF_OPERATOR = "pLaNtEd-of-the-operator"
V4, V32 = "/computervision/imageanalysis:analyze", "/vision/v3.2/describe"


class Store:
    """What answers as a site and as a store that refuses, and says all that it was asked."""

    def __init__(self) -> None:
        self.picture = b""
        self.asked: list[str] = []
        store = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                store.asked.append(self.path)
                good = self.path.startswith("/good")
                said = f"<Error><Code>AuthenticationFailed</Code><Message>{self.path}</Message></Error>".encode()
                body = store.picture if good else said
                self.send_response(200 if good else 403)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Set-Cookie", f"session={QUERY}")
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_HEAD = do_GET

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"


@pytest.fixture
def store(photograph: Any) -> Iterator[Store]:
    found = Store()
    found.picture = photograph()
    thread = threading.Thread(target=found.server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


@dataclass
class Seen:
    """What came out, from wherever."""

    answers: list[str] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)

    def note(self, answer: httpx2.Response) -> httpx2.Response:
        self.answers.append(f"{answer.status_code} {answer.headers} {answer.text}")
        self.statuses.add(answer.status_code)
        return answer


def command(bundle: Path, folder: Path, store: Store) -> tuple[list[str], dict[str, str]]:
    words = ["serve", "--model", str(bundle), "--port", "0", "--keys", str(folder / "keys.json"), "--json"]
    words += ["--jobs", str(folder / "jobs"), "--decoders", "1", "--log-level", "debug", "--deadline", "20"]
    words += ["--allow-host", f"127.0.0.1:{store.port}"]
    environment = {
        **os.environ,
        "MEZZETIN_FETCH_NETWORKS": "127.0.0.0/8",
        "MEZZETIN_FETCH_PORTS": str(store.port),
        "AZURE_VISION_KEY": OF_OPERATOR,
        "OMP_NUM_THREADS": "1",
    }
    return [sys.executable, "-m", "mezzetin", *words], environment


def address_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "the server did not start"
    return str(json.loads(line)["address"])


def ask_everything(client: httpx2.Client, store: Store, seen: Seen, key: str) -> None:
    """Each door, well and badly asked, with a secret wherever one fits."""
    signed = f"?sv=2024-11-04&sp=r&sig={quote(SIGNATURE)}"
    good, bad = f"{store.url}/good.jpg{signed}", f"{store.url}/devstoreaccount1/box/bad.jpg{signed}"
    folder = f"{store.url}/devstoreaccount1/box/pictures{signed}"
    elsewhere = f"https://robin:{QUERY}@unknown.invalid/x.jpg{signed}"
    known = {"X-Api-Key": key}
    everywhere = {"token": QUERY, "sig": SIGNATURE}
    for body in (
        {"urls": [good, bad, elsewhere, f"file:///etc/{QUERY}?sig={SIGNATURE}"]},
        {"sas_uri": folder},
        {"sas_uri": f"not a uri sig={SIGNATURE}"},
        {"images": [{"id": "x", "base64": QUERY + "!"}]},
        {"urls": [good, bad], "as_job": True},
        {"sas_uri": folder, "as_job": True},
    ):
        answer = seen.note(client.post("/score", json=body, headers=known, params=everywhere))
        if answer.status_code == 202:
            follow(client, seen, answer.json()["url"], known)
    for path, name in ((V4, "url"), (V32, "url")):
        for url in (good, bad, elsewhere):
            shown = {"Ocp-Apim-Subscription-Key": key}
            asked = {"features": "caption", "api-version": "2024-02-01"} if path == V4 else {}
            seen.note(client.post(path, json={name: url}, headers=shown, params=asked))
    for path in ("/score", V4, V32, "/metrics", "/nowhere", "/openapi.json", "/jobs/" + "0" * 32):
        for shown in (
            {"Authorization": f"Bearer {BEARER}"},
            {"X-Api-Key": GUESSED},
            {"Ocp-Apim-Subscription-Key": GUESSED, "Cookie": f"a={QUERY}"},
            {},
        ):
            seen.note(client.post(path, content=b"{}", headers=shown, params=everywhere))
        seen.note(client.get(path, headers=known, params=everywhere))
    seen.note(client.post("/score", content=b"{" + SIGNATURE.encode(), headers={**known, "Content-Type": "text/json"}))


def follow(client: httpx2.Client, seen: Seen, url: str, known: dict[str, str]) -> None:
    until = time.monotonic() + 60
    while seen.note(client.get(url, headers=known)).json()["state"] not in ("done", "failed"):
        assert time.monotonic() < until
        time.sleep(0.05)
    seen.note(client.get(f"{url}/results", headers=known))


def test_no_secret_comes_out(bundle_path: Path, tmp_path: Path, store: Store) -> None:
    key = add_key("archive", tmp_path / "keys.json")
    words, environment = command(bundle_path, tmp_path, store)
    log, seen = tmp_path / "log", Seen()
    with log.open("w") as errors:
        process = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        with httpx2.Client(base_url=address_of(process), timeout=60) as client:
            ask_everything(client, store, seen, key)
    finally:
        process.terminate()
        said, _ = process.communicate(timeout=60)
    assert {200, 202, 400, 401} <= seen.statuses and 500 not in seen.statuses
    # The secrets did arrive, or their absence would mean nothing.
    assert any(quote(SIGNATURE) in path for path in store.asked)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {"mezzetin.serving.requests", "urllib3.connectionpool"} <= {line["logger"] for line in lines}
    everything = {"log": log.read_text(), "stdout": said, **{f"answer {n}": a for n, a in enumerate(seen.answers)}}
    for path in (tmp_path / "jobs").rglob("*"):
        if path.is_file():
            everything[str(path)] = path.read_text()
    assert any(name.endswith("results.jsonl") for name in everything)
    planted = [SIGNATURE, quote(SIGNATURE), SIGNATURE[:-1], BEARER, GUESSED, OF_OPERATOR, key, key[16:]]
    found = {(name, secret) for name, text in everything.items() for secret in planted if secret in text}
    assert found == set()
    assert QUERY not in everything["log"]
