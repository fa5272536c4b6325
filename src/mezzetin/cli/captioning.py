"""`mezzetin caption`: pictures in, a line a picture out, as they are ready."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from mezzetin.cli import clusters, decoding, external
from mezzetin.cli.output import AsJson, Beam, Model, Output, Plain, model_to_json, opened
from mezzetin.errors import InputError
from mezzetin.records import Caption, Progress

if TYPE_CHECKING:
    from mezzetin.bundle import Bundle
    from mezzetin.captioner import BundleCaptioner
    from mezzetin.decoding.options import DecodingChanges

UNLIKE_NOTE = "(unlike the pictures this model learned from)"
SHEET_NOTICE = "The model's terms are in LICENSE.md beside its weights."
"""A page is passed on: it names no path of this machine."""
_PAGES = frozenset({".html", ".htm"})
_NAMED_ALIKE = (
    "min_words",
    "max_words",
    "length_penalty",
    "no_repeat",
    "good_endings",
    "match",
    "avoid",
    "gender_neutral",
    "diversity",
    "top_p",
    "temperature",
    "seed",
)
"""The parameters of `caption` that are options of the decoding under the same name."""


Alternatives = Annotated[int, typer.Option("--alternatives", min=0, max=49, help="Print N further captions a picture.")]
MaxPixels = Annotated[
    int | None, typer.Option("--max-pixels", min=1, help="Refuse pictures of more pixels. Default: 500 million.")
]
MinConfidence = Annotated[
    float | None,
    typer.Option("--min-confidence", min=0, max=1, help="Withhold less sure captions; that is no failure."),
]
ContactSheet = Annotated[
    str | None,
    typer.Option("--contact-sheet", metavar="FILE.html", help="Also write the pictures with their captions as a page."),
]


def caption(
    places: Annotated[list[str], typer.Argument(metavar="PATH_OR_FOLDER", help="Pictures, or folders of them.")],
    model: Model = None,
    beam: Beam = None,
    alternatives: Alternatives = 0,
    max_pixels: MaxPixels = None,
    min_confidence: MinConfidence = None,
    contact_sheet: ContactSheet = None,
    min_words: decoding.MinWords = None,
    max_words: decoding.MaxWords = None,
    length_penalty: decoding.LengthPenalty = None,
    no_repeat: decoding.NoRepeat = None,
    good_endings: decoding.GoodEndings = None,
    match: decoding.Match = None,
    avoid: decoding.Avoid = None,
    gender_neutral: decoding.GenderNeutral = None,
    diverse: decoding.Diverse = None,
    diversity: decoding.Diversity = None,
    sample: decoding.Sample = None,
    top_p: decoding.TopP = None,
    temperature: decoding.Temperature = None,
    seed: decoding.Seed = None,
    others: external.With = None,
    external_settings: external.SettingsFile = None,
    budget: external.BudgetLimit = None,
    restricted: external.Restricted = None,
    spark: clusters.Spark = None,
    table: clusters.Table = None,
    delta: clusters.AsDelta = False,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Caption pictures.

    Prints a line a picture, in order; one that can't be read is a line on stderr, and the exit code is 1.
    """
    given = locals()
    with opened(as_json=as_json, plain=plain) as output:
        _carry_out(output, given)


def caption_to_json(name: str, row: Caption) -> dict[str, Any]:
    """The object of one picture: keys are always all there, `error` is null or `{code, message}`."""
    return {
        "image": name,
        "caption": row.text,
        "language": row.language,
        "confidence": row.confidence,
        "alternatives": [{"text": a.text, "log_probability": a.log_probability} for a in row.alternatives],
        "unlike_training": row.unlike_training,
        "model": model_to_json(row.model),
        "error": None if row.error is None else {"code": row.error.code, "message": row.error.message},
    }


def _loaded(
    model: str | None,
    beam: int | None,
    alternatives: int,
    max_pixels: int | None,
    min_confidence: float | None,
    options: DecodingChanges,
) -> BundleCaptioner:
    from mezzetin import api
    from mezzetin.pixels import DEFAULT_MAX_PIXELS

    return api.load_captioner(
        model,
        beam=beam,
        alternatives=alternatives,
        max_pixels=max_pixels or DEFAULT_MAX_PIXELS,
        min_confidence=min_confidence,
        **options,
    )


def _carry_out(output: Output, given: dict[str, Any]) -> None:
    """Do what the command's parameters ask for, here or with Spark."""
    decoded = {name: given[name] for name in _NAMED_ALIKE}
    options = decoding.chosen(**decoded, samples=given["sample"], groups=given["diverse"])
    sheet = _page_name(given["contact_sheet"])
    beside = external.chosen(given["others"], given["external_settings"], given["budget"], given["restricted"])
    spark, table, delta, min_confidence = (given[name] for name in _Where._fields)
    clusters.check(spark, table=table, delta=delta)
    captioner = _loaded(
        given["model"], given["beam"], given["alternatives"], given["max_pixels"], min_confidence, options
    )
    places = given["places"]
    if spark is None:
        _caption_all(output, beside.beside(captioner, places), places, captioner, sheet, beside)
    else:
        _caption_on(output, _Where(spark, table, delta, min_confidence), places, captioner, sheet, beside)


class _Where(NamedTuple):
    """Where Spark captions, and what it makes."""

    spark: str
    table: str | None
    delta: bool
    min_confidence: float | None


def _caption_on(
    output: Output,
    where: _Where,
    places: list[str],
    captioner: BundleCaptioner,
    sheet: Path | None,
    others: external.Others,
) -> None:
    """Have Spark caption: into a table, or to be printed as ever."""
    from mezzetin import api
    from mezzetin.gauge import LOW_CONFIDENCE

    if others.captioners:
        raise InputError("--with asks other captioners from this machine: leave it away, or leave --spark away")
    if where.table is None:
        if where.delta:
            raise InputError("--delta says what kind of table: name its place with --table")
        made = api.caption(
            places, captioner=captioner, min_confidence=where.min_confidence, spark=where.spark, report=output.report
        )
        _caption_all(output, ((name, row, {}) for name, row in made), places, captioner, sheet, others)
        return
    if sheet:
        raise InputError("--contact-sheet is for captions that are printed: leave it or --table away")
    how: dict[str, Any] = {"captioner": captioner, "min_confidence": where.min_confidence, "delta": where.delta}
    table = api.caption_table(places, where.table, spark=where.spark, report=output.report, **how)
    output.record(table.to_json())
    for line in table.lines():
        output.say(line)
    output.tell(_licence(captioner.bundle))
    if set(table.failed) - {LOW_CONFIDENCE}:
        raise typer.Exit(1)


def _caption_all(
    output: Output,
    rows: Iterable[external.Row],
    places: list[str],
    captioner: BundleCaptioner,
    sheet: Path | None,
    others: external.Others,
) -> None:
    """Print every picture's caption, and the page if there is to be one; exit code 1 where one of ours failed."""
    from mezzetin import api
    from mezzetin.gauge import is_withheld

    failed, withheld, kept = 0, 0, []
    for done, (name, row, beside) in enumerate(rows, start=1):
        _print(output, name, row, beside)
        unsure = is_withheld(row)
        withheld += unsure
        failed += row.error is not None and not unsure
        output.report_rows(Progress("caption", done, None, _counts(failed, withheld)))
        if sheet:
            kept.append((name, row))
    licence = _licence(captioner.bundle)
    if sheet:
        api.contact_sheet(_counted(output, kept), sheet, places=places, notice=SHEET_NOTICE)
        output.tell(f"contact sheet: {sheet}")
    if withheld:
        output.tell(f"{withheld:,} of {done:,} captions withheld: less sure than --min-confidence")
    others.summary(output)
    if not output.as_json:
        output.tell(licence)
    if failed:
        raise typer.Exit(1)


def _print(output: Output, name: str, row: Caption, beside: Mapping[str, Caption]) -> None:
    output.record({**caption_to_json(name, row), **external.beside_to_json(beside)})
    from mezzetin.gauge import is_withheld

    told = row.error is None or is_withheld(row)
    if told:
        _say(output, name, row)
    elif row.error and not output.as_json:
        output.tell(f"{name}: error: {row.error.message}")
    if told:
        for line in external.beside_lines(beside):
            output.say(line)


def _say(output: Output, name: str, row: Caption) -> None:
    from mezzetin.contactsheet import UNLIKE_TRAINING

    said = f"(withheld: {row.error.message})" if row.error else str(row.text)
    if row.confidence is not None and not row.error:
        said = f"{said} (confidence {row.confidence:.2f})"
    unlike = row.unlike_training is not None and row.unlike_training >= UNLIKE_TRAINING
    output.say(f"{name}: {said} {UNLIKE_NOTE}" if unlike else f"{name}: {said}")
    for other in row.alternatives:
        output.say(f"    {other.text}")


def _counts(failed: int, withheld: int) -> str:
    """Abstaining is told apart from failing."""
    parts = [f"{count:,} {what}" for count, what in ((failed, "failed"), (withheld, "withheld")) if count]
    return ", ".join(parts)


def _counted(output: Output, rows: list[tuple[str, Caption]]) -> Iterator[tuple[str, Caption]]:
    for done, row in enumerate(rows, start=1):
        yield row
        output.report(Progress("contact sheet", done, len(rows)))


def _page_name(name: str | None) -> Path | None:
    """Refuse a name early, and above all that of a picture, which the page would overwrite."""
    if name is None:
        return None
    path = Path(name).expanduser()
    if path.suffix.lower() not in _PAGES:
        raise InputError(f"the contact sheet {name} would be a page: name a file that ends in .html")
    if not path.parent.is_dir():
        raise InputError(f"the contact sheet can't be written: there is no folder {path.parent}, make it first")
    return path


def _licence(bundle: Bundle) -> str:
    info = bundle.info
    files = sorted(entry["name"] for entry in bundle.manifest["files"] if "LICENSE" in entry["name"].upper())
    where = f": see {bundle.folder / files[0]}" if files else ""
    return f"model {info.name} {info.version}, licence {info.licence}{where}"
