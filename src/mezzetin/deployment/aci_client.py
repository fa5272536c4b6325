"""Container groups of one resource group, through Azure's SDK: JSON in, JSON out, failures in one line."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mezzetin.deployment.aci_settings import AciSettings
from mezzetin.deployment.smoke import is_this_machine
from mezzetin.errors import EnvironmentProblem, InputError, MezzetinError, MissingExtra, StoreRefused, StoreUnreachable

_TAIL = 30
_NO_GROUP = ("ResourceGroupNotFound", "ParentResourceNotFound")


class Groups:
    """What Azure has of container groups; `tell` hears how long a change takes, in seconds."""

    #: Between looks at a change that takes long, unless Azure names a time; and how often a conflict is waited for.
    interval = 5.0
    patience = 60

    def __init__(self, settings: AciSettings, credential: Any, tell: Callable[[int], None]) -> None:
        try:
            from azure.mgmt.containerinstance import ContainerInstanceManagementClient
        except ImportError as error:
            raise MissingExtra("azure", "target aci") from error
        self._group, self._tell = settings.resource_group, tell
        # A Resource Manager on this machine is a test's: it has no certificate.
        self._plain: dict[str, Any] = {"enforce_https": False} if is_this_machine(settings.endpoint) else {}
        self._client = ContainerInstanceManagementClient(
            credential,
            settings.subscription,
            base_url=settings.endpoint,
            credential_scopes=[f"{settings.endpoint.rstrip('/')}/.default"],
            polling_interval=self.interval,
        )

    def get(self, name: str) -> dict[str, Any] | None:
        """A group as Azure tells it; None where there is none."""
        try:
            with told(f"container group {name}"):
                found = self._client.container_groups.get(self._group, name, **self._plain)
        except _Missing:
            return None
        return dict(found.serialize(keep_readonly=True))

    def list(self) -> list[dict[str, Any]]:
        """All groups, ours or not."""
        with told(f"resource group {self._group}"):
            found = self._client.container_groups.list_by_resource_group(self._group, **self._plain)
            return [dict(group.serialize(keep_readonly=True)) for group in found]

    def put(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Make or change a group, and wait until Azure calls it provisioned."""
        from azure.mgmt.containerinstance.models import ContainerGroup

        model = ContainerGroup.deserialize(dict(body))
        begin: Any = self._client.container_groups.begin_create_or_update
        options = {**self._plain, "polling_interval": self.interval}
        made = self._settled(name, lambda: begin(self._group, name, model, **options))
        return dict(made.serialize(keep_readonly=True))

    def delete(self, name: str) -> None:
        """Remove a group and wait until it is gone; one that is not there is no error."""
        begin = self._client.container_groups.begin_delete
        options = {**self._plain, "polling_interval": self.interval}
        try:
            self._settled(name, lambda: begin(self._group, name, **options))
        except _Missing:
            return

    def log(self, name: str, container: str) -> str:
        """The last lines that a container said; empty where Azure has none."""
        try:
            with told(f"container group {name}"):
                found = self._client.containers.list_logs(self._group, name, container, tail=_TAIL, **self._plain)
        except EnvironmentProblem:
            return ""
        return str(found.content or "")

    def _settled(self, name: str, begin: Callable[[], Any]) -> Any:
        """The result of a change that takes long; one that is in the way of another is tried again."""
        for attempt in range(self.patience):
            began = time.monotonic()
            try:
                with told(f"container group {name}"):
                    poller = begin()
                    while not poller.done():
                        poller.wait(self.interval)
                        self._tell(int(time.monotonic() - began))
                    return poller.result()
            except _Busy:
                if attempt == self.patience - 1:
                    raise
                time.sleep(self.interval)
        return None


class _Missing(EnvironmentProblem):
    """404."""


class _Busy(EnvironmentProblem):
    """409: something else is being done to it."""


@contextmanager
def told(what: str) -> Iterator[None]:
    """Turn what Azure's SDK raises into one line.

    Raises:
        InputError: there is no such resource group.
        StoreRefused: nobody is signed in, or whoever is may not do this.
        StoreUnreachable: Azure does not answer.
        EnvironmentProblem: Azure refuses for another reason, which the line repeats.

    """
    from azure.core.exceptions import (
        AzureError,
        ClientAuthenticationError,
        HttpResponseError,
        ServiceRequestError,
        ServiceResponseError,
    )

    try:
        yield
    except ClientAuthenticationError as error:
        raise StoreRefused(f"{what}: Azure does not know you: sign in with mezzetin login or az login") from error
    except HttpResponseError as error:
        raise _refused(what, error) from error
    except (ServiceRequestError, ServiceResponseError) as error:
        raise StoreUnreachable(f"{what}: Azure does not answer: check the network and run it again") from error
    except AzureError as error:
        raise EnvironmentProblem(f"{what}: {_line(str(error))}") from error


def _refused(what: str, error: Any) -> MezzetinError:
    code = getattr(error.error, "code", None) or error.status_code or "failed"
    said = f"{what}: {code}: {_line(getattr(error.error, 'message', None) or error.message or '')}"
    if error.status_code == 403:
        return StoreRefused(f"{said}; ask for the role Contributor on the resource group")
    if code in _NO_GROUP:
        return InputError(f"{what}: there is no such resource group: az group create -n NAME -l REGION makes it")
    if error.status_code == 404:
        return _Missing(said)
    if error.status_code == 409:
        return _Busy(said)
    return EnvironmentProblem(said)


def _line(text: str) -> str:
    return " ".join(text.split())[:400]
