"""The door to MLflow: silent, patient for seconds and not minutes, its failures in one line.

Whatever asks MLflow does so inside `asking`. MLflow then neither reports its use to anybody nor needs git; its
warnings and log lines, which speak of its own inside, go nowhere.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from mezzetin.errors import EnvironmentProblem, InputError, StoreRefused, StoreUnreachable
from mezzetin.storage.address import without_secrets
from mezzetin.storage.paths import writing

#: Never the user's choice to make here: captions of a museum are nobody's statistics.
_FORCED = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
#: By MLflow's own defaults a server that is down is asked for minutes.
_DEFAULTS = {
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "60",
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
_FULL = (errno.ENOSPC, errno.EDQUOT)
_EXPERIMENT = "mezzetin"
_GOES_ON = "then run the same command again"


def shown_uri(uri: str) -> str:
    """A registry's URI without the user, password and query that it may carry."""
    if not uri.startswith(("http:", "https:")):
        return uri
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def prepare() -> None:
    """Set what MLflow reads from the environment when it is imported; what the user has set stays."""
    os.environ.update(_FORCED)
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)


@contextmanager
def asking(uri: str) -> Iterator[None]:
    """Let MLflow work inside, quietly, and put its failures into words; `uri` is the registry's.

    Raises:
        InputError: it finds something wrong with what it was asked.
        StoreRefused: it wants other credentials.
        StoreUnreachable: it does not answer.
        EnvironmentProblem: the disk is full, or something else stands in the way.

    """
    prepare()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow.exceptions import MlflowException

        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            yield
        except MlflowException as error:
            raise _told(error, int(cast(Any, error).get_http_status_code()), shown_uri(uri)) from error
        except OSError as error:
            raise _failed(error, shown_uri(uri)) from error


def _told(error: Exception, status: int, uri: str) -> Exception:
    """What MLflow's own exception means."""
    text, causes = str(error), list(_causes(error))
    system = next((cause for cause in causes if isinstance(cause, OSError)), None)
    if "database or disk is full" in text:
        return EnvironmentProblem(f"{uri} can't be written, the disk is full: free some space, {_GOES_ON}")
    if "readonly database" in text or "unable to open database" in text:
        return EnvironmentProblem(f"{uri} can't be opened or written: choose a place that you may write to")
    if "database is locked" in text:
        return StoreUnreachable(f"{uri} is held by another process: wait for it, {_GOES_ON}")
    if status in (401, 403) or re.search(r"error code 40[13]\b", text):
        return StoreRefused(
            f"the registry {uri} lets nobody in without the right name and token: set MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, of somebody who may do this"
        )
    if system is not None or "failed with exception" in text or "too many" in text:
        return _failed(system or OSError(), uri)
    brief = without_secrets(" ".join(text.split()))[:300]
    if 400 <= status < 500:
        return InputError(f"the registry {uri} refuses: {brief}")
    return StoreUnreachable(f"the registry {uri} failed, see its log and ask again later: {brief}")


def _failed(error: OSError, uri: str) -> Exception:
    if error.errno in _FULL:
        return EnvironmentProblem(f"the disk is full: free some space, {_GOES_ON}")
    if error.errno is not None and error.filename is not None:
        return EnvironmentProblem(f"{error.filename}: {error.strerror}: check the path, {_GOES_ON}")
    return StoreUnreachable(
        f"the registry {uri} does not answer: start it, name another with --registry or MEZZETIN_REGISTRY, or name a "
        "bundle's folder in place of its name"
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen = 0
    inner = error.__cause__ or error.__context__
    while inner is not None and seen < 10:
        yield inner
        inner, seen = inner.__cause__ or inner.__context__, seen + 1


@contextmanager
def alone(uri: str) -> Iterator[None]:
    """Let one process at a time work on a registry's file: two that make its tables at once both fail."""
    if not uri.startswith("sqlite:"):
        yield
        return
    file = Path(uri.removeprefix("sqlite:///"))
    with writing(file.parent):
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def experiment_of(client: Any, tracking: str) -> str:
    """The id of the experiment that our runs belong to, made if need be: MLFLOW_EXPERIMENT_NAME or `mezzetin`."""
    # Databricks takes paths of its workspace only.
    usual = f"/Shared/{_EXPERIMENT}" if tracking.startswith("databricks") else _EXPERIMENT
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or usual
    found = client.get_experiment_by_name(name)
    if found is None:
        place = None
        if tracking.startswith("sqlite:"):
            # By default it would be a folder wherever the process happens to stand.
            place = (Path(tracking.removeprefix("sqlite:///")).parent / "artifacts").as_uri()
        with unless_there():
            return str(client.create_experiment(name, artifact_location=place))
        found = client.get_experiment_by_name(name)
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


def pages(search: Callable[..., Any], *asked: Any) -> Iterator[Any]:
    """Everything that a search of MLflow's finds, page after page."""
    token: str | None = None
    while True:
        page = search(*asked, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


@contextmanager
def unless_missing() -> Iterator[None]:
    """Let it pass when MLflow does not have what is asked for."""
    with _unless("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"):
        yield


@contextmanager
def unless_there() -> Iterator[None]:
    """Let it pass when MLflow has already what is to be made."""
    with _unless("RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS"):
        yield


@contextmanager
def _unless(*codes: str) -> Iterator[None]:
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if error.error_code not in codes:
            raise
