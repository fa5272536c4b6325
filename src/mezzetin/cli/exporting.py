"""`mezzetin export`: what a house publishes of its collection, in the formats that others read."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mezzetin.cli.output import AsJson, Output, Plain, opened

if TYPE_CHECKING:
    from mezzetin.publication.order import Exported, Problem

_SHOWN = 20
_NAMED_ALIKE = ("with_restricted", "in_place", "overwrite", "dry_run")
"""The parameters of `export` that are choices of the verb under the same name."""


class Texts(StrEnum):
    """Which texts leave the house."""

    approved = "approved"
    all = "all"


Form = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="csv, jsonl, parquet: a table. xmp: sidecars. embed: copies with texts inside. iiif, jsonld, html.",
    ),
]
Wanted = Annotated[
    Texts,
    typer.Option(
        "--texts", metavar="WHICH", help="`approved` by people, or `all`: machine texts too, labelled as such."
    ),
]
Languages = Annotated[
    list[str] | None, typer.Option("--lang", metavar="TAG", help="Only these languages (BCP 47). Repeatable.")
]
Sources = Annotated[
    list[str] | None, typer.Option("--source", metavar="SOURCE", help="Only what was collected there. Repeatable.")
]
NoSampled = Annotated[bool, typer.Option("--no-sampled", help="Leave out texts that were approved by sample alone.")]
WithRestricted = Annotated[
    bool, typer.Option("--with-restricted", help="Take along pictures that must not leave the house.")
]
InPlace = Annotated[
    bool, typer.Option("--in-place", help="xmp, embed: change what lies beside the pictures, or them. No TARGET.")
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace or merge into files that are there. Never a person's text in one.")
]
BaseUrl = Annotated[
    str | None, typer.Option("--base-url", metavar="URL", help="iiif, html: where the folder will stand on the web.")
]
Title = Annotated[
    str | None, typer.Option("--title", metavar="TITLE", help="iiif, html: what the collection is called.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be written.")]


def export(
    collection: Annotated[str, typer.Argument(metavar="COLLECTION", help="What `mezzetin collect` made.")],
    target: Annotated[
        str | None, typer.Argument(metavar="[TARGET]", help="A file for a table, otherwise a folder; az:// too.")
    ] = None,
    form: Form = "csv",
    texts: Wanted = Texts.approved,
    lang: Languages = None,
    source: Sources = None,
    no_sampled: NoSampled = False,
    with_restricted: WithRestricted = False,
    in_place: InPlace = False,
    overwrite: Overwrite = False,
    base_url: BaseUrl = None,
    title: Title = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Publish the texts that people approved: tables, sidecars, inside pictures, for the web.

    Cut off, the same command goes on. Nothing is overwritten unasked, and a text that a person wrote into a file stays.
    The exit code is 1 when something is not in the export as asked.
    """
    given = locals()
    with opened(as_json=as_json, plain=plain, goes_on=not dry_run) as output:
        choices = {name: given[name] for name in _NAMED_ALIKE}
        choices |= {"format": form, "texts": texts.value, "sampled": not no_sampled}
        choices |= {"langs": lang or (), "sources": source or ()}
        choices["options"] = {name: value for name, value in (("base_url", base_url), ("title", title)) if value}
        _run(output, collection, target, choices)


def _run(output: Output, collection: str, target: str | None, choices: dict[str, Any]) -> None:
    from mezzetin import api

    done = api.export(collection, target, report=output.report, note=_Notes(output).note, **choices)
    output.record(done.to_json())
    for line in exported_lines(done):
        output.say(line)
    if done.has_problems:
        raise typer.Exit(1)


class _Notes:
    """Problems as they come: each as an object with --json, otherwise the first as lines."""

    def __init__(self, output: Output) -> None:
        self._output, self._left = output, _SHOWN

    def note(self, problem: Problem) -> None:
        """Show one."""
        self._output.record(problem.to_json())
        if self._left and not self._output.as_json:
            said = problem.error.message
            self._output.tell(said if problem.place in said else f"{problem.place}: {said}")
            self._left -= 1
            if not self._left:
                self._output.tell("(further ones are counted below; --json lists them all)")


def exported_lines(done: Exported) -> Iterator[str]:
    """What a terminal shows of an export."""
    shares = ", ".join(f"{number:,} {label}" for label, number in done.labels.most_common())
    yield f"{done.texts:,} texts of {done.pictures:,} pictures" + (f": {shares}" if shares else "")
    if done.files:
        where = f" {done.target}" if done.target else ""
        yield ", ".join(f"{number:,} {_files(number)} {what}" for what, number in done.files.items()) + where
    if done.kept:
        yield f"{done.kept:,} texts that people had written into files were kept"
    for code, number in done.problems.items():
        yield f"{number:,} not as asked: {code}"
    if not done.texts:
        yield "no text is approved yet: review some with `mezzetin serve --collection`, or add --texts all"


def _files(number: int) -> str:
    return "file" if number == 1 else "files"
