"""The verb `collect` on Spark: the executors describe, the driver enters, and an ordinary run sees to the rest.

Enters: a source, a collection, loaded captioners, a session. Leaves: the collection that `collect` would have made. A
first pass lists what has to be described and has executors do it; the rows are merged; then `collect` itself runs
over the source, finds nearly everything done, and does what is its alone: texts that came with records, moved and
vanished pictures, restricted ones, further pages, other people's captioners, pictures of the web.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Unpack, cast

from mezzetin.captioner import BundleCaptioner
from mezzetin.collection.collect import collect as collect_here
from mezzetin.collection.collecting.merging import MergeRow, merge_rows
from mezzetin.collection.collecting.options import CollectChoices, Collected, CollectOptions
from mezzetin.collection.collecting.panel import Panel
from mezzetin.collection.collecting.planning import Planner, known_bytes
from mezzetin.collection.opening import Collection
from mezzetin.collection.sources import SourceOptions, SourceRecord, Web, open_source
from mezzetin.errors import InputError
from mezzetin.external import External
from mezzetin.records import Progress
from mezzetin.spark import job
from mezzetin.spark.captioning import Wanted, describe
from mezzetin.spark.listing import Entry
from mezzetin.spark.tasks import read_part
from mezzetin.storage.paths import Place


def _silent(progress: Progress) -> None:
    pass


def collect(
    session: Any,
    source: str | Path,
    collection: str | Path,
    *,
    captioners: Sequence[BundleCaptioner],
    others: Mapping[str, External] | None = None,
    work: str | Path | None = None,
    report: job.Report = _silent,
    **choices: Unpack[CollectChoices],
) -> Collected:
    """Describe every picture of a source on Spark and keep the result as one SQLite file; the same call goes on.

    The arguments are those of `mezzetin.collect`; `work` is a folder that all machines see, where finished parts are
    kept until they are merged, by default beside the collection. Restricted pictures and the web's stay here.

    Raises:
        InputError: the source is none, or has no pictures.
        FormatError: `collection` is something else, or of a newer format.
        EnvironmentProblem: the job ended; the same call goes on.
    """
    if choices.get("verify"):
        raise InputError("--verify compares the digests of all pictures on this machine: leave --spark away")
    begun = time.monotonic()
    path = Path(collection).expanduser()
    folder = Place.of(path.with_name(f"{path.name}.spark") if work is None else work)
    merged, options = _Merged(), CollectOptions(**choices)
    with ExitStack() as stack:
        web = stack.enter_context(Web(choices.get("allow_hosts", ())))
        panel = stack.enter_context(Panel(captioners, others or {}))
        kept = stack.enter_context(Collection.open(path, create=True))
        for name, captioner in panel.own.items():
            wanted = _Wanted(str(source), name, Panel([captioner], {}), options, web)
            done = describe(session, folder, wanted.entries(kept), Wanted(captioner), report)
            _merge(kept, wanted, _rows(folder, done, wanted, kept, merged, report), merged)
    # What failed on the executors a moment ago is not to be tried here: it may have ended a process there.
    choices["retry_failed"] = False
    here = collect_here(source, path, captioners=captioners, others=others, report=report, **choices)
    job.clear(folder)
    return _together(here, merged, time.monotonic() - begun)


@dataclass(slots=True)
class _Merged:
    """What became of the executors' rows."""

    new: int = 0
    texts: Counter[str] = field(default_factory=Counter)
    kept: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)


class _Wanted:
    """What one captioner has still to describe of a source."""

    def __init__(self, source: str, name: str, panel: Panel, options: CollectOptions, web: Web) -> None:
        self.source = open_source(source, SourceOptions(web, options.mapping, options.lang))
        self.name, self._planner = name, Planner(panel, options)

    def entries(self, collection: Collection) -> Iterator[Entry]:
        """The pictures that executors may read: files and blobs, not restricted ones."""
        records = (record for record in self.source.records() if isinstance(record, SourceRecord))
        for plan in self._planner.plans(records, collection):
            record = plan.record
            if plan.reads and not plan.restricted and isinstance(record.picture, Place):
                yield Entry(record.uri, record.picture, record.stamp)

    def may_have_moved(self, collection: Collection, row: Mapping[str, Any]) -> bool:
        """Whether these bytes were met in a place that is empty now: whoever collects here moves their texts along."""
        if not row["sha256"]:
            return False
        alike = [known.picture.uri for known in known_bytes(collection, row["sha256"], 0)]
        return row["uri"] not in alike and any(not self.source.still_there(uri) for uri in alike)


def _merge(collection: Collection, wanted: _Wanted, rows: Iterator[MergeRow], merged: _Merged) -> None:
    """Enter what was said."""
    before = _count(collection)
    outcomes = merge_rows(collection, rows, source=wanted.source.name, who=wanted.name, settings={"spark": True})
    merged.new += _count(collection) - before
    merged.texts[wanted.name] += outcomes["written"]
    merged.kept += outcomes["kept"]


def _count(collection: Collection) -> int:
    row = collection.one("SELECT count(*) FROM pictures")
    return int(row[0]) if row else 0


def _rows(
    folder: Place, done: job.Done, wanted: _Wanted, collection: Collection, merged: _Merged, report: job.Report
) -> Iterator[MergeRow]:
    number = 0
    for part, _ in done.parts:
        for row in read_part(folder, part):
            number += 1
            report(Progress("merge", number, done.rows))
            if wanted.may_have_moved(collection, row):
                continue
            if row["error"] is not None:
                merged.failed[row["error"]["code"]] += 1
                merged.examples.setdefault(row["error"]["code"], f"{row['uri']}: {row['error']['message']}")
            yield _merge_row(row, wanted.name)


def _merge_row(row: dict[str, Any], name: str) -> MergeRow:
    told: dict[str, Any] = {key: value for key, value in row.items() if value is not None}
    told["captioner"] = name
    told["alternatives"] = [(one["text"], one["log_probability"]) for one in row["alternatives"] or ()]
    told["tokens"] = [(one["text"], one["probability"]) for one in row["tokens"] or ()]
    return cast(MergeRow, told)


def _together(done: Collected, merged: _Merged, seconds: float) -> Collected:
    """What both passes did: what was merged by the first is as before, or failed before, to the second."""
    failed = merged.failed.total()
    done.described += merged.texts.total() if len(merged.texts) == 1 else max(merged.texts.values(), default=0)
    done.texts += merged.texts
    done.kept += merged.kept
    done.failed += merged.failed
    done.failed_before = max(0, done.failed_before - failed)
    done.what["new"] += merged.new
    done.what["same"] = max(0, done.what["same"] - merged.new)
    done.examples.update(merged.examples)
    done.seconds = seconds
    return done
