"""`mezzetin keys add|list|revoke`: who may ask a server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mezzetin.cli.output import AsJson, Plain, opened

Name = Annotated[str, typer.Argument(metavar="NAME", help="Whose key it is, as the server's log will name it.")]
File = Annotated[
    Path | None,
    typer.Option("--keys", metavar="FILE", help="The file of keys. Default: ~/.config/mezzetin/keys.json."),
]

Role = Annotated[str, typer.Option("--role", metavar="ROLE", help="What it may do: viewer, reviewer or admin.")]

app = typer.Typer()


@app.callback(invoke_without_command=True)
def _keys(context: typer.Context) -> None:
    """Make, list and revoke the API keys that `mezzetin serve --keys FILE` takes."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def add(name: Name, keys: File = None, role: Role = "viewer", as_json: AsJson = False, plain: Plain = False) -> None:
    """Make an API key.

    It is shown now and never again: the file holds a hash of it. A server that runs takes it at once.
    """
    with opened(as_json=as_json, plain=plain) as output:
        from mezzetin import api

        key = api.add_key(name, keys, role)
        output.record({"name": name, "role": role, "key": key})
        output.say(key)
        output.tell("keep it now, it can't be shown again; clients send it as X-Api-Key or Authorization: Bearer")


@app.command(name="list")
def list_(keys: File = None, as_json: AsJson = False, plain: Plain = False) -> None:
    """List the API keys, revoked ones among them; never the keys themselves.

    When a key was last used is a minute behind at most.
    """
    with opened(as_json=as_json, plain=plain) as output:
        from mezzetin import api

        found = api.list_keys(keys)
        for key in found:
            line: dict[str, Any] = key.model_dump(include={"id", "name", "role", "created", "last_used", "revoked"})
            output.record(line)
            state = f"revoked {key.revoked}" if key.revoked else f"last used {key.last_used or 'never'}"
            output.say(f"{key.name}  {key.id}  {key.role}  created {key.created}  {state}")
        if not found:
            output.say("no keys: make one with `mezzetin keys add NAME`")


@app.command()
def revoke(name: Name, keys: File = None, as_json: AsJson = False, plain: Plain = False) -> None:
    """Let an API key count no longer.

    A server that runs refuses it from its next request on.
    """
    with opened(as_json=as_json, plain=plain) as output:
        from mezzetin import api

        key = api.revoke_key(name, keys)
        output.record({"name": key.name, "id": key.id, "revoked": key.revoked})
        output.say(f"{key.name} is revoked")
