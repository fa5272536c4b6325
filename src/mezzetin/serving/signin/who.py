"""Who asks, and what they may do: a request in, a `Who` out, whichever door the person or program came through.

The guard puts a `Who` into the state of every request that it lets in: of a key, of a session, or, where nobody is
asked, of the person at this machine or of whomever a gateway lets through. Routes say with `need` which role they are
for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import Scope

from mezzetin.serving.origins import is_own_origin
from mezzetin.serving.problems import Problem
from mezzetin.serving.signin.roles import ROLES, Role

How = Literal["account", "oidc", "key", "loopback", "gateway"]
__all__ = ["ROLES", "How", "Role", "Who", "need", "own_path", "stranger", "who_of"]

SIGN_IN = "/sign-in"
STATE = "who"
_LONGEST_NEXT = 2000
_BEARER = 'Bearer realm="mezzetin"'


@dataclass(frozen=True, slots=True)
class Who:
    """A person or a program: a `name` to show, a `role`, how they came in, an `id` that outlives a change of name."""

    name: str
    role: Role
    how: How
    id: str = ""

    def may(self, role: Role) -> bool:
        """Say whether this role, or more, is theirs."""
        return ROLES.index(self.role) >= ROLES.index(role)


def who_of(connection: HTTPConnection) -> Who | None:
    """Who asks; None for a stranger at a page that strangers may see."""
    return cast("Who | None", getattr(connection.state, STATE, None))


def need(connection: HTTPConnection, role: Role) -> Who:
    """Who asks, if they have this role or more.

    Raises:
        Problem: 401, nobody has signed in (a browser that wants a page gets 303 to the sign-in page); 403, whoever
            did may not do this.

    """
    who = who_of(connection)
    if who is None:
        raise stranger(connection.scope)
    if not who.may(role):
        raise Problem(403, "forbidden", f"this is for a {role}, and {who.name} is a {who.role}: ask an admin")
    return who


def stranger(scope: Scope) -> Problem:
    """The refusal of whoever has not signed in: on to the sign-in page for a person, 401 for a program."""
    headers = Headers(scope=scope)
    if "text/html" not in headers.get("accept", ""):
        return Problem(401, "unauthorized", "sign in, or send an API key as X-Api-Key", {"WWW-Authenticate": _BEARER})
    target = f"{SIGN_IN}?next={quote(_wanted(scope, headers), safe='')}"
    return Problem(303, "sign_in", "sign in first", {"Location": target})


def own_path(target: str | None) -> str:
    """A path of this server to go on to; "/" for whatever could lead elsewhere.

    Browsers take `\\` for `/` and ignore tabs and line ends, so nothing but plain printable ASCII passes.
    """
    if not target or len(target) > _LONGEST_NEXT or not target.startswith("/"):
        return "/"
    plain = all("!" <= character <= "~" and character != "\\" for character in target)
    if not plain or target.startswith("//") or "/../" in f"{target.partition('?')[0]}/":
        return "/"
    return "/" if target.partition("?")[0].startswith(SIGN_IN) else target


def _wanted(scope: Scope, headers: Headers) -> str:
    """The page that was asked for; of a form, the page that it stands on."""
    if scope["method"] in ("GET", "HEAD"):
        query = scope.get("query_string", b"").decode("latin-1")
        path = quote(scope["path"], safe="/:@!$&'()*+,;=~-._")
        return own_path(f"{path}?{query}" if query else path)
    try:
        page = urlsplit(headers.get("referer", ""))
    except ValueError:
        return "/"
    if not is_own_origin(f"{page.scheme}://{page.netloc}", headers.get("host", "")):
        return "/"
    return own_path(f"{page.path}?{page.query}" if page.query else page.path)
