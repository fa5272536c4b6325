"""Marks of what was forgotten: salted digests, which tell whether a picture comes back and nothing else of it."""

from __future__ import annotations

import hmac

from mezzetin.collection.opening import Reader


def is_forgotten(reader: Reader, sha256: str | None, uri: str | None) -> bool:
    """Say whether the picture with these bytes, or of this place, was forgotten."""
    if reader.one("SELECT 1 FROM forgotten LIMIT 1") is None:
        return False
    return any(reader.one("SELECT 1 FROM forgotten WHERE mark = ?", (mark,)) for mark in marks(reader, sha256, uri))


def marks(reader: Reader, sha256: str | None, uri: str | None) -> list[str]:
    """What stands for a picture once it is forgotten: HMAC-SHA-256 of its digest and of its place, under the salt."""
    row = reader.one("SELECT value FROM facts WHERE name = 'salt'")
    salt = bytes.fromhex(row["value"]) if row else b""
    found = []
    for name, value in (("sha256", sha256), ("uri", uri)):
        if value:
            found.append(hmac.digest(salt, f"{name}:{value}".encode(), "sha256").hex())
    return found
