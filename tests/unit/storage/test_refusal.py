from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mezzetin.storage.azure.refusal import Operation, explain

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
PLACE = "https://gallery.blob.core.windows.net/paintings"
VALID = "sv=2024-11-04&sr=c&sp=rl&se=2026-05-02T00:00:00Z&sig=c2VjcmV0"


def why(sas: str, operation: Operation = "read", code: str = "AuthenticationFailed") -> str:
    said = explain(PLACE, sas, operation, code, now=lambda: NOW)
    assert said.startswith(f"{PLACE} refused to {operation}: ")
    assert "c2VjcmV0" not in said and "\n" not in said
    return said


@pytest.mark.parametrize(
    ("sas", "operation", "says"),
    [
        (VALID.replace("05-02T00:00:00Z", "04-30T23:59:00Z"), "read", "expired on 2026-04-30 at 23:59 UTC"),
        (VALID.replace("05-02T00:00:00Z", "04-30"), "read", "expired on 2026-04-30"),
        (f"{VALID}&st=2026-05-01T12:30:00Z", "read", "not valid before 2026-05-01 at 12:30 UTC"),
        (VALID, "write", r"lacks the permission Create and Write \(sp=rl, needs cw\)"),
        (VALID, "delete", "lacks the permission Delete"),
        (VALID.replace("sp=rl", "sp=r"), "list", "lacks the permission List"),
        (VALID.replace("sp=rl", "sp=l"), "read", "lacks the permission Read"),
        (VALID.replace("sr=c", "sr=b"), "list", "for one blob"),
        (f"{VALID}&sip=10.0.0.1-10.0.0.9", "read", "for the addresses 10.0.0.1-10.0.0.9 only"),
        (VALID, "read", "signature does not fit"),
        (VALID.replace("sp=rl", "si=policy"), "write", "signature does not fit"),
        (VALID.replace("se=2026", "se=tomorrow"), "read", "signature does not fit"),
    ],
)
def test_what_a_link_lacks(sas: str, operation: Operation, says: str) -> None:
    import re

    assert re.search(says, why(sas, operation))


def test_create_alone_or_write_alone_is_enough_to_write() -> None:
    for granted in ("rc", "rw"):
        assert "lacks the permission" not in why(VALID.replace("sp=rl", f"sp={granted}"), "write")


@pytest.mark.parametrize(
    ("code", "operation", "says"),
    [
        ("NoAuthenticationInformation", "read", "no credentials were found"),
        ("PublicAccessNotPermitted", "read", "no credentials were found"),
        ("AuthenticationFailed", "read", "wrong or has expired"),
        ("AuthorizationFailure", "read", "firewall"),
        ("AuthorizationPermissionMismatch", "read", "Storage Blob Data Reader"),
        ("AuthorizationPermissionMismatch", "list", "Storage Blob Data Reader"),
        ("AuthorizationPermissionMismatch", "write", "Storage Blob Data Contributor"),
    ],
)
def test_what_an_account_lacks(code: str, operation: Operation, says: str) -> None:
    assert says in why("", operation, code)
