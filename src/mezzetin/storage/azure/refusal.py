"""Why a store refused: which permission a SAS lacks, that it has expired, or which role is missing.

Enters: the SAS of an address (or none), what was tried, and the service's error code. Leaves: one line for people,
without the signature. The fields are those of the service's documentation, "Create a service SAS".
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import parse_qs

Operation = Literal["list", "read", "write", "delete"]
_LETTERS = {"list": "l", "read": "r", "write": "cw", "delete": "d"}
_WORDS = {"list": "List", "read": "Read", "write": "Create and Write", "delete": "Delete"}
_ROLE = {
    "list": "Storage Blob Data Reader",
    "read": "Storage Blob Data Reader",
    "write": "Storage Blob Data Contributor",
    "delete": "Storage Blob Data Contributor",
}


def explain(place: str, sas: str, operation: Operation, code: str, *, now: Callable[[], datetime] | None = None) -> str:
    """Say in one line why `operation` at `place` was refused and what to do.

    `sas` is the query that the request carried ("" where it was signed otherwise), `code` the service's error code.
    """
    trouble = _sas_trouble(sas, operation, (now or _now)()) if sas else _other_trouble(operation, code)
    return f"{place} refused to {operation}: {trouble}"


def _now() -> datetime:
    return datetime.now(UTC)


def _sas_trouble(sas: str, operation: Operation, now: datetime) -> str:
    given = {name: values[0] for name, values in parse_qs(sas).items()}
    end, start = _moment(given.get("se")), _moment(given.get("st"))
    if end is not None and end <= now:
        return f"the link expired on {end:%Y-%m-%d at %H:%M} UTC: ask for a new one"
    if start is not None and start > now:
        return f"the link is not valid before {start:%Y-%m-%d at %H:%M} UTC: wait, or check this machine's clock"
    granted = given.get("sp")
    if granted is not None and not set(_LETTERS[operation]) & set(granted):
        return (
            f"the link lacks the permission {_WORDS[operation]} (sp={granted}, needs {_LETTERS[operation]}): "
            "ask for a link that has it"
        )
    if operation == "list" and given.get("sr") == "b":
        return "the link is for one blob: ask for one of its container or folder, with the permission List"
    if given.get("sip"):
        return f"the link is for the addresses {given['sip']} only: use it from there, or ask for another"
    return "its signature does not fit this address: copy the whole link again, or ask for a new one"


def _other_trouble(operation: Operation, code: str) -> str:
    if code in ("PublicAccessNotPermitted", "NoAuthenticationInformation"):
        return (
            "it is not public and no credentials were found: use a SAS URL, set AZURE_STORAGE_CONNECTION_STRING, "
            "or run mezzetin login"
        )
    if code == "AuthenticationFailed":
        return "the key, token or connection string is wrong or has expired: check it, or run mezzetin login"
    if code in ("AuthorizationFailure", "IpAuthorizationFailed", "NetworkAclDenied"):
        return "the account's firewall lets nobody in from here, or the role is missing: ask its owner"
    return f"your account lacks the role {_ROLE[operation]} there: ask its owner for it (it takes minutes to act)"


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
