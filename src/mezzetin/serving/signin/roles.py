"""The roles of people and programs, least first: each may all that those before it may."""

from __future__ import annotations

from typing import Literal, get_args

Role = Literal["viewer", "reviewer", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)


def checked_role(role: str) -> Role:
    """A role by its name.

    Raises:
        ValueError: there is none of this name; the text names those that there are.

    """
    found = next((known for known in ROLES if known == role), None)
    if found is None:
        raise ValueError(f"there is no role {role!r}: choose {', '.join(ROLES[:-1])} or {ROLES[-1]}")
    return found
