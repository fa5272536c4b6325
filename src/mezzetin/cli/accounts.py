"""`mezzetin accounts add|list|passwd|role|disable|enable`: the people who sign in to a server."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mezzetin.cli.output import AsJson, Output, Plain, opened
from mezzetin.errors import InputError

Name = Annotated[str, typer.Argument(metavar="NAME", help="What the person signs in with; case makes no difference.")]
Role = Annotated[str, typer.Option("--role", metavar="ROLE", help="What they may do: viewer, reviewer or admin.")]
NewRole = Annotated[str, typer.Argument(metavar="ROLE", help="What they may do: viewer, reviewer or admin.")]
File = Annotated[
    Path | None, typer.Option("--accounts", metavar="FILE", help="The file of accounts. Default: the collection's.")
]
Collection = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="The collection, beside which the accounts are kept: NAME.accounts.sqlite."),
]
Stdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input, where nobody can be asked.")
]
_LONGEST_LINE = 8192

app = typer.Typer()


@app.callback(invoke_without_command=True)
def _accounts(context: typer.Context) -> None:
    """Make, list and change the accounts that people sign in with to `mezzetin serve --collection FILE`."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def add(
    name: Name,
    role: Role = "viewer",
    collection: Collection = None,
    accounts: File = None,
    password_stdin: Stdin = False,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Make an account.

    The password is asked for twice, and needs 12 characters or more. A server that has accounts takes a new one at
    once; one that had none must be started again.
    """
    with opened(as_json=as_json, plain=plain) as output:
        from mezzetin import api

        file = _file(collection, accounts)
        made = api.add_account(name, _password(from_stdin=password_stdin), role, file)
        _tell(output, made, f"{made.name} may sign in as {made.role}")


@app.command(name="list")
def list_(collection: Collection = None, accounts: File = None, as_json: AsJson = False, plain: Plain = False) -> None:
    """List the accounts, with roles and when each signed in last."""
    with opened(as_json=as_json, plain=plain) as output:
        from mezzetin import api

        found = api.list_accounts(_file(collection, accounts))
        for one in found:
            state = f"disabled {one.disabled}" if one.disabled else f"last signed in {one.last_sign_in or 'never'}"
            _tell(output, one, f"{one.name}  {one.role}  created {one.created}  {state}")
        if not found:
            output.say("no accounts: make one with `mezzetin accounts add NAME`")


@app.command()
def passwd(
    name: Name,
    collection: Collection = None,
    accounts: File = None,
    password_stdin: Stdin = False,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Give an account another password.

    Whoever is signed in with it must sign in again.
    """
    with opened(as_json=as_json, plain=plain) as output:
        from mezzetin import api

        file = _file(collection, accounts)
        changed = api.change_password(name, _password(from_stdin=password_stdin), file)
        _tell(output, changed, f"{changed.name} has another password, and is signed out everywhere")


@app.command()
def role(
    name: Name,
    role: NewRole,
    collection: Collection = None,
    accounts: File = None,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Give an account another role, from its next request on."""
    with opened(as_json=as_json, plain=plain) as output:
        from mezzetin import api

        changed = api.change_role(name, role, _file(collection, accounts))
        _tell(output, changed, f"{changed.name} is {changed.role} now")


@app.command()
def disable(
    name: Name, collection: Collection = None, accounts: File = None, as_json: AsJson = False, plain: Plain = False
) -> None:
    """Let an account sign in no more.

    Whoever is signed in with it is out at once.
    """
    with opened(as_json=as_json, plain=plain) as output:
        from mezzetin import api

        changed = api.disable_account(name, _file(collection, accounts))
        _tell(output, changed, f"{changed.name} is disabled, and signed out everywhere")


@app.command()
def enable(
    name: Name, collection: Collection = None, accounts: File = None, as_json: AsJson = False, plain: Plain = False
) -> None:
    """Let a disabled account sign in again."""
    with opened(as_json=as_json, plain=plain) as output:
        from mezzetin import api

        changed = api.enable_account(name, _file(collection, accounts))
        _tell(output, changed, f"{changed.name} may sign in again")


def _file(collection: Path | None, accounts: Path | None) -> Path:
    if accounts is not None:
        return accounts
    if collection is None:
        raise InputError("whose accounts? name --collection FILE, or --accounts FILE")
    from mezzetin import api

    return api.accounts_beside(collection)


def _password(*, from_stdin: bool) -> str:
    """What was typed, twice the same, or a line of standard input; never an argument, which others could see."""
    if from_stdin:
        line = sys.stdin.readline(_LONGEST_LINE)
        if not line.rstrip("\r\n"):
            raise InputError("standard input holds no password: send one line")
        return line.rstrip("\r\n")
    if not sys.stdin.isatty():
        raise InputError("there is no terminal to ask for the password: send it to --password-stdin")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt="Once more", err=True))


def _tell(output: Output, account: object, line: str) -> None:
    output.record(asdict(account))  # type: ignore[call-overload]
    output.say(line)
