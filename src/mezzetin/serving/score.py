"""Door 3: `init()` and `run()`, as Azure Machine Learning's inference server starts them in one process.

Enters: a deployment's environment, then door 1's JSON, a body a call, from many threads at once. Leaves: door 1's
JSON. All calls share one engine on an event loop of its own, so that what is asked together is captioned together.

- The model is the bundle in the folder AZUREML_MODEL_DIR, at any depth, otherwise MEZZETIN_MODEL, otherwise the bundled
  captioner.
- MEZZETIN_SCORE_DEADLINE, MEZZETIN_SCORE_MOST_PICTURES and so on set what `ServeSettings` calls `deadline` and
  `most_pictures`.
- MEZZETIN_WITH names external captioners to ask too, with commas; MEZZETIN_EXTERNAL is the file of their settings,
  MEZZETIN_SCORE_BUDGET what they may cost, MEZZETIN_RESTRICTED patterns of names that are not sent to them.

There are no jobs here, and no keys: the endpoint that Azure puts before the server checks who asks.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import os
from collections.abc import Coroutine, Mapping
from concurrent.futures import Future
from importlib import import_module
from pathlib import Path
from threading import Lock, Thread
from typing import Any, TypeVar

from starlette.responses import Response

from mezzetin.captioner import load_captioner
from mezzetin.config import parse
from mezzetin.errors import BundleError, InputError, MezzetinError
from mezzetin.external import external_captioners
from mezzetin.serving.engine import Engine
from mezzetin.serving.problems import Problem, problem, refusal
from mezzetin.serving.score_request import Wanted, wanted_of
from mezzetin.serving.scoring import score_pictures
from mezzetin.serving.settings import ServeSettings
from mezzetin.serving.sources import name_of
from mezzetin.serving.wire import ScoreAnswer, parse_score

T = TypeVar("T")
_PATH = "/score"
_MANIFEST = "bundle.json"
PREFIX = "MEZZETIN_SCORE_"
#: The settings that mean something without a server of our own.
FIELDS = (
    "beam",
    "alternatives",
    "batch",
    "threads",
    "queue",
    "deadline",
    "decoders",
    "decode_limit",
    "decode_memory",
    "max_pixels",
    "most_pictures",
    "picture_bytes",
    "body_bytes",
    "fetches",
    "external_limit",
    "budget",
)
#: Where the server's class of answers with a status lives; the older name is that of older images of Azure's.
_RESPONSES = ("azureml_inference_server_http.api.aml_response", "azureml.contrib.services.aml_response")
_STOP_S = 30.0


class Endpoint:
    """An engine on an event loop in a thread, asked by any other thread.

    Raises:
        BundleError: there is no such model, or it can't be used.
        InputError: a setting is wrong.
        EnvironmentProblem: a process can't be started.

    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.settings = settings_of(environment)
        settings = self.settings
        captioner = load_captioner(
            settings.model,
            beam=settings.beam,
            alternatives=settings.alternatives,
            threads=settings.threads,
            max_pixels=settings.max_pixels,
        )
        self.engine = Engine(settings, captioner, external_captioners(settings.external, budget=settings.budget))
        self.process = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="mezzetin-score", daemon=True)
        self._thread.start()
        self._begin(self.engine.start()).result()

    def answer(self, body: bytes) -> ScoreAnswer:
        """Answer one request's JSON; blocks until its pictures are done.

        Raises:
            MezzetinError: what was asked for can't be done, the queue is full, or a store does not answer.
            Problem: the body is not of its form or asks for too much, or the time was up.

        """
        if len(body) > self.settings.body_bytes:
            raise Problem(413, "body_too_large", f"send {self.settings.body_bytes:,} bytes at most")
        try:
            wanted = wanted_of(parse_score(body), self.settings)
        except InputError as error:
            raise Problem(422, "bad_request", str(error)) from error
        if wanted.as_job:
            raise Problem(422, "bad_request", "there are no jobs here: leave as_job out, or ask a `mezzetin serve`")
        return self._begin(self._score(wanted)).result()

    def close(self) -> None:
        """End the processes and threads; who is still waiting is left waiting."""
        if self.process == os.getpid() and self._loop.is_running():
            self._begin(self.engine.stop()).result(_STOP_S)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_STOP_S)
            self._loop.close()

    def _begin(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _score(self, wanted: Wanted) -> ScoreAnswer:
        most = self.settings.most_pictures
        names, sources = wanted.names, wanted.sources
        if wanted.sas_uri is not None:
            sources = await self.engine.folder(wanted.sas_uri, most + 1)
            names = [name_of(place) for place in sources]
        if len(sources) > most:
            raise Problem(
                413,
                "too_many_pictures",
                f"one answer holds {most} pictures at most: send fewer, or ask a `mezzetin serve`, which makes a job",
            )
        return await score_pictures(self.engine, wanted, names, sources)


_starting = Lock()
#: The last one is this process's. One that a fork has inherited is left alone: its threads are not here to end it.
_endpoints: list[Endpoint] = []


def init() -> None:
    """Load the model and start; the server calls it once, before it takes requests.

    Raises:
        BundleError: there is no such model, or it can't be used.
        InputError: a setting is wrong.
        EnvironmentProblem: a process can't be started.

    """
    endpoint()


def run(raw_data: str | bytes) -> Any:
    """Answer one request: its body in, the server's own response out, with a status; without that server, a dict."""
    try:
        body = raw_data.encode() if isinstance(raw_data, str) else raw_data
        answer = endpoint().answer(body).model_dump_json()
        return _given(Response(answer, media_type="application/json"))
    except Problem as error:
        return _given(problem(_PATH, error.status_code, error.code, str(error.detail), error.headers))
    except MezzetinError as error:
        return _given(refusal(_PATH, error))


def endpoint() -> Endpoint:
    """The endpoint of this process, started if need be: a server may load first and fork afterwards.

    Raises:
        BundleError: there is no such model, or it can't be used.
        InputError: a setting is wrong.
        EnvironmentProblem: a process can't be started.

    """
    with _starting:
        if not _endpoints or _endpoints[-1].process != os.getpid():
            _endpoints.append(Endpoint(os.environ))
            atexit.register(_endpoints[-1].close)
        return _endpoints[-1]


def settings_of(environment: Mapping[str, str]) -> ServeSettings:
    """What a deployment's variables say.

    Raises:
        BundleError: the folder of the model holds no bundle, or several.
        InputError: a value is out of range.

    """
    named = {field: environment.get(f"{PREFIX}{field.upper()}") for field in FIELDS}
    given = {field: value for field, value in named.items() if value}
    lists = {"external": "MEZZETIN_WITH", "restricted": "MEZZETIN_RESTRICTED"}
    listed = {field: _listed(environment.get(variable, "")) for field, variable in lists.items()}
    return parse(ServeSettings, {"model": model_of(environment), **given, **listed}, "environment")


def model_of(environment: Mapping[str, str]) -> str | None:
    """The model that a deployment's variables name; None for the bundled captioner.

    Raises:
        BundleError: the folder of the model holds no bundle, or several.

    """
    named = environment.get("MEZZETIN_MODEL") or None
    folder = Path(environment.get("AZUREML_MODEL_DIR") or os.devnull)
    found = sorted(path.parent for path in folder.rglob(_MANIFEST)) if folder.is_dir() else []
    if len(found) > 1:
        raise BundleError(f"{folder} holds {len(found)} bundles: give the deployment a model with one")
    if found:
        return str(found[0])
    if named is None and folder.is_dir() and any(folder.iterdir()):
        raise BundleError(f"{folder} holds no bundle: register what `mezzetin train` made, with its {_MANIFEST}")
    return named


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _given(response: Response) -> Any:
    """An answer of ours as the server that called us understands it."""
    body = bytes(response.body)
    for name in _RESPONSES:
        try:
            make = import_module(name).AMLResponse
        except ModuleNotFoundError:
            continue
        # It replaces its own content type by one of exactly this spelling.
        headers = {key.title(): value for key, value in response.headers.items() if key != "content-length"}
        return make(body, response.status_code, headers)
    return json.loads(body)
