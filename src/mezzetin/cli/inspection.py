"""`mezzetin inspect`: a dataset in, one screen of what it holds out; everything as JSON, pictures on a page."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from mezzetin.cli.output import AsJson, Plain, opened

if TYPE_CHECKING:
    from mezzetin.data.inspection import Inspection
    from mezzetin.data.inspection.pictures import Spread
    from mezzetin.data.inspection.themes import ThemeFacts

_WIDTH, _INDENT = 100, 11
_WORDS = 14
_PAIRS = 3


def inspect(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="What `mezzetin ingest` made.")],
    html: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write one page with pictures, to be opened anywhere.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Only this split. Default: all.")] = None,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Show what a dataset holds and what is wrong with it.

    Counts, sizes, captions, words, pictures that several splits share, and what the pictures are mostly of. The exit
    code is 1 when pictures can't be decoded any more.
    """
    with opened(as_json=as_json, plain=plain) as output:
        from mezzetin import api

        found = api.inspect(dataset, html=html, split=split, report=output.report)
        for line in screen(found):
            output.say(line)
        output.record(found.to_json() | ({} if html is None else {"html": html}))
        if html is not None:
            output.say(f"page: {html}")
    if found.pictures.damaged:
        raise typer.Exit(1)


def screen(found: Inspection) -> Iterator[str]:
    """What a terminal shows of an inspection: about thirty lines of at most 100 columns."""
    from mezzetin.data.inspection.findings import leanings, warnings

    of = "" if found.split is None else f" of split {found.split}"
    languages = ", ".join(found.captions.languages)
    yield f"{found.dataset}: {found.pictures.count:,} pictures, {found.captions.count:,} captions in {languages}{of}"
    for label, text in (
        ("splits", _splits(found)),
        ("pictures", _pictures(found)),
        ("captions", _captions(found)),
        ("repeated", _repeated(found)),
        ("shared", _shared(found)),
    ):
        yield from _paragraph(label, text)
    yield from _words(found)
    for label, text in _themes(found.themes):
        yield from _paragraph(label, text)
    for label, sentences in (("note", leanings(found)), ("warning", warnings(found))):
        for sentence in sentences:
            yield from _paragraph(f"{label}:", sentence)
    # Its first two lines are the sizes and the splits, which stand above.
    for line in found.ingest.lines()[2:]:
        yield from _paragraph("ingest:", line)


def _paragraph(label: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=f"{label:<{_INDENT}}",
        subsequent_indent=" " * _INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _splits(found: Inspection) -> str:
    parts = []
    for split, by in found.ingest.rows.items():
        lost = ", ".join(f"{status.replace('_', ' ')} {count:,}" for status, count in by.items() if status != "ok")
        parts.append(f"{split} {by.get('ok', 0):,}" + (f" (and {lost})" if lost else ""))
    return f"{', '.join(parts)}; {found.ingest.splits['made']}"


def _pictures(found: Inspection) -> str:
    pictures = found.pictures
    formats = ", ".join(f"{name.upper()} {count:,}" for name, count in pictures.formats.items())
    return (
        f"{formats}; {pictures.total_bytes / 1e6:,.1f} MB; "
        f"{_spread(pictures.width)} pixels wide, {_spread(pictures.height)} high; "
        f"{pictures.small:,} under 64, {pictures.tiny:,} under 32; {found.ingest.reduced:,} stored reduced"
    )


def _spread(of: Spread) -> str:
    return f"{of.least:,}" if of.least == of.most else f"{of.least:,} to {of.most:,} (median {of.median:,})"


def _captions(found: Inspection) -> str:
    captions = found.captions
    each = ", ".join(f"{number} at {count:,}" for number, count in list(captions.a_picture.items())[:6])
    more = ", …" if len(captions.a_picture) > 6 else ""
    at = captions.percentiles
    return (
        f"{each}{more} pictures; {captions.mean_length:.1f} words on average, half have {at['25']} to {at['75']}, "
        f"99 % at most {at['99']}, the longest {max(captions.lengths)}; "
        f"{captions.overlong:,} over 50 words, {captions.wordless:,} without a word"
    )


def _repeated(found: Inspection) -> str:
    from mezzetin.data.inspection.findings import number

    captions = found.captions
    first = "; ".join(f"{text.pictures} times {text.text[:60]!r}" for text in captions.most_repeated[:2])
    return (
        f"{number(captions.repeated, 'text')} at several pictures ({captions.repeated_captions:,} captions), "
        f"{captions.repeated_at_one:,} twice at one picture" + (f"; {first}" if first else "")
    )


def _shared(found: Inspection) -> str:
    shared = found.shared
    if not shared.same and not shared.alike:
        return f"no picture is in two splits, by its bytes or by its look (hashes within {shared.max_distance} bits)"
    parts = []
    for what, counts, pairs in (
        ("the same file", shared.same, shared.same_pairs),
        (f"the same look (within {shared.max_distance} bits)", shared.alike, shared.alike_pairs),
    ):
        if counts:
            by_split = ", ".join(f"{count:,} of {split}" for split, count in counts.items())
            names = ((found.samples[pair.first].image_id, found.samples[pair.second].image_id) for pair in pairs)
            named = [f"{first} = {second}" for first, second in names][:_PAIRS]
            parts.append(f"{what}: {by_split} ({', '.join(named)}{', …' if len(pairs) > len(named) else ''})")
    return "; ".join(parts)


def _words(found: Inspection) -> Iterator[str]:
    """The table of vocabularies, and the most frequent words."""
    words = found.words
    cleaned = words.cleaned_coverage
    columns = [("at least", "words", "running", "different")]
    columns += [
        (f"{line.min_count}×", f"{line.words:,}", _share(line.tokens), _share(line.types)) for line in words.coverage
    ]
    columns.append(("cleaned", f"{cleaned.words:,}", _share(cleaned.tokens), _share(cleaned.types)))
    of = f" of {words.other}" if words.other else ""
    labels = (f"in {words.learned}", "vocabulary", f"covers{of}", "")
    indent = max(_INDENT, *(len(label) + 2 for label in labels))
    for row in range(2 if words.other is None else 4):
        cells = "".join(
            f"{column[row]:>10}" if number else f"{column[row]:<9}" for number, column in enumerate(columns)
        )
        yield f"{labels[row]:<{indent}}{cells}".rstrip()
    telling = ", ".join(f"{word} {count:,}" for word, count in words.telling[:_WORDS])
    yield from _paragraph("frequent", telling)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def _themes(themes: ThemeFacts) -> Iterator[tuple[str, str]]:
    if not themes.pictures:
        return
    from mezzetin.data.inspection.findings import percent

    groups = {
        "people": ("people", "man", "woman", "child", "crowd"),
        "animals": ("animals", "dog", "cat", "horse", "bird", "other animal"),
        "places": ("outdoors", "indoors", "city", "water", "night"),
        "seasons": ("snow and winter", "summer"),
        "also": ("sport", "vehicle", "food"),
    }
    for label, names in groups.items():
        shares = [f"{name} {percent(themes.share(name))}" for name in names]
        yield label, ", ".join(shares)
