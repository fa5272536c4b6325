"""How deltalake reaches a place: the URI and options that it wants, with the credentials that `Place` uses.

Enters: a place. Leaves: a URI and storage options, and an environment that does not contradict them.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import quote, urlsplit

from mezzetin.errors import InputError
from mezzetin.storage.azure.credentials import SCOPE, Access, access, account_name
from mezzetin.storage.paths import Place

_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_EMULATOR, _EMULATOR_URL = "devstoreaccount1", "AZURITE_BLOB_STORAGE_URL"
# deltalake prefers a key of the environment to the SAS or token that it is given.
_KEYS = ("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY", "AZURE_STORAGE_MASTER_KEY")
_ENVIRONMENT = threading.RLock()


def delta_options(place: Place) -> tuple[str, dict[str, str]]:
    """Return the URI and the storage options by which deltalake reaches `place`, with the credentials `Place` uses.

    An Entra token is good for about an hour. For an emulator AZURITE_BLOB_STORAGE_URL is set in the environment,
    because deltalake takes its address from nowhere else.

    Raises:
        InputError: no Delta table can be there, or the address came with somebody's request.
        MissingExtra: `mezzetin[azure]` is needed.

    """
    address = place.address
    if _ESCAPE.search(address.path):
        raise InputError(f"{place}: deltalake unescapes the % in this name: give the table one without")
    if address.kind == "local":
        path = place.local_path()
        # Databricks' mounts know no hard links, by which deltalake otherwise keeps two writers apart.
        mounted = path.parts[1:2] in (("Volumes",), ("dbfs",))
        return str(path), {"allow_unsafe_rename": "true"} if mounted else {}
    inside = "/".join(quote(part, safe="/") for part in (address.container, address.path) if part)
    if address.kind == "filesystem" and address.endpoint in ("s3", "gs"):
        return f"{address.endpoint}://{inside}", {}
    if address.kind != "azure":
        raise InputError(f"{place}: Delta tables are read from a path, Azure Blob, s3:// and gs://: use one of these")
    if address.stranger:
        # With a key in the environment deltalake would read it in the operator's name.
        raise InputError(f"{place}: a Delta table is not read from an address that came with a request")
    given = access(address.endpoint, address.secret)
    return f"az://{inside}", _service(given) | _credential(given)


def _service(given: Access) -> dict[str, str]:
    parts = urlsplit(given.endpoint)
    account = account_name(given.endpoint)
    if account == _EMULATOR:
        # With its address given as an endpoint, deltalake 1.6 fails after the second commit.
        os.environ[_EMULATOR_URL] = f"{parts.scheme}://{parts.netloc}"
        return {"azure_storage_account_name": account, "azure_storage_use_emulator": "true"}
    options = {"azure_storage_account_name": account, "azure_storage_use_emulator": "false"}
    if parts.netloc != f"{account}.blob.core.windows.net":
        options["azure_storage_endpoint"] = given.endpoint
    return options | ({"azure_allow_http": "true"} if parts.scheme == "http" else {})


def _credential(given: Access) -> dict[str, str]:
    credential = given.credential
    if given.sas:
        return {"azure_storage_sas_token": given.sas}
    if credential is None:
        return {"azure_skip_signature": "true"}
    if isinstance(credential, Mapping):
        return {"azure_storage_account_key": str(credential["account_key"])}
    if hasattr(credential, "account_key"):
        return {"azure_storage_account_key": str(credential.account_key)}
    return {"azure_storage_token": str(credential.get_token(SCOPE).token)}


@contextmanager
def reaching(place: Place) -> Iterator[tuple[str, dict[str, str]]]:
    """Give `delta_options`, and an environment that agrees with them while deltalake looks at it."""
    with _ENVIRONMENT:
        uri, options = delta_options(place)
        hide = uri.startswith("az:") and "azure_storage_account_key" not in options
        hidden = {name: os.environ.pop(name) for name in _KEYS if hide and name in os.environ}
        try:
            yield uri, options
        finally:
            os.environ.update(hidden)
