"""The server: an application in, HTTP out, until somebody says stop; then every request gets its answer first."""

from __future__ import annotations

import errno
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from mezzetin.errors import EnvironmentProblem
from mezzetin.serving.core import Core
from mezzetin.serving.settings import ServeSettings

_BACKLOG = 2048
_KEEP_ALIVE = 75


def run_server(app: FastAPI, settings: ServeSettings, started: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; requests that are under way have `settings.drain` seconds to be answered.

    `started` is told the address once it answers.

    Raises:
        EnvironmentProblem: the port is taken, may not be used, or the host is none of this machine's; or the folder
            of the jobs can't be used.

    """
    core: Core = app.state.core
    with _listening(settings) as listener, _quiet_signals():
        # Here its failure is one line; once uvicorn starts the application it would be a trace.
        core.jobs.open()
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="on",
            proxy_headers=settings.behind_proxy or settings.behind_gateway,
            timeout_keep_alive=_KEEP_ALIVE,
            timeout_graceful_shutdown=max(1, round(settings.drain)),
            ssl_certfile=settings.tls_certificate,
            ssl_keyfile=settings.tls_key,
        )
        server = _Server(config, lambda: started(address_of(listener, settings)))
        server.run(sockets=[listener])


class _Server(uvicorn.Server):
    """Tells when it answers."""

    def __init__(self, config: uvicorn.Config, told: Callable[[], None]) -> None:
        super().__init__(config)
        self._told = told

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn."""
        await super().startup(sockets)
        self._told()


def address_of(listener: socket.socket, settings: ServeSettings) -> str:
    """Where the server is reached, with the port that it was given."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    scheme = "https" if settings.tls_certificate is not None else "http"
    return f"{scheme}://{host}:{listener.getsockname()[1]}"


@contextmanager
def _listening(settings: ServeSettings) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        advice = "another program listens there, name another --port" if taken else "choose another --host or --port"
        why = error.strerror or type(error).__name__
        raise EnvironmentProblem(f"{settings.host}:{settings.port} can't be listened on ({why}): {advice}") from error
    with listener:
        yield listener


@contextmanager
def _quiet_signals() -> Iterator[None]:
    """The server drains at SIGTERM and SIGINT, and afterwards raises them again: by then they have been obeyed."""

    def obeyed(number: int, frame: object) -> None:
        return

    before = {number: signal.signal(number, obeyed) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
