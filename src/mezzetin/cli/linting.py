"""`mezzetin lint`: what a person should look at before alternative texts are published."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mezzetin.cli.output import AsJson, Output, Plain, opened
from mezzetin.errors import InputError
from mezzetin.records import Progress

if TYPE_CHECKING:
    from mezzetin.alttext import Finding
    from mezzetin.collection.linting import Linted

FOUND = 1
"""The exit code where something is to be looked at."""


def lint(
    collection: Annotated[
        str | None, typer.Argument(metavar="[COLLECTION]", help="The SQLite file that `collect` made.")
    ] = None,
    text: Annotated[str | None, typer.Option("--text", metavar="TEXT", help="Look at this text instead.")] = None,
    house: Annotated[str | None, typer.Option("--house", metavar="FILE", help="The house's own rules, TOML.")] = None,
    lang: Annotated[
        str | None, typer.Option("--lang", metavar="TAG", help="Texts of this language; of --text, en by default.")
    ] = None,
    status: Annotated[
        list[str] | None, typer.Option("--status", metavar="STATUS", help="Texts of this status. Repeatable.")
    ] = None,
    kind: Annotated[
        str | None, typer.Option("--kind", metavar="KIND", help="alt or description. Default: both; of --text, alt.")
    ] = None,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Flag alternative texts that a person should look at; nothing is rewritten.

    Exit code 1 where something was found, 0 where nothing was. Rules that a house does not want are switched off in
    its file.
    """
    with opened(as_json=as_json, plain=plain) as output:
        if (collection is None) == (text is None):
            raise InputError("name a collection, or a text with --text")
        counts = _text(output, text, house, lang, kind) if text is not None else Counter[str]()
        if collection is not None:
            counts = _collection(output, collection, house=house, lang=lang, kind=kind, statuses=tuple(status or ()))
        if counts:
            raise typer.Exit(FOUND)


def _text(output: Output, text: str, house: str | None, lang: str | None, kind: str | None) -> Counter[str]:
    from mezzetin.alttext import lint as look
    from mezzetin.alttext import read_house_rules

    if kind not in (None, "alt", "description"):
        raise InputError(f"{kind!r} is no kind of text: choose alt or description")
    found = look(
        text,
        rules=read_house_rules(house),
        language=lang or "en",
        kind="description" if kind == "description" else "alt",
    )
    for finding in found:
        output.record(_plain(finding))
        output.say(f"{finding.start + 1}-{finding.end}: {finding.code}: {finding.message}")
    if not found:
        output.say("nothing to look at")
    return Counter(finding.code for finding in found)


def _collection(output: Output, collection: str, **wanted: Any) -> Counter[str]:
    from mezzetin import api

    counts: Counter[str] = Counter()
    texts = flagged = 0
    for linted in api.lint(collection, **wanted):
        texts += 1
        flagged += bool(linted.findings)
        for finding in linted.findings:
            counts[finding.code] += 1
            output.record(_told(linted, finding))
            output.say(f"{_place(linted)}:{finding.start + 1}-{finding.end}: {finding.code}: {finding.message}")
        if texts % 1000 == 0:
            output.report_rows(Progress("lint", texts, None))
    ordered = dict(counts.most_common())
    output.record({"texts": texts, "flagged": flagged, "counts": ordered})
    shares = ", ".join(f"{code} {count:,}" for code, count in ordered.items())
    output.say(f"{flagged:,} of {texts:,} texts are to be looked at{f': {shares}' if shares else ''}")
    return counts


def _place(linted: Linted) -> str:
    page = f" (page {linted.page + 1})" if linted.page else ""
    kind = " (description)" if linted.kind == "description" else ""
    return f"{linted.uri}{page}{kind} [{linted.lang}]"


def _told(linted: Linted, finding: Finding) -> dict[str, Any]:
    names = ("picture_id", "uri", "page", "record_id", "text_id", "kind", "lang", "status", "text")
    return {name: getattr(linted, name) for name in names} | _plain(finding)


def _plain(finding: Finding) -> dict[str, Any]:
    return {name: getattr(finding, name) for name in ("code", "severity", "message", "start", "end")}
