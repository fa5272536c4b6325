"""The application: settings in, a FastAPI application out, with all doors, limits and error answers.

A door adds its router to `ROUTERS`, and what all requests pass through is in `MIDDLEWARE`, outermost first.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from mezzetin import __version__
from mezzetin.captioner import BundleCaptioner, load_captioner
from mezzetin.errors import MezzetinError
from mezzetin.records import Captioner
from mezzetin.serving import health, measurements, score_routes
from mezzetin.serving.azure_vision import v4, v32
from mezzetin.serving.azure_vision.gateway import gateway
from mezzetin.serving.bodies import Bodies
from mezzetin.serving.core import Core
from mezzetin.serving.crowd import Crowd
from mezzetin.serving.desk import Desk
from mezzetin.serving.engine import Engine
from mezzetin.serving.gallery import routes as gallery
from mezzetin.serving.guard import guard
from mezzetin.serving.headers import headers, policies
from mezzetin.serving.iiif import routes as iiif
from mezzetin.serving.jobs import JobRunner
from mezzetin.serving.journal import REQUEST_ID, journal
from mezzetin.serving.openapi import openapi_of
from mezzetin.serving.origins import cors
from mezzetin.serving.page import routes as page
from mezzetin.serving.page.notices import notices
from mezzetin.serving.problems import Problem, problem, refusal
from mezzetin.serving.review import erasing, lots, many
from mezzetin.serving.review import routes as review
from mezzetin.serving.settings import ServeSettings
from mezzetin.serving.signin import routes as signin
from mezzetin.serving.wire import explain

ROUTERS: list[APIRouter] = [
    score_routes.router,
    health.router,
    measurements.router,
    v4.router,
    v32.router,
    page.router,
    signin.router,
]


#: What a server with a collection answers as well.
COLLECTION_ROUTERS: list[APIRouter] = [review.router, many.router, lots.router, erasing.router]
GALLERY_ROUTERS: list[APIRouter] = [*COLLECTION_ROUTERS, gallery.router, iiif.router]


def _bodies(app: ASGIApp, core: Core) -> ASGIApp:
    settings = core.settings
    return Bodies(app, most=settings.body_bytes, together=settings.bodies_bytes, seconds=settings.body_limit)


def _crowd(app: ASGIApp, core: Core) -> ASGIApp:
    return Crowd(app, core.engine)


#: Each makes an ASGI application of one and the server's core. Outermost first: whoever refuses without reading the
#: body stands before the one that counts it.
MIDDLEWARE: list[Callable[[ASGIApp, Core], ASGIApp]] = [
    journal,
    headers,
    cors,
    gateway,
    notices,
    guard,
    _bodies,
    _crowd,
]

#: What Starlette itself refuses.
_CODES = {
    404: ("not_found", "there is nothing at this path: /openapi.json says what there is"),
    405: ("method_not_allowed", "this path does not take this method: /openapi.json says which it takes"),
}


def create_app(
    settings: ServeSettings,
    *,
    captioner: BundleCaptioner | None = None,
    external: Mapping[str, Captioner] | None = None,
) -> FastAPI:
    """Make the application; `captioner` spares loading `settings.model`, `external` are captioners to ask beside it.

    Raises:
        BundleError: there is no such model, or it can't be used.
        InputError: a setting does not fit the model, or there is no such collection.
        FormatError, EnvironmentProblem: the collection can't be opened.

    """
    captioner = captioner or load_captioner(
        settings.model,
        beam=settings.beam,
        alternatives=settings.alternatives,
        threads=settings.threads,
        max_pixels=settings.max_pixels,
    )
    engine = Engine(settings, captioner, external)
    desk = None if settings.collection is None else Desk(settings.collection, settings, captioner)
    core = Core(settings, engine, JobRunner(settings, engine), desk)
    app = FastAPI(
        title="Mezzetin",
        version=__version__,
        summary="Captions for photographs.",
        lifespan=_lifespan,
        middleware=[Middleware(_Layer, make=make, core=core) for make in MIDDLEWARE],
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.core = core
    for router in _routers(settings):
        app.include_router(router)
    _answer_errors(app)
    app.openapi = lambda: openapi_of(app)  # type: ignore[method-assign]
    return app


def _routers(settings: ServeSettings) -> list[APIRouter]:
    if settings.collection is None:
        return ROUTERS
    return ROUTERS + (COLLECTION_ROUTERS if settings.gallery == "off" else GALLERY_ROUTERS)


class _Layer:
    """What `MIDDLEWARE` names, as Starlette wants it."""

    def __init__(self, app: ASGIApp, make: Callable[[ASGIApp, Core], ASGIApp], core: Core) -> None:
        self._app = make(app, core)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    core: Core = app.state.core
    await core.engine.start()
    try:
        core.jobs.start()
        if core.desk is not None:
            core.desk.start()
        yield
    finally:
        # By now every request has had its answer: the server drains before it says so.
        await core.jobs.stop()
        if core.desk is not None:
            await core.desk.stop()
        await core.engine.stop()


def _answer_errors(app: FastAPI) -> None:
    def refused(request: Request, error: HTTPException) -> Response:
        code, words = _CODES.get(error.status_code, ("bad_request", str(error.detail)))
        if isinstance(error, Problem):
            code, words = error.code, str(error.detail)
        return problem(request.url.path, error.status_code, code, words, error.headers)

    def malformed(request: Request, error: RequestValidationError) -> Response:
        return problem(request.url.path, 422, "bad_request", explain(error.errors()))

    def ours(request: Request, error: MezzetinError) -> Response:
        return refusal(request.url.path, error)

    def unforeseen(request: Request, error: Exception) -> Response:
        # This answer is made outside of all middleware, which has added neither.
        further = {**policies(request.scope), REQUEST_ID: request.state.request_id}
        return problem(request.url.path, 500, "internal", "the server failed: its log says more", further)

    handlers: dict[type[Exception], Callable[[Request, Any], Response]] = {
        HTTPException: refused,
        RequestValidationError: malformed,
        MezzetinError: ours,
        Exception: unforeseen,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
