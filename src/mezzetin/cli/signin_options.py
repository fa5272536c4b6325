"""The options of `serve` that say who may come in and what they see, apart from the others: there are many."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

Tenant = Annotated[
    str | None, typer.Option("--entra-tenant", metavar="ID", help="Let tokens of this Entra tenant in, beside keys.")
]
Audiences = Annotated[
    list[str] | None,
    typer.Option("--entra-audience", metavar="URI", help="The app that tokens must be for. Repeatable."),
]
Authority = Annotated[
    str | None, typer.Option("--entra-authority", metavar="URL", help="Entra of another cloud than the public one.")
]
Accounts = Annotated[
    Path | None,
    typer.Option(
        "--accounts", metavar="FILE", help="Who may sign in. Default: NAME.accounts.sqlite by the collection."
    ),
]
PublicUrl = Annotated[
    str | None, typer.Option("--public-url", metavar="URL", help="The address of this server that people type.")
]
Issuer = Annotated[
    str | None, typer.Option("--oidc-issuer", metavar="URL", help="Let people of this OpenID Connect provider in.")
]
ClientId = Annotated[
    str | None, typer.Option("--oidc-client-id", metavar="ID", help="What the provider calls this server.")
]
SecretFile = Annotated[
    Path | None,
    typer.Option("--oidc-secret-file", metavar="FILE", help="The client's secret. Default: MEZZETIN_OIDC_SECRET."),
]
RoleClaim = Annotated[
    str | None, typer.Option("--oidc-role-claim", metavar="CLAIM", help="Where roles are. Default: roles.")
]
Roles = Annotated[
    list[str] | None,
    typer.Option("--oidc-role", metavar="VALUE=ROLE", help="What a value of the claim may do here. Repeatable."),
]
DefaultRole = Annotated[
    Literal["viewer", "reviewer", "admin", "none"] | None,
    typer.Option(
        "--oidc-default-role", metavar="ROLE", help="Of who has none there; none: not let in. Default: viewer."
    ),
]
Gallery = Annotated[
    Literal["public", "signed-in", "off"] | None,
    typer.Option(
        "--gallery",
        metavar="WHO",
        help="Who sees the gallery: public (approved texts, no restricted pictures), signed-in (default), or off.",
    ),
]
GalleryMachine = Annotated[
    bool | None,
    typer.Option("--gallery-machine", help="Show the public what a machine wrote and nobody read, marked so."),
]
_OPTIONS = {
    "entra_tenant": Tenant,
    "entra_audiences": Audiences,
    "entra_authority": Authority,
    "accounts": Accounts,
    "public_url": PublicUrl,
    "oidc_issuer": Issuer,
    "oidc_client_id": ClientId,
    "oidc_secret_file": SecretFile,
    "oidc_role_claim": RoleClaim,
    "oidc_roles": Roles,
    "oidc_default_role": DefaultRole,
    "gallery": Gallery,
    "gallery_machine": GalleryMachine,
}


def with_sign_in(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command these options too, before its last two (--json and --plain); it takes them as keywords."""
    signature = inspect.signature(command)
    own = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    more = [inspect.Parameter(name, kind, default=None, annotation=said) for name, said in _OPTIONS.items()]

    def extended(**given: Any) -> None:
        command(**given)

    types = inspect.get_annotations(command, eval_str=True)
    extended.__name__, extended.__qualname__, extended.__doc__ = command.__name__, command.__qualname__, command.__doc__
    extended.__module__ = command.__module__
    extended.__annotations__ = {**{name: types[name] for name in types if name in signature.parameters}, **_OPTIONS}
    parameters = [p.replace(annotation=types[p.name]) for p in own]
    extended.__signature__ = inspect.Signature([*parameters[:-2], *more, *parameters[-2:]])  # type: ignore[attr-defined]
    return extended
