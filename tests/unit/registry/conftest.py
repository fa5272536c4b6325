"""Real registries: a file of SQLite, and an `mlflow server` in a process of its own; bundles that differ a little."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from mezzetin.bundle import Bundle, bundled_captioner, reseal
from mezzetin.registry.base import Registry
from mezzetin.registry.opening import open_registry

if find_spec("mlflow") is None:
    # Not imported here: MLflow reads what keeps it silent when it is imported.
    pytest.skip("mlflow is not installed", allow_module_level=True)

Variant = Callable[..., Bundle]
Serve = Callable[..., Any]


@pytest.fixture(scope="session")
def variant(tmp_path_factory: pytest.TempPathFactory) -> Variant:
    """Make a bundle that is the bundled captioner with another version or another decoding."""

    def make(version: str, **decoding: Any) -> Bundle:
        source, folder = bundled_captioner(), tmp_path_factory.mktemp("variant") / "bundle"
        shutil.copytree(source.folder, folder)
        manifest = {**source.manifest, "model_version": version}
        manifest["decoding"] = {**manifest["decoding"], **decoding}
        return reseal(folder, manifest)

    return make


@pytest.fixture(scope="session")
def file_registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return open_registry(str(tmp_path_factory.mktemp("registry") / "kept here"))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an MLflow server that keeps everything in a folder."""
    folder = tmp_path_factory.mktemp("server")
    with mlflow_server(folder) as (address, _):
        yield address


@pytest.fixture(params=["file", "server"])
def registry(request: pytest.FixtureRequest) -> Registry:
    if request.param == "file":
        found: Registry = request.getfixturevalue("file_registry")
        return found
    return open_registry(request.getfixturevalue("server"))


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, and no registry of the user's."""
    for name in ("MEZZETIN_REGISTRY", "MLFLOW_REGISTRY_URI", "MLFLOW_TRACKING_URI", "MEZZETIN_TRACKING"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("MEZZETIN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@contextmanager
def mlflow_server(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """An MLflow server over `folder`, and its process, whose group is its own."""
    stored, port = folder / "artifacts", free_port()
    options = ["--backend-store-uri", f"sqlite:///{folder / 'server.db'}", "--artifacts-destination", str(stored)]
    with process("mlflow", "server", *options, "--workers", "1", port=port, ping="health") as started:
        yield f"http://127.0.0.1:{port}", started


@contextmanager
def process(*arguments: str, port: int, ping: str, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server of MLflow's on a port of this machine, once it answers `ping`."""
    command = [sys.executable, "-m", *arguments, "--host", "127.0.0.1", "--port", str(port)]
    environment = {
        **os.environ,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # Half a dozen processes beside it that wait for jobs which nobody has.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        **variables,
    }
    started = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        _wait(f"http://127.0.0.1:{port}/{ping}", started)
        yield started
    finally:
        stop(started)


def stop(started: subprocess.Popen[bytes]) -> None:
    """Kill a server with all its workers."""
    if started.poll() is None:
        os.killpg(started.pid, signal.SIGKILL)
    started.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(url: str, started: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and started.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310  # our own
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"{url} does not answer")


@pytest.fixture
def refusing() -> Iterator[Callable[[int], str]]:
    """Start a server that answers everything with one status; returns its address."""
    servers: list[ThreadingHTTPServer] = []

    def start(status: int) -> str:
        class Refusal(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Refusal))
        Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
