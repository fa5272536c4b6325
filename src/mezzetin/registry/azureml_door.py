"""The door to Azure Machine Learning: whose name it is asked in, silence, and failures in one line.

Enters: `azureml://subscriptions/S/resourceGroups/G/workspaces/W` or `azureml://registries/NAME`. Leaves: an `MLClient`
of azure-ai-ml, which is only ever asked inside `asking`: it then reports its use to nobody, and its dots, blank lines
and warnings go nowhere.
"""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any

from mezzetin.errors import EnvironmentProblem, InputError, MissingExtra, StoreRefused, StoreUnreachable
from mezzetin.storage.address import without_secrets

_WORKSPACE = re.compile(
    r"azureml://subscriptions/([\w-]+)/resource[Gg]roups/([\w.()-]+)"
    r"(?:/providers/Microsoft\.MachineLearningServices)?/workspaces/([\w-]+)/?"
)
_REGISTRY = re.compile(r"azureml://registries/([\w-]+)/?")
_GOES_ON = "run the same command again"
_LONGEST = 300
_BUSY = (408, 429, 500, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class Scope:
    """A workspace, or a shared registry: then `registry` is its name and the others are empty."""

    subscription: str = ""
    resource_group: str = ""
    workspace: str = ""
    registry: str = ""

    def __str__(self) -> str:
        if self.registry:
            return f"azureml://registries/{self.registry}"
        return (
            f"azureml://subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"
            f"/workspaces/{self.workspace}"
        )

    @property
    def path(self) -> str:
        """A workspace's id in Azure Resource Manager."""
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{self.workspace}"
        )


def parse_scope(uri: str) -> Scope:
    """Take an azureml:// address of a workspace or a shared registry apart.

    Raises:
        InputError: it is none.

    """
    if found := _WORKSPACE.fullmatch(uri):
        return Scope(*found.groups())
    if found := _REGISTRY.fullmatch(uri):
        return Scope(registry=found[1])
    raise InputError(
        f"{without_secrets(uri)} names no place of Azure Machine Learning: write azureml://registries/NAME or "
        "azureml://subscriptions/S/resourceGroups/G/workspaces/W"
    )


def connect(scope: Scope, credential: Any = None) -> Any:
    """Return azure-ai-ml's client of a workspace or registry, by default as whoever is signed in on this machine.

    Raises:
        MissingExtra: `mezzetin[azureml]` is not installed.
        EnvironmentProblem: a registry's address can't be found out.

    """
    if credential is None:
        from mezzetin.storage.azure.credentials import identity

        credential = identity()[0]
    with asking(str(scope)):
        try:
            from azure.ai.ml import MLClient
        except ImportError as error:
            raise MissingExtra("azureml", "Azure Machine Learning") from error
        named = (
            {"registry_name": scope.registry}
            if scope.registry
            else {
                "subscription_id": scope.subscription,
                "resource_group_name": scope.resource_group,
                "workspace_name": scope.workspace,
            }
        )
        return MLClient(credential, **named, enable_telemetry=False, show_progress=False)


@contextmanager
def quiet() -> Iterator[None]:
    """Let nothing that is said inside reach the terminal: azure-ai-ml prints dots, blank lines and warnings."""
    known = [found for name, found in logging.Logger.manager.loggerDict.items() if name.startswith("azure.ai.ml")]
    loud = [logger for logger in known if isinstance(logger, logging.Logger) and not logger.disabled]
    nowhere = io.StringIO()
    with warnings.catch_warnings(), redirect_stdout(nowhere), redirect_stderr(nowhere):
        warnings.simplefilter("ignore")
        for logger in loud:
            logger.disabled = True
        try:
            yield
        finally:
            for logger in loud:
                logger.disabled = False


@contextmanager
def asking(place: str) -> Iterator[None]:
    """Let azure-ai-ml work inside, quietly, and put its failures into words; `place` is whom it asks.

    Raises:
        MissingExtra: `mezzetin[azureml]` is not installed.
        StoreRefused: nobody is signed in, or who is may not do that.
        StoreUnreachable: Azure does not answer, however often it is asked.
        EnvironmentProblem: Azure refuses for another reason.

    """
    try:
        from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError
    except ImportError as error:
        raise MissingExtra("azureml", "Azure Machine Learning") from error
    try:
        with quiet():
            yield
    except ClientAuthenticationError as error:
        raise StoreRefused(f"{place} does not know who asks: run mezzetin login or az login, then again") from error
    except HttpResponseError as error:
        raise _refused(place, error) from error
    except AzureError as error:
        if type(error).__module__.startswith("azure.ai.ml"):
            # What it wraps itself is often the answer of a store, with a status.
            cause = error.__cause__
            if isinstance(cause, HttpResponseError):
                raise _refused(place, cause) from error
            raise EnvironmentProblem(f"{place}: {_line(error)}") from error
        raise StoreUnreachable(f"{place} does not answer: check the network, then {_GOES_ON}") from error


@contextmanager
def unless_missing() -> Iterator[None]:
    """Go on behind the block where what it asks for does not exist."""
    from azure.core.exceptions import HttpResponseError

    try:
        yield
    except HttpResponseError as error:
        if error.status_code != 404:
            raise


def _refused(place: str, error: Any) -> EnvironmentProblem:
    if error.status_code in (401, 403):
        return StoreRefused(
            f"{place} refuses: whoever is signed in needs the role AzureML Data Scientist there ({_line(error)})"
        )
    if error.status_code in _BUSY:
        return StoreUnreachable(f"{place} is overloaded or out of order ({error.status_code}): {_GOES_ON}")
    return EnvironmentProblem(f"{place} refuses: {_line(error)}")


def _line(error: Any) -> str:
    """What Azure says in one line, without anything that looks like a signature."""
    inner = getattr(error, "error", None)
    said = str(getattr(inner, "message", None) or getattr(error, "message", None) or error)
    text = " ".join(without_secrets(said).split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
