"""`mezzetin collect`: pictures of a house in, a collection with their captions out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mezzetin.cli import clusters, decoding, external
from mezzetin.cli.output import AsJson, Beam, Output, Plain, opened

if TYPE_CHECKING:
    from mezzetin.captioner import BundleCaptioner
    from mezzetin.collection.collecting.options import Collected, Forecast
    from mezzetin.decoding.options import DecodingChanges

_SHOWN = 6
_NAMED_ALIKE = ("lang", "mapping", "retry_failed", "verify", "refresh")
"""The parameters of `collect` that are choices of the verb under the same name."""


class Pages(StrEnum):
    """Which pages of a TIFF become pictures of the collection."""

    first = "first"
    all = "all"


Source = Annotated[
    str,
    typer.Argument(metavar="SOURCE", help="A folder, container or SAS link, a table of records, a IIIF manifest."),
]
Models = Annotated[
    list[str] | None,
    typer.Option("--model", metavar="MODEL", help="As elsewhere; repeatable, each keeps its own texts."),
]
Alternatives = Annotated[
    int, typer.Option("--alternatives", min=0, max=49, help="Keep N further captions a picture, for search.")
]
Restricted = Annotated[
    list[str] | None,
    typer.Option("--restricted", metavar="PATTERN", help="Mark pictures of such addresses: they never leave."),
]
Language = Annotated[str, typer.Option("--lang", metavar="TAG", help="Of texts in records that name none (BCP 47).")]
AllPages = Annotated[
    Pages, typer.Option("--pages", metavar="WHICH", help="Of a TIFF with several: `first`, or `all`, a picture each.")
]
Mapping = Annotated[
    str | None,
    typer.Option("--mapping", metavar="FILE", help="TOML that says what columns mean, or met, artic, harvard, plain."),
]
AllowHosts = Annotated[
    list[str] | None,
    typer.Option("--allow-host", metavar="HOST[:PORT]", help="A host of your own network to fetch from. Repeatable."),
]
Rate = Annotated[float, typer.Option("--rate", min=0.01, help="Requests a second to one host, at most.")]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Take pictures again that failed before.")]
Verify = Annotated[bool, typer.Option("--verify", help="Read every picture again and compare its digest.")]
Refresh = Annotated[bool, typer.Option("--refresh", help="Write machine texts of another version of a model anew.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done and how long it would take.")]


def collect(
    source: Source,
    collection: Annotated[str, typer.Argument(metavar="COLLECTION", help="The file to make or renew, *.sqlite.")],
    models: Models = None,
    beam: Beam = None,
    alternatives: Alternatives = 4,
    avoid: decoding.Avoid = None,
    gender_neutral: decoding.GenderNeutral = None,
    others: external.With = None,
    external_settings: external.SettingsFile = None,
    budget: external.BudgetLimit = None,
    restricted: Restricted = None,
    lang: Language = "en",
    pages: AllPages = Pages.first,
    mapping: Mapping = None,
    allow_hosts: AllowHosts = None,
    rate: Rate = 5.0,
    retry_failed: RetryFailed = False,
    verify: Verify = False,
    refresh: Refresh = False,
    dry_run: DryRun = False,
    spark: clusters.Spark = None,
    work: clusters.Work = None,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Caption every picture of a house and keep the result as one file.

    Cut off, the same command goes on; run again, it takes only what is new or changed. What people wrote, approved or
    deleted stays. The exit code is 1 when pictures failed or were put off.
    """
    given = locals()
    with opened(as_json=as_json, plain=plain, goes_on=not dry_run) as output, ExitStack() as stack:
        clusters.check(spark, work=work)
        asked = external.chosen(others, external_settings, budget)
        asked.open(stack)
        stack.callback(asked.summary, output)
        choices = {**_choices(given), "others": asked.captioners}
        _run(output, source, collection, choices, {"spark": spark, "work": work}, dry_run=dry_run)


def _choices(given: dict[str, Any]) -> dict[str, Any]:
    """What the command's parameters choose for the verb, its captioners loaded."""
    options = decoding.chosen(avoid=given["avoid"], gender_neutral=given["gender_neutral"])
    return {
        **{name: given[name] for name in _NAMED_ALIKE},
        "pages": given["pages"].value,
        "per_second": given["rate"],
        "restricted": tuple(given["restricted"] or ()),
        "allow_hosts": tuple(given["allow_hosts"] or ()),
        "captioners": _loaded(given["models"], given["beam"], given["alternatives"], options),
    }


def _loaded(
    models: list[str] | None, beam: int | None, alternatives: int, options: DecodingChanges
) -> list[BundleCaptioner]:
    from mezzetin import api

    named: list[str | None] = [*models] if models else [None]
    return [api.load_captioner(model, beam=beam, alternatives=alternatives, **options) for model in named]


def _run(
    output: Output,
    source: str,
    collection: str,
    choices: dict[str, Any],
    where: dict[str, Any],
    *,
    dry_run: bool,
) -> None:
    """Do it, or say what would be done; exit code 1 where something failed."""
    from mezzetin import api

    if dry_run:
        _tell_forecast(output, api.foresee(source, collection, report=output.report, **choices))
        return
    done = api.collect(source, collection, report=output.report, **where, **choices)
    _tell(output, done, collection)
    if done.has_failures:
        raise typer.Exit(1)


def _tell(output: Output, done: Collected, collection: str) -> None:
    output.record({**done.to_json(), "collection": collection})
    for line in collected_lines(done):
        output.say(line)
    for what, example in list(done.examples.items())[:_SHOWN]:
        output.tell(f"{what}: {example}")


def collected_lines(done: Collected) -> Iterator[str]:
    """What a terminal shows of a run."""
    rate = f" in {done.seconds:,.1f} s ({done.per_second:.1f} a second)" if done.described else ""
    yield f"{done.pictures:,} pictures of {done.source}: {done.described:,} described{rate}"
    found = [f"{done.what[name]:,} {name}" for name in ("new", "changed", "moved", "back", "forgotten")]
    found += [f"{done.gone:,} gone", f"{done.what['same']:,} as before"]
    yield ", ".join(part for part in found if not part.startswith("0 ")) or "nothing found"
    for number, said in _remarks(done):
        if number:
            yield f"{number:,} {said}"


def _remarks(done: Collected) -> Iterator[tuple[int, str]]:
    yield done.kept, "texts not written: a person has had the last word"
    yield done.given, "texts came with the records"
    for code, number in done.failed.items():
        yield number, f"failed: {code}"
    yield done.failed_before, "failed before: --retry-failed takes them again"
    for name, number in done.silent.items():
        yield number, f"without a text of {name}"
    for reason, number in done.defects.items():
        yield number, f"rows of no use: {reason}"
    for reason, number in done.left_out.items():
        yield number, f"left out: {reason}"
    yield done.restricted, "restricted: not sent to anybody"
    yield done.put_off, "put off, their host does not answer: run the same command later"
    yield done.more_pages, "further pages of TIFFs: --pages all takes them too"
    yield not done.listed, "part of the source could not be listed, so nothing counts as gone"


def _tell_forecast(output: Output, found: Forecast) -> None:
    from mezzetin.collection.collecting.pace import duration

    output.record(found.to_json())
    output.say(f"{found.pictures:,} pictures of {found.source}: {found.new:,} new, {found.same:,} as before")
    if found.failed_before:
        output.say(f"{found.failed_before:,} failed before: --retry-failed takes them again")
    for reason, number in (*found.defects.items(), *found.left_out.items()):
        output.say(f"{number:,} rows without a picture: {reason}")
    for name, number in found.asked.items():
        output.say(f"{name} would be asked for {number:,}")
    if found.seconds is None:
        output.say(f"none of the {found.sampled} pictures of the sample could be read: no time can be told")
    elif found.to_read:
        spoiled = f", {found.sample_failed} of which can't be read" if found.sample_failed else ""
        output.say(f"about {duration(found.seconds)}, by {found.sampled} pictures{spoiled}")
