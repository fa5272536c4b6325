"""Azure Machine Learning's inference server in an environment of its own, with this package, running on loopback.

Its own command listens on every interface, so gunicorn is started here, with its application. The environment is made
once for the dependencies that pyproject.toml names, below MEZZETIN_TEST_ENVIRONMENTS or ~/.cache/mezzetin-tests.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import socket
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

ROOT = Path(__file__).parents[2]
APPLICATION = "azureml_inference_server_http.server.entry:app"
_INSTALL_S = 500.0
_START_S = 120.0
_STOP_S = 30.0


class NotInstalled(Exception):
    """pip could not make the environment; the text says why."""


def environment() -> Path:
    """The environment's Python, made if need be. Raises NotInstalled."""
    base = os.environ.get("MEZZETIN_TEST_ENVIRONMENTS") or Path.home() / ".cache" / "mezzetin-tests"
    wanted = f"{ROOT}{sys.version}{(ROOT / 'pyproject.toml').read_text(encoding='utf-8').partition('[tool.')[0]}"
    folder = Path(base) / f"inference-server-{hashlib.sha256(wanted.encode()).hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        # Test processes beside this one want it too.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").is_file():
            _make(folder / "venv")
            (folder / "complete").touch()
    return folder / "venv" / "bin" / "python"


def _make(folder: Path) -> None:
    venv.create(folder, clear=True, with_pip=False, symlinks=True)
    install = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "--quiet"]
    packages = ["azureml-inference-server-http", "--editable", f"{ROOT}[azure]"]
    try:
        subprocess.run([*install, *packages], check=True, capture_output=True, text=True, timeout=_INSTALL_S)
    except subprocess.CalledProcessError as error:
        lines = [line for line in error.stderr.splitlines() if line.startswith("ERROR")] or [f"exit {error.returncode}"]
        raise NotInstalled(f"pip can't install azureml-inference-server-http here: {lines[-1]}") from error
    except subprocess.TimeoutExpired as error:
        raise NotInstalled(f"pip took more than {_INSTALL_S:.0f} s for azureml-inference-server-http") from error


@contextmanager
def inference_server(python: Path, log: Path, variables: dict[str, str], *options: str) -> Iterator[httpx2.Client]:
    """Serve the entry script that `variables` name; a client of it. What it says goes into `log`."""
    with socket.create_server(("127.0.0.1", 0)) as listener, log.open("w") as said:
        port = listener.getsockname()[1]
        command = [str(python), "-m", "gunicorn", "-b", f"fd://{listener.fileno()}", "-w", "1", "--threads", "8"]
        process = subprocess.Popen(
            [*command, "--timeout", "300", *options, APPLICATION],
            pass_fds=[listener.fileno()],
            env={**os.environ, **variables},
            stdout=said,
            stderr=said,
            cwd=log.parent,
        )
        try:
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client:
                _wait(process, client, log)
                yield client
        finally:
            process.terminate()
            try:
                process.wait(_STOP_S)
            finally:
                process.kill()
                process.wait()


def _wait(process: subprocess.Popen[bytes], client: httpx2.Client, log: Path) -> None:
    until = time.monotonic() + _START_S
    while True:
        assert process.poll() is None, log.read_text(encoding="utf-8")[-3000:]
        try:
            if client.get("/").status_code == 200:
                return
        except httpx2.TransportError:
            assert time.monotonic() < until, log.read_text(encoding="utf-8")[-3000:]
            time.sleep(0.1)
