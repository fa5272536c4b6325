"""The command line: parses, calls a verb of `mezzetin.api`, prints.

Every command is a function of one of the modules here and is registered below. The verbs are imported inside the
commands, so that help and usage errors come at once and captioning loads neither torch nor pyarrow.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Annotated, cast

import typer

import mezzetin
from mezzetin.cli import (
    accounts,
    calibrating,
    captioning,
    collecting,
    comparing,
    datasets,
    deploying,
    evaluation,
    examining,
    exporting,
    indexing,
    inspection,
    keys,
    linting,
    registering,
    safekeeping,
    searching,
    serving,
    signing_in,
    storing,
    sweeping,
    training,
    walkthrough,
)
from mezzetin.cli.output import CLOSED_PIPE, CRASHED, INTERRUPTED, Output, OutputClosed, accept_any_text, why
from mezzetin.errors import EnvironmentProblem

#: What typer raises for a command line that it can't parse: it exports a subclass only.
_USAGE_ERROR: type[Exception] = typer.BadParameter.__bases__[0]

app = typer.Typer(
    name="mezzetin",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100},
)
app.command()(storing.store)
app.command()(examining.doctor)
app.command()(signing_in.login)
app.command()(signing_in.logout)
app.command()(captioning.caption)
app.command()(collecting.collect)
app.command()(exporting.export)
app.command()(indexing.index)
app.command()(searching.search)
app.command()(linting.lint)
app.command()(calibrating.calibrate)
app.command()(safekeeping.history)
app.command()(safekeeping.undo)
app.command()(safekeeping.backup)
app.command()(safekeeping.restore)
app.command()(safekeeping.forget)
app.command()(datasets.ingest)
app.command()(inspection.inspect)
app.command()(training.train)
app.command()(sweeping.sweep)
app.command()(evaluation.evaluate)
app.command()(comparing.compare)
app.command()(deploying.deploy)
app.command()(deploying.deployments)
app.command()(deploying.undeploy)
app.command()(registering.register)
app.command()(registering.models)
app.command()(registering.promote)
app.command()(registering.pull)
app.command()(registering.unregister)
app.command()(serving.serve)
app.add_typer(keys.app, name="keys")
app.add_typer(accounts.app, name="accounts")
app.command()(walkthrough.quickstart)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mezzetin {mezzetin.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _mezzetin(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Train, prove and run an image captioner on your own pictures.

    Exit codes: 0 done, 1 done with some items failed, 2 the input is wrong, 3 the machine stands in the way.
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def run(arguments: Sequence[str]) -> int:
    """Run one command line (without the program's name) and return its exit code."""
    accept_any_text()
    try:
        code = typer.main.get_command(app).main(list(arguments), prog_name="mezzetin", standalone_mode=False)
    except _USAGE_ERROR as error:
        return _misused(cast("typer.BadParameter", error), arguments)
    except OutputClosed:
        return CLOSED_PIPE
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except OSError as error:
        Output(as_json=False, plain=True).fail(why(error))
        return EnvironmentProblem.exit_code
    return code if isinstance(code, int) else 0


def main() -> None:
    """Run the command line of this process and exit."""
    sys.excepthook = _crashed
    sys.exit(run(sys.argv[1:]))


def _crashed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What nobody foresaw: Python's own exit code for it is 1, which here says that the work was done."""
    sys.__excepthook__(kind, error, trace)
    Output(as_json=False, plain=True).tell("error: this is a defect of Mezzetin: please report the lines above")
    sys.exit(CRASHED)


def _misused(error: typer.BadParameter, arguments: Sequence[str]) -> int:
    """One line for a command line that can't be parsed, in place of typer's three."""
    command = error.ctx.command_path if error.ctx else "mezzetin"
    problem = " ".join(error.format_message().split()).rstrip(".")
    output = Output(as_json="--json" in arguments, plain=True)
    output.fail(f"{problem}: {command} --help lists what it takes")
    return 2
