"""Whose name a store is asked in: the operator's credentials, in one order, and the login of a machine without `az`.

Enters: the endpoint of an Azure account and the environment. Leaves: what the SDK takes as a credential. The order:
a SAS in the address; AZURE_STORAGE_CONNECTION_STRING; AZURE_STORAGE_ACCOUNT with AZURE_STORAGE_KEY or
AZURE_STORAGE_SAS_TOKEN; a `mezzetin login`; azure-identity's DefaultAzureCredential; nobody (a public container).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mezzetin.errors import EnvironmentProblem, InputError, MissingExtra, StoreRefused, StoreUnreachable
from mezzetin.storage.address import is_trusted_host
from mezzetin.storage.files import write_atomically

SCOPE = "https://storage.azure.com/.default"
_CACHE_NAME = "mezzetin"


@dataclass(frozen=True, slots=True)
class Access:
    """An account's endpoint, the SDK's credential (None: nobody's), and in words whose it is."""

    endpoint: str
    credential: Any
    who: str
    sas: str = ""


def access(endpoint: str, sas: str, *, stranger: bool = False) -> Access:
    """Decide how an account is reached; "" as endpoint means the account that the environment names.

    A `stranger`'s address is reached with the SAS that it carries or as nobody, whatever the environment holds.

    Raises:
        MissingExtra: `mezzetin[azure]` is not installed.
        InputError: no account is named anywhere, or the connection string can't be read.

    """
    try:
        from azure.core.credentials import AzureSasCredential
    except ImportError as error:
        raise MissingExtra("azure", "Azure Blob storage") from error
    if sas or stranger:
        return Access(endpoint, AzureSasCredential(sas) if sas else None, "the SAS of the address", sas)
    found = _from_connection_string(endpoint) or _from_account(endpoint)
    if found is not None:
        return found
    if not endpoint:
        raise InputError(
            "az:// addresses need an account: set AZURE_STORAGE_CONNECTION_STRING or AZURE_STORAGE_ACCOUNT, "
            "or write az://CONTAINER@ACCOUNT.blob.core.windows.net/…"
        )
    return _from_identity(endpoint)


def _from_connection_string(endpoint: str) -> Access | None:
    text = os.environ.get("AZURE_STORAGE_CONNECTION_STRING")
    if not text:
        return None
    from azure.storage.blob import BlobServiceClient

    try:
        client = BlobServiceClient.from_connection_string(text)
    except ValueError as error:
        raise InputError(
            "AZURE_STORAGE_CONNECTION_STRING can't be read: copy it again from the account's page"
        ) from error
    base, _, sas = str(client.url).partition("?")
    base = base.rstrip("/")
    if endpoint and base != endpoint:
        return None
    credential = client.credential
    if sas:
        from azure.core.credentials import AzureSasCredential

        credential = AzureSasCredential(sas)
    return Access(base, credential, "AZURE_STORAGE_CONNECTION_STRING", sas)


def _from_account(endpoint: str) -> Access | None:
    name = os.environ.get("AZURE_STORAGE_ACCOUNT") or os.environ.get("AZURE_STORAGE_ACCOUNT_NAME")
    if not name:
        return None
    if endpoint and (account_name(endpoint) != name or not _is_trusted(endpoint)):
        return None
    base = endpoint or f"https://{name}.blob.core.windows.net"
    key = os.environ.get("AZURE_STORAGE_KEY") or os.environ.get("AZURE_STORAGE_ACCOUNT_KEY")
    sas = (os.environ.get("AZURE_STORAGE_SAS_TOKEN") or "").lstrip("?")
    if key:
        return Access(base, {"account_name": name, "account_key": key}, "AZURE_STORAGE_KEY")
    if sas:
        from azure.core.credentials import AzureSasCredential

        return Access(base, AzureSasCredential(sas), "AZURE_STORAGE_SAS_TOKEN", sas)
    return _from_identity(base)


def account_name(endpoint: str) -> str:
    """The account's name in a Blob endpoint, host style or path style."""
    parts = urlsplit(endpoint)
    return parts.path.strip("/") or (parts.hostname or "").partition(".")[0]


def _is_trusted(endpoint: str) -> bool:
    """Whether a token may go there: an address in somebody's table must not collect it."""
    parts = urlsplit(endpoint)
    return is_trusted_host(parts.hostname or "", parts.port)


def _from_identity(endpoint: str) -> Access:
    if not _is_trusted(endpoint):
        return Access(endpoint, None, "nobody (no host of Azure's, nor one in MEZZETIN_STORE_HOSTS)")
    from azure.core.exceptions import ClientAuthenticationError

    credential, who = identity()
    try:
        # Asked once, here: a public container must work on a machine where nobody is signed in.
        credential.get_token(SCOPE)
    except ClientAuthenticationError:
        return Access(endpoint, None, "nobody")
    return Access(endpoint, credential, who)


@lru_cache(maxsize=1)
def identity() -> tuple[Any, str]:
    """The credential of whoever is signed in on this machine, and in words which one it is; cached.

    Raises:
        MissingExtra: azure-identity is not installed.
        InputError: the environment asks for a credential that there is not.

    """
    try:
        from azure.identity import ChainedTokenCredential, DefaultAzureCredential
    except ImportError as error:
        raise MissingExtra("azure", "signing in to Azure") from error
    _quiet()
    try:
        default = DefaultAzureCredential()
    except ValueError as error:
        raise InputError("AZURE_TOKEN_CREDENTIALS names no credential that azure-identity knows: correct it") from error
    record = _read_login()
    if record is None:
        return default, "DefaultAzureCredential (environment, managed identity, az login)"
    return ChainedTokenCredential(record, default), "mezzetin login, else DefaultAzureCredential"


def _quiet() -> None:
    """Python prints the SDK's warnings, many lines of them, where a program has set up no logging of its own."""
    for name in ("azure", "msal"):
        logging.getLogger(name).addHandler(logging.NullHandler())


def login_file() -> Path:
    """Where `mezzetin login` keeps who signed in; no secret is in it."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "mezzetin" / "login.json"


def _read_login() -> Any:
    """The credential of an earlier login, which answers from its cache or steps aside; None without one."""
    from azure.identity import AuthenticationRecord

    try:
        record = AuthenticationRecord.deserialize(login_file().read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError):
        return None
    return _interactive(device_code=True, authentication_record=record, disable_automatic_authentication=True)


def _interactive(*, device_code: bool, **options: Any) -> Any:
    from azure.identity import DeviceCodeCredential, InteractiveBrowserCredential, TokenCachePersistenceOptions

    # Where the machine has no keyring the tokens lie in a file that only its owner may read.
    cache = TokenCachePersistenceOptions(name=_CACHE_NAME, allow_unencrypted_storage=True)
    kind = DeviceCodeCredential if device_code else InteractiveBrowserCredential
    return kind(cache_persistence_options=cache, **options)


def login(
    *, device_code: bool = False, tell: Callable[[str], None] = print, options: Mapping[str, Any] | None = None
) -> str:
    """Sign in through the browser, or by a code typed on another machine; return the name of who did.

    `tell` gets the line that says what the person is to do. Tokens go to the machine's keyring where there is one,
    otherwise to a file that only its owner may read.

    Raises:
        MissingExtra: `mezzetin[azure]` is not installed.
        StoreRefused: the sign-in was not completed.
        StoreUnreachable: Entra does not answer.
        EnvironmentProblem: there is no browser, or the result can't be kept.

    """
    try:
        from azure.core.exceptions import AzureError, ClientAuthenticationError
        from azure.identity import CredentialUnavailableError
    except ImportError as error:
        raise MissingExtra("azure", "signing in to Azure") from error
    _quiet()
    credential = _interactive(device_code=device_code, **_prompt(tell, device_code=device_code), **(options or {}))
    try:
        record = credential.authenticate(scopes=[SCOPE])
    except CredentialUnavailableError as error:
        raise EnvironmentProblem(
            "no browser could be opened here: use mezzetin login --device-code and type the code on another machine"
        ) from error
    except ClientAuthenticationError as error:
        # The SDK wraps its own failures to connect in this one as well.
        if isinstance(error.__cause__, AzureError):
            raise StoreUnreachable("Entra does not answer: check the network, then run mezzetin login again") from error
        raise StoreRefused("the sign-in was not completed: run mezzetin login again") from error
    _keep(record)
    identity.cache_clear()
    return str(record.username)


def _keep(record: Any) -> None:
    path = login_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(path, record.serialize().encode())
    except OSError as error:
        raise EnvironmentProblem(f"{path} can't be written ({error.strerror}): set XDG_CONFIG_HOME") from error


def _prompt(tell: Callable[[str], None], *, device_code: bool) -> dict[str, Any]:
    if not device_code:
        tell("sign in in the browser that opens now")
        return {}

    def prompt(address: str, code: str, ends: datetime) -> None:
        tell(f"open {address} on any machine and type the code {code} (until {ends.astimezone():%H:%M})")

    return {"prompt_callback": prompt}


def logout() -> bool:
    """Forget who signed in with `login`, and their tokens; say whether anybody had.

    Raises:
        EnvironmentProblem: a file can't be removed.

    """
    path = login_file()
    there = path.exists()
    try:
        path.unlink(missing_ok=True)
        _forget_tokens()
    except OSError as error:
        raise EnvironmentProblem(f"{error.filename} can't be removed ({error.strerror}): remove it yourself") from error
    identity.cache_clear()
    return there


def _forget_tokens() -> None:
    """Empty the caches of tokens, keyrings among them, and remove the files that belong to them."""
    try:
        # The one place that knows where each platform keeps them.
        from azure.identity._persistent_cache import _get_persistence
    except ImportError:
        return
    # One for tokens that are checked as they are used (continuous access evaluation), and one for others.
    for kind in (".nocae", ".cae"):
        kept = _get_persistence(allow_unencrypted=True, account_name="MSALCache", cache_name=_CACHE_NAME + kind)
        file = Path(kept.get_location())
        if file.exists():
            kept.save("{}")
            file.unlink(missing_ok=True)
        file.with_name(f"{file.name}.lockfile").unlink(missing_ok=True)
