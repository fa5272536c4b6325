"""`export`: what a house publishes of its collection, in one of the formats that others read.

Enters: a collection and an order. Leaves: files, and a count of what is in them. `FORMATS` is the plug-in point: a
format is a function that takes the open collection, the order and the record to fill.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mezzetin.collection.opening import Collection
from mezzetin.errors import InputError
from mezzetin.publication import copies, iiif, jsonld, sidecars, site, tables
from mezzetin.publication.order import Exported, Order, Problem, Report
from mezzetin.publication.rows import Selection
from mezzetin.storage.paths import Place


@dataclass(frozen=True, slots=True)
class Format:
    """A format: what writes it, a few words for people, whether it can go into the pictures' own places.

    `options` are the names of those that it takes beside the choice of texts.
    """

    write: Callable[[Collection, Order, Exported], None]
    makes: str
    in_place: bool = False
    options: tuple[str, ...] = ()


FORMATS: dict[str, Format] = {
    "csv": Format(tables.write_csv, "a table for spreadsheets"),
    "jsonl": Format(tables.write_jsonl, "a table, one JSON object a line"),
    "parquet": Format(tables.write_parquet, "a table for pyarrow, pandas, DuckDB or Spark"),
    "xmp": Format(sidecars.write, "an XMP sidecar a picture", in_place=True),
    "embed": Format(copies.write, "copies of the pictures with their texts inside", in_place=True),
    "iiif": Format(iiif.write, "IIIF manifests and annotations for viewers", options=("base_url", "title")),
    "jsonld": Format(jsonld.write, "schema.org descriptions for search engines"),
    "html": Format(site.write, "a gallery that needs no server", options=("base_url", "title")),
}


def export(
    collection: str | Path,
    target: str | Path | None = None,
    *,
    format: str,
    texts: str = "approved",
    langs: Sequence[str] = (),
    sources: Sequence[str] = (),
    sampled: bool = True,
    with_restricted: bool = False,
    in_place: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    options: Mapping[str, Any] | None = None,
    report: Report | None = None,
    note: Callable[[Problem], None] | None = None,
) -> Exported:
    """Publish the texts of a collection that people approved, or `texts="all"`, those of machines labelled as such.

    `langs` are BCP 47 tags, `sources` what was collected (empty: all); `sampled` includes what was approved by sample.
    `in_place` writes beside the pictures (xmp) or into them (embed) and takes no target. `dry_run` writes nothing.
    Cut off, the same call goes on. What is not as asked for is counted in the result and passed to `note`.

    Raises:
        InputError: the format, the choice or the target makes no sense, or a file is there already.
        EnvironmentProblem: the target can't be written.

    """
    chosen = _format(format, in_place=in_place, has_target=target is not None, options=options or {})
    selection = Selection(texts, sampled, tuple(langs), sources=tuple(sources), with_restricted=with_restricted)
    place = None if target is None else Place.of(target)
    order = Order(selection, place, in_place, overwrite, dry_run, options or {}, report or _no_one, note or _no_one)
    done = Exported(format, str(order.target or ""))
    with Collection.open(collection) as opened:
        chosen.write(opened, order, done)
    return done


def _format(name: str, *, in_place: bool, has_target: bool, options: Mapping[str, Any]) -> Format:
    """The format of a name, where it can do what is asked.

    Raises:
        InputError: it can't, or there is none.

    """
    chosen = FORMATS.get(name)
    if chosen is None:
        raise InputError(f"{name!r} is no format: choose one of {', '.join(FORMATS)}")
    if in_place and not chosen.in_place:
        able = ", ".join(other for other, one in FORMATS.items() if one.in_place)
        raise InputError(f"{name} has no --in-place, which is of {able}: name a TARGET")
    if unknown := [key for key, value in options.items() if value and key not in chosen.options]:
        raise InputError(f"{name} takes no --{unknown[0].replace('_', '-')}: leave it out, or choose another format")
    if in_place == has_target:
        raise InputError("name a TARGET, or --in-place without one, to change what lies beside the pictures")
    return chosen


def _no_one(_: object) -> None:
    """Where nobody wants to be told."""
