"""`mezzetin login` and `logout`: for machines on which nobody is signed in to Azure by other means."""

from __future__ import annotations

from typing import Annotated

import typer

from mezzetin.cli.output import AsJson, opened


def login(
    device_code: Annotated[
        bool, typer.Option("--device-code", help="Sign in with a code that you type on another machine.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Sign in to Azure, for a machine without the az program.

    Who signed in is kept for later commands, tokens in the keyring or in a file that only you may read.
    """
    with opened(as_json=as_json, plain=True) as output:
        from mezzetin import api

        who = api.login(device_code=device_code, tell=output.tell)
        output.record({"signed_in": who})
        output.say(f"signed in as {who}")


def logout(as_json: AsJson = False) -> None:
    """Forget the sign-in of `mezzetin login` and its tokens.

    Other sign-ins of this machine, such as that of az, are left.
    """
    with opened(as_json=as_json, plain=True) as output:
        from mezzetin import api

        was = api.logout()
        output.record({"signed_out": was})
        output.say("signed out" if was else "nobody was signed in by mezzetin login")
