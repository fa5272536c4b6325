"""How target `local` starts its server: settings and a model in, a command line and an address out."""

from __future__ import annotations

import shlex
import socket
import ssl
import sys
from pathlib import Path

from pydantic import Field

import mezzetin
from mezzetin.bundle import Bundle
from mezzetin.config import Settings
from mezzetin.deployment.base import Wanted
from mezzetin.deployment.process import Launch
from mezzetin.errors import EnvironmentProblem

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what is compared, not listened on
_READY_S = 5.0


class LocalSettings(Settings):
    """How the server listens, as `mezzetin serve` takes it; `wait` and `drain` are in seconds.

    `port` 0 is one that is free, kept from then on. `keys` is a file of `mezzetin keys add`. `external` names
    captioners to ask beside the model, `external_settings` is the file of their settings.
    """

    host: str = "127.0.0.1"
    port: int = Field(0, ge=0, le=65535)
    keys: Path | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    behind_proxy: bool = False
    beam: int | None = Field(None, ge=1, le=50)
    queue: int | None = Field(None, ge=1)
    deadline: float | None = Field(None, gt=0)
    decoders: int | None = Field(None, ge=1, le=64)
    external: tuple[str, ...] = ()
    external_settings: Path | None = None
    budget: float | None = Field(None, ge=0)
    wait: float = Field(120.0, gt=0)
    drain: float = Field(45.0, gt=0)


def model_folder(folder: Path, bundle: Bundle) -> Path:
    """Where a deployment keeps its copy of a model."""
    return folder / "bundles" / bundle.digest[:16]


def launch_of(wanted: Wanted, chosen: LocalSettings, folder: Path, port: int) -> Launch:
    """The server that is wanted on a port, its files in the deployment's folder."""
    keys, certificate, private, others = (
        None if path is None else str(path.absolute())
        for path in (chosen.keys, chosen.tls_certificate, chosen.tls_key, chosen.external_settings)
    )
    options = {
        "--model": model_folder(folder, wanted.bundle),
        "--host": chosen.host,
        "--keys": keys,
        "--tls-certificate": certificate,
        "--tls-key": private,
        "--external-settings": others,
        **{f"--{name}": getattr(chosen, name) for name in ("beam", "queue", "deadline", "decoders", "budget")},
    }
    told = [part for name, value in options.items() if value is not None for part in (name, str(value))]
    told += [part for name in chosen.external for part in ("--with", name)]
    made = Launch(
        model=wanted.model,
        digest=wanted.bundle.digest,
        scheme="http" if certificate is None else "https",
        host=chosen.host,
        port=port,
        keys=keys,
        certificate=certificate,
        package=mezzetin.__version__,
        options=(*told, *(["--behind-proxy"] if chosen.behind_proxy else [])),
        command=(),
    )
    return moved(made, port, folder)


def moved(launch: Launch, port: int, folder: Path) -> Launch:
    """The same server on another port, its jobs in another folder."""
    begin = (sys.executable, "-m", "mezzetin", "serve", "--log-format", "plain")
    where = ("--port", str(port), "--jobs", str(folder / "jobs"))
    return launch.model_copy(update={"port": port, "command": (*begin, *launch.options, *where)})


def command_line(launch: Launch) -> str:
    """The server's command line, as a shell takes it."""
    return shlex.join(launch.command)


def _at(launch: Launch, host: str) -> str:
    return f"{launch.scheme}://{f'[{host}]' if ':' in host else host}:{launch.port}"


def url_of(launch: Launch) -> str:
    """Where others reach it."""
    return _at(launch, socket.gethostname() if launch.host in _EVERYWHERE else launch.host)


def reached_at(launch: Launch) -> str:
    """Where this machine reaches it."""
    return _at(launch, _EVERYWHERE.get(launch.host, launch.host))


def trust(launch: Launch) -> ssl.SSLContext | None:
    """Its own certificate and no other: this machine asks by an address that the certificate need not name."""
    if launch.certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(launch.certificate)
    return context


def is_ready(launch: Launch) -> bool:
    """Say whether its model answers."""
    import httpx2

    try:
        answer = httpx2.get(
            f"{reached_at(launch)}/readyz", verify=trust(launch) or True, timeout=_READY_S, trust_env=False
        )
    except httpx2.HTTPError:
        return False
    return answer.status_code == 200


def check_port(launch: Launch) -> None:
    """Let a port pass that a server can listen on. Raises EnvironmentProblem where another program does."""
    family = socket.AF_INET6 if ":" in launch.host else socket.AF_INET
    try:
        socket.create_server((launch.host, launch.port), family=family).close()
    except OSError as error:
        raise EnvironmentProblem(
            f"{launch.host}:{launch.port} can't be listened on ({error.strerror}): choose another with --set port=PORT"
        ) from error


def free_port(host: str) -> int:
    """A port that nobody listens on. Raises EnvironmentProblem where `host` is none of this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.create_server((host, 0), family=family) as found:
            return int(found.getsockname()[1])
    except OSError as error:
        raise EnvironmentProblem(f"{host} can't be listened on ({error.strerror}): choose another host") from error
