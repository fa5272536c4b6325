"""What a provider says of a person, as this server understands it: claims in, a name and a role out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from mezzetin.serving.settings import ServeSettings
from mezzetin.serving.signin.roles import ROLES, Role, checked_role
from mezzetin.serving.signin.who import Who

_NAMES = ("preferred_username", "email", "sub")
_LONGEST_NAME = 200


def who_from(claims: Mapping[str, Any], settings: ServeSettings) -> Who | None:
    """Who signed in; None where the provider gives no role and nobody is let in without.

    The id is of issuer and subject: a name may change, and be given to somebody else (OpenID Connect Core 1.0, 5.7).
    """
    role = role_from(claims, settings)
    if role is None:
        return None
    name = next(str(claims[key]) for key in _NAMES if claims.get(key))
    who = hashlib.sha256(f"{settings.oidc_issuer} {claims['sub']}".encode()).hexdigest()[:32]
    return Who("".join(c for c in name if c.isprintable())[:_LONGEST_NAME], role, "oidc", f"oidc:{who}")


def role_from(claims: Mapping[str, Any], settings: ServeSettings) -> Role | None:
    """The highest role that the claim gives; the default one where it gives none."""
    known = dict(_pair(text) for text in settings.oidc_roles) or {role: role for role in ROLES}
    given = _values(claims, settings.oidc_role_claim)
    found = [known[value] for value in given if value in known]
    if found:
        return max(found, key=ROLES.index)
    return None if settings.oidc_default_role == "none" else settings.oidc_default_role


def _pair(text: str) -> tuple[str, Role]:
    value, _, role = text.rpartition("=")
    return value, checked_role(role)


def _values(claims: Mapping[str, Any], name: str) -> list[str]:
    """The texts of a claim, be it one or a list; `a.b` is also b inside a."""
    found: Any = claims.get(name)
    if found is None:
        found = claims
        for part in name.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    several = found if isinstance(found, list) else [found]
    return [value for value in several if isinstance(value, str)]
