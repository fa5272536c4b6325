"""The verb `serve`: options in, a server that runs until it is stopped. Nothing heavy is loaded before it is called."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

_STORE_HOSTS = "MEZZETIN_STORE_HOSTS"


def _unheard(address: str) -> None:
    pass


def serve(model: str | Path | None = None, *, started: Callable[[str], None] = _unheard, **settings: Any) -> None:
    """Serve captions over HTTP until SIGTERM or SIGINT; see `mezzetin.serving.settings` for the `settings`.

    `started` is told the address once it answers. Run it in the main thread of a process of its own.

    Raises:
        InputError: a setting is wrong, or the server would be open to others without keys or in the clear.
        BundleError: there is no such model, or it can't be used.
        MissingExtra: what an external captioner needs is not installed.
        EnvironmentProblem: the port is taken, or the folder of the jobs can't be written.

    """
    from mezzetin.config import parse
    from mezzetin.serving.exposure import check_exposure
    from mezzetin.serving.settings import ServeSettings

    named = None if model is None else str(model)
    chosen = parse(ServeSettings, {"model": named, **settings}, "serve")
    check_exposure(chosen)
    from mezzetin.external import external_captioners
    from mezzetin.serving.app import create_app
    from mezzetin.serving.guard import check_guard
    from mezzetin.serving.logs import log_to
    from mezzetin.serving.server import run_server

    check_guard(chosen)
    log_to(format=chosen.log_format, level=chosen.log_level)

    if chosen.allow_hosts:
        listed = os.environ.get(_STORE_HOSTS, "")
        # This is where the storage looks; the process is the server's own.
        os.environ[_STORE_HOSTS] = ",".join(part for part in (listed, *chosen.allow_hosts) if part)
    with ExitStack() as stack:
        others = external_captioners(chosen.external, chosen.external_settings, budget=chosen.budget)
        for other in others.values():
            stack.enter_context(other)
        run_server(create_app(chosen, external=others), chosen, started)
