"""The core of a running server, as routes and middleware reach it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from starlette.requests import HTTPConnection

from mezzetin.serving.engine import Engine
from mezzetin.serving.jobs import JobRunner
from mezzetin.serving.settings import ServeSettings


@dataclass(frozen=True, slots=True)
class Core:
    """What all doors of one server share."""

    settings: ServeSettings
    engine: Engine
    jobs: JobRunner


def core_of(connection: HTTPConnection) -> Core:
    """The core that a request belongs to."""
    return cast("Core", connection.app.state.core)


def principal_of(connection: HTTPConnection) -> str | None:
    """Who asks: the id of the key that the authentication middleware found in the request; None without one."""
    return cast("str | None", getattr(connection.state, "principal", None))
