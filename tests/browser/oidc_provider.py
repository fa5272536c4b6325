"""A real OpenID Connect provider on this machine (npm's oidc-provider, certified), for as long as a block lasts.

Enters: where it sends people back to. Leaves: an issuer that a browser and a server can talk to.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CLIENT_ID, SECRET = "mezzetin", "a secret with : and % in it"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def providing(port: int, address: str, *, in_token: bool = False, kind: str = "RSA") -> Iterator[None]:
    """Run the provider for a server at `address`; each start has a signing key of its own."""
    if not (HERE / "node_modules/oidc-provider/package.json").is_file() or shutil.which("node") is None:
        pytest.skip("oidc-provider is absent: run npm install in tests/browser")
    options = {"port": port, "redirect": f"{address}/sign-in/oidc/return", "secret": SECRET}
    command = ["node", "provider.mjs", json.dumps({**options, "inToken": in_token, "kind": kind})]
    with subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            assert any(line.strip() == "listening" for line in process.stdout)
            yield
        finally:
            process.kill()
