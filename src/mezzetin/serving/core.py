"""The core of a running server, as routes and middleware reach it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from starlette.requests import HTTPConnection

from mezzetin.serving.desk import Desk
from mezzetin.serving.engine import Engine
from mezzetin.serving.jobs import JobRunner
from mezzetin.serving.problems import Problem
from mezzetin.serving.settings import ServeSettings


@dataclass(frozen=True, slots=True)
class Core:
    """What all doors of one server share."""

    settings: ServeSettings
    engine: Engine
    jobs: JobRunner
    desk: Desk | None = None
    """Where a collection is reviewed; None where the server has none."""


def core_of(connection: HTTPConnection) -> Core:
    """The core that a request belongs to."""
    return cast("Core", connection.app.state.core)


def desk_of(connection: HTTPConnection) -> Desk:
    """The desk of a server that has a collection.

    Raises:
        Problem: 404, this one has none.

    """
    desk = core_of(connection).desk
    if desk is None:
        raise Problem(404, "no_collection", "this server has no collection: start it with --collection FILE")
    return desk


def principal_of(connection: HTTPConnection) -> str | None:
    """Who asks: the id of the key that the authentication middleware found in the request; None without one."""
    return cast("str | None", getattr(connection.state, "principal", None))
