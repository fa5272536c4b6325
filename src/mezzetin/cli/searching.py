"""`mezzetin search`: a question and a collection in, the pictures that answer it out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mezzetin.cli.output import AsJson, Model, Output, Plain, opened
from mezzetin.errors import InputError

if TYPE_CHECKING:
    from mezzetin.retrieval.records import Found, Hit

_MANY = list[str] | None


Arguments = Annotated[
    list[str],
    typer.Argument(metavar="[QUERY] COLLECTION", help="What to find, in words, and the file that `collect` made."),
]
Like = Annotated[str | None, typer.Option("--like", metavar="IMAGE", help="Find what is like this picture of it.")]
OfYours = Annotated[str | None, typer.Option("--picture", metavar="FILE", help="Find what is like a picture of yours.")]
Rerank = Annotated[
    int,
    typer.Option("--rerank", min=0, max=50, help="Ask the captioner of so many first hits how likely the query is."),
]
Status = Annotated[
    _MANY, typer.Option("--status", metavar="NAME", help="Only texts of this status, such as approved; repeatable.")
]
Source = Annotated[
    _MANY, typer.Option("--source", metavar="PLACE", help="Only pictures of this collected place; repeatable.")
]
DateFrom = Annotated[str | None, typer.Option("--from", metavar="DATE", help="A year or day, or later.")]
DateTo = Annotated[str | None, typer.Option("--to", metavar="DATE", help="A year or day, or earlier.")]
Artist = Annotated[str | None, typer.Option("--artist", help="Only artists whose name holds this.")]
MinConfidence = Annotated[
    float | None, typer.Option("--min-confidence", min=0, max=1, help="Only texts at least so sure.")
]
MaxConfidence = Annotated[
    float | None, typer.Option("--max-confidence", min=0, max=1, help="Only texts at most so sure.")
]
Lang = Annotated[
    str | None, typer.Option("--lang", metavar="TAG", help="Only pictures with a text in this language, such as en.")
]
Licence = Annotated[str | None, typer.Option("--licence", help="Only licences that hold this.")]
Sentences = Annotated[
    str | None,
    typer.Option("--sentences", metavar="PATH", help="The sentence model, or `none`. Default: the one found here."),
]
_OF_FILTER = ("artist", "date_from", "date_to", "min_confidence", "max_confidence", "lang", "licence")
_OF_SEARCH = ("like", "picture", "offset", "rerank", "model", "sentences")
"""The parameters of `search` that are a filter's or the verb's under the same name."""


def search(
    arguments: Arguments,
    like: Like = None,
    picture: OfYours = None,
    number: Annotated[int, typer.Option("-n", min=1, max=1000, help="How many hits, at most.")] = 10,
    offset: Annotated[int, typer.Option(min=0, max=1000, help="How many hits to pass over.")] = 0,
    rerank: Rerank = 0,
    status: Status = None,
    source: Source = None,
    date_from: DateFrom = None,
    date_to: DateTo = None,
    artist: Artist = None,
    min_confidence: MinConfidence = None,
    max_confidence: MaxConfidence = None,
    lang: Lang = None,
    licence: Licence = None,
    model: Model = None,
    sentences: Sentences = None,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Find pictures by what they show and what is said of them.

    Words in double quotes must stand in a picture's texts as they are. --like and --picture take no QUERY.
    """
    given = locals()
    with opened(as_json=as_json, plain=plain) as output:
        from mezzetin import api
        from mezzetin.retrieval.filters import Filter

        if len(arguments) > 2 or (len(arguments) == 2) == (like is not None or picture is not None):
            raise InputError("name a query, in quotes, and a collection, or a collection with --like or --picture")
        narrowed = {name: given[name] for name in _OF_FILTER}
        choices = {name: given[name] for name in _OF_SEARCH}
        choices["filter"] = Filter(statuses=tuple(status or ()), sources=tuple(source or ()), **narrowed)
        query = arguments[0] if len(arguments) == 2 else None
        found = api.search(query, arguments[-1], limit=number, report=output.report, **choices)
        _tell(output, found)


def _tell(output: Output, found: Found) -> None:
    for hit in found.hits:
        output.record(hit_to_json(hit))
        for line in _lines(hit):
            output.say(line)
    if not found.hits:
        output.tell("nothing found")
    elif found.more:
        output.tell("there are more: -n shows more of them")
    for note in found.notes:
        output.tell(f"note: {note}")


def hit_to_json(hit: Hit) -> dict[str, Any]:
    """How a line of `--json` tells of a hit."""
    picture, text = hit.picture, hit.text
    return {
        "picture": picture.id,
        "uri": picture.uri,
        "page": picture.page,
        "record_id": picture.record_id,
        "title": picture.title,
        "artist": picture.artist,
        "date": picture.date,
        "licence": picture.licence,
        "text": text.text if text else None,
        "lang": text.lang if text else None,
        "status": text.status if text else None,
        "confidence": text.confidence if text else None,
        "score": hit.score,
        "why": list(hit.why),
    }


def _lines(hit: Hit) -> list[str]:
    picture, text = hit.picture, hit.text
    named = ", ".join(part for part in (picture.artist, picture.title, picture.date) if part)
    said = f"{text.text}  [{text.status}]" if text else "(no text)"
    return [f"{picture.id}  {said}", *([f"    {named}"] if named else []), f"    {picture.uri}"]
