"""Ingest: read a source, look at every picture, write the dataset.

Enters: a folder, table or address of captioned pictures. Leaves: the dataset artefact, wherever it is wanted, and a
report in which every defect is counted and named. In order: choose a reader, gather its records, load pictures in
several processes while keeping their order, write parts, settle the splits, write defects, then the manifest that
makes it a dataset.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

from mezzetin.data.checks import already_there, check_source, check_target, none_there
from mezzetin.data.dataset import MANIFEST
from mezzetin.data.facts import Facts
from mezzetin.data.finish import Finished, finish, settle_splits
from mezzetin.data.gather import Gathered, Gathering
from mezzetin.data.journal import Journal
from mezzetin.data.loading import Loading
from mezzetin.data.parts import Limits, PartsWriter, rows_of
from mezzetin.data.picture import NO_CAPTIONS, Picture
from mezzetin.data.readers import READERS, choose_layout
from mezzetin.data.readers.record import ReadOptions
from mezzetin.data.report import IngestReport
from mezzetin.data.sides import keep_together, shared_images
from mezzetin.data.splits import SHARES, UNUSED, seeded_split
from mezzetin.data.target import Target
from mezzetin.errors import DatasetError
from mezzetin.storage.paths import Place, writing

Progress = Callable[[int, int | None], None]
# So many missing pictures in a row, from the first, are a wrong address and not a source with gaps.
_ALL_MISSING = 256


class Options(TypedDict, total=False):
    """How a dataset is made.

    The `layout` is recognised or named (`READERS`); `columns` says what our names are called in a table, `group_by`
    which of its columns names series that belong on one side; `language` is that of captions that name none; `seed`
    and `shares` (train, val, test) make the splits where the source has none; `licence` is noted;
    `include` ("sampled", "given") and `leave_out` ("untouched") say which texts of a collection are read;
    `allow_shared_images` keeps pictures that the source has in several splits; `limits` say where parts close;
    `processes` load pictures, by default one a processor.
    """

    layout: str | None
    language: str
    columns: Mapping[str, str] | None
    group_by: str | None
    seed: int
    licence: str | None
    shares: tuple[float, float, float]
    allow_shared_images: bool
    include: tuple[str, ...]
    leave_out: tuple[str, ...]
    limits: Limits | None
    processes: int | None


@dataclass(frozen=True, slots=True)
class _Task:
    source: Place
    target: Target
    layout: str
    language: str
    columns: Mapping[str, str]
    seed: int
    licence: str | None
    shares: tuple[float, float, float]
    allow_shared_images: bool
    limits: Limits
    include: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()

    @classmethod
    def of(cls, source: Place, dataset: Place, options: Options) -> _Task:
        """Fill in what is not said."""
        columns = dict(options.get("columns") or {})
        if group := options.get("group_by"):
            columns["group"] = group
        shares = options.get("shares", SHARES)
        if min(shares) < 0 or not sum(shares) > 0:
            raise DatasetError(f"the shares of train, val and test must be 0 or more and not all 0, not {shares}")
        include, leave_out = options.get("include", ()), options.get("leave_out", ())
        layout = choose_layout(source, options.get("layout"))
        if (include or leave_out) and layout != "collection":
            raise DatasetError(f"{source} is no collection: leave --include and --leave-out away")
        return cls(
            source=source,
            target=Target(dataset),
            layout=layout,
            language=options.get("language", "en"),
            columns=columns,
            seed=options.get("seed", 0),
            licence=options.get("licence"),
            shares=shares,
            allow_shared_images=options.get("allow_shared_images", False),
            limits=options.get("limits") or Limits(),
            include=tuple(include),
            leave_out=tuple(leave_out),
        )

    def split_of(self, key: str) -> str:
        """The split of what has this digest or name, where we make them."""
        return seeded_split(key, self.seed, self.shares)


def ingest(
    source: str | Path | Place,
    dataset: str | Path | Place,
    *,
    progress: Progress | None = None,
    loading: Loading | None = None,
    **options: Unpack[Options],
) -> IngestReport:
    """Make a dataset at `dataset` from the captioned pictures at `source`, both anywhere; return its report.

    `progress` gets (pictures done, all pictures), `options` are those of `Options`; `loading` loads the pictures in
    place of processes of this machine. An interrupted run goes on after its last finished part and ends in the same
    bytes; a dataset that is there already from the same source is reported without work.

    Raises:
        DatasetError: the source can't be used, has pictures in several splits (unless `allow_shared_images`), or
            `dataset` holds something else.
        EnvironmentProblem: the disk is full, read-only or refuses, or a store does not answer.

    """
    task = _Task.of(Place.of(source), Place.of(dataset), options)
    with loading or Loading(options.get("processes")) as loader:
        wanted = ReadOptions(task.language, task.columns, task.include, task.leave_out)
        records = READERS[task.layout].read(task.source, wanted)
        gathering = Gathering(loader.expecting(records), task.language)
        try:
            return _ingest(task, gathering, loader, progress or (lambda done, total: None))
        finally:
            gathering.close()


def _ingest(task: _Task, gathering: Gathering, loading: Loading, progress: Progress) -> IngestReport:
    made_from = _made_from(task, gathering)
    place = task.target.place
    with writing(place):
        if (place / MANIFEST).exists():
            return already_there(place, made_from)
        check_target(place, made_from)
    check_source(task.source, task.layout, gathering)
    with task.target.opened():
        journal, facts = Journal(task.target, made_from), Facts()
        try:
            resumed = bool(journal.parts)
            done = Finished(task.target, gathering, facts, journal)
            _write_parts(task, done, loading, progress)
            _check_any_usable(task, done)
            told = _told(task, gathering)
            _settle(task, done, told)
            report = finish(done, told, made_from)
        finally:
            facts.close()
    return replace(report, state="resumed") if resumed else report


def _made_from(task: _Task, gathering: Gathering) -> dict[str, Any]:
    source = task.source
    made_from: dict[str, Any] = {
        "source": str(source.local_path() if source.is_local else source),
        "layout": task.layout,
        "fingerprint": gathering.fingerprint(),
        "language": task.language,
        "licence": task.licence,
        "seed": None,
    }
    if task.columns:
        made_from["columns"] = dict(sorted(task.columns.items()))
    if not gathering.from_source:
        made_from.update(seed=task.seed, shares=list(task.shares))
    return made_from


def _told(task: _Task, gathering: Gathering) -> dict[str, Any]:
    """What the manifest says that can't be counted from the rows."""
    published = READERS[task.layout].PUBLISHED_SPLIT
    warnings = []
    if gathering.from_source:
        splits: dict[str, Any] = {"made": "as the source gives them"}
    else:
        splits = {"made": f"by content, seed {task.seed}", "seed": task.seed, "shares": list(task.shares)}
        if "group" in task.columns:
            splits["group_by"] = task.columns["group"]
        if published:
            warnings.append(
                f"no official split files ({published}) beside the captions, so pictures were split by "
                "content: scores are not comparable with published ones"
            )
    return {"language": task.language, "licence": task.licence, "splits": splits, "warnings": warnings}


def _settle(task: _Task, done: Finished, told: dict[str, Any]) -> None:
    """Decide the splits now that every picture is known, or see that the source's can be used."""
    if not done.gathering.from_source:
        told["splits"]["alike"] = keep_together(done.facts, task.split_of)
        settle_splits(done)
        return
    count, named = shared_images(done.facts)
    if count and not task.allow_shared_images:
        raise DatasetError(
            f"{count:,} pictures of {task.source} are in several splits ({'; '.join(named)}"
            f"{'; …' if count > len(named) else ''}): mend the splits, or keep them with --allow-shared-images "
            "(the work so far is kept)"
        )


def _check_any_usable(task: _Task, done: Finished) -> None:
    if not done.facts.any_usable():
        why = _why_none(task, done)
        for part in done.journal.parts:
            task.target.drop(part.name)
        done.journal.remove()
        raise DatasetError(
            f"none of the {done.gathering.captioned():,} captioned pictures of {task.source} can be used ({why}): "
            "check the files"
        )


def _why_none(task: _Task, done: Finished) -> str:
    """How many rows have which defect, and the first in words."""
    kinds: Counter[str] = Counter()
    first = ""
    for part in done.journal.parts:
        with rows_of(task.target, part) as rows:
            for row, _ in rows:
                if row["status"] == NO_CAPTIONS.status:
                    continue
                kinds[row["status"]] += 1
                if not first:
                    first = f"{row['image_id']}: {row['error']}"
    counts = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common())
    return f"{counts}; the first is {first}"


def _write_parts(task: _Task, done: Finished, loading: Loading, progress: Progress) -> None:
    facts, total = done.facts, len(done.gathering)
    entries = iter(done.gathering)
    for part in done.journal.parts:
        with rows_of(task.target, part) as rows:
            for row, likeness in rows:
                facts.add(row, likeness, next(entries).group)
    writer = PartsWriter(task.target, done.journal, task.limits)
    progress(len(facts), total)
    try:
        for entry, picture in loading.pictures(entries, total - len(facts)):
            row = _row(task, done.gathering, entry, picture)
            writer.add(row, reduced=picture.reduced, likeness=picture.likeness)
            facts.add(row, picture.likeness, entry.group)
            if len(facts) == _ALL_MISSING and facts.all_missing():
                raise none_there(task.source, done.gathering)
            progress(len(facts), total)
        writer.close()
    finally:
        writer.abandon()


def _row(task: _Task, gathering: Gathering, entry: Gathered, picture: Picture) -> dict[str, Any]:
    if gathering.from_source:
        split = entry.split or UNUSED
    else:
        split = task.split_of(entry.group or picture.sha256 or entry.image_id)
    return {
        "image_id": entry.image_id,
        "split": split,
        "image": picture.image,
        "format": picture.format,
        "width": picture.width,
        "height": picture.height,
        "sha256": picture.sha256,
        "source_uri": entry.source_uri,
        "captions": list(entry.captions),
        "language": entry.language,
        "status": picture.status,
        "error": picture.error,
    }
