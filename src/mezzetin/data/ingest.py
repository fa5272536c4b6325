"""Ingest: read a source, look at every picture, write the dataset.

Enters: a folder or table of captioned pictures. Leaves: the dataset artefact and a report in which every
defect is counted and named. In order: choose a reader, gather its records, load pictures in a few threads
while keeping their order, write parts, then defects, then the manifest that makes it a dataset.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from mezzetin.data.dataset import MANIFEST, Dataset
from mezzetin.data.finish import finish, usable
from mezzetin.data.gather import Gathered, Gathering
from mezzetin.data.parts import JOURNAL, Journal, Limits, PartsWriter, read_journal
from mezzetin.data.picture import Picture, load_picture
from mezzetin.data.readers import READERS, choose_layout
from mezzetin.data.report import IngestReport
from mezzetin.data.splits import SHARES, UNUSED, seeded_split
from mezzetin.errors import DatasetError
from mezzetin.storage.paths import Place, writing

Progress = Callable[[int, int | None], None]
_AHEAD = 8


@dataclass(frozen=True, slots=True)
class _Task:
    source: Place
    folder: Path
    layout: str
    language: str
    seed: int
    licence: str | None
    shares: tuple[float, float, float]
    limits: Limits

    def __post_init__(self) -> None:
        if min(self.shares) < 0 or not sum(self.shares) > 0:
            raise DatasetError(f"the shares of train, val and test must be 0 or more and not all 0, not {self.shares}")


def ingest(
    source: str | Path,
    dataset: str | Path,
    *,
    layout: str | None = None,
    language: str = "en",
    seed: int = 0,
    licence: str | None = None,
    shares: tuple[float, float, float] = SHARES,
    progress: Progress | None = None,
    limits: Limits | None = None,
) -> IngestReport:
    """Make a dataset in the folder `dataset` from the captioned pictures at `source`; return its report.

    The layout is recognised or named (`READERS`); `language` is that of captions that name none; `seed` and
    `shares` (train, val, test) make the splits where the source has none; `progress` gets (pictures done, all
    pictures). An interrupted run goes on after its last finished part and ends in the same bytes; a dataset
    that is there already from the same source is reported without work.

    Raises:
        DatasetError: the source can't be used, or `dataset` holds something else.
        EnvironmentProblem: the disk is full, read-only or refuses.

    """
    task = _Task(
        source=Place.of(source),
        folder=Place.of(dataset).local_path(),
        layout=choose_layout(Place.of(source), layout),
        language=language,
        seed=seed,
        licence=licence,
        shares=shares,
        limits=limits or Limits(),
    )
    gathering = Gathering(READERS[task.layout].read(task.source, language), language)
    try:
        return _ingest(task, gathering, progress or (lambda done, total: None))
    finally:
        gathering.close()


def _ingest(task: _Task, gathering: Gathering, progress: Progress) -> IngestReport:
    made_from = _made_from(task, gathering)
    with writing(task.folder):
        if (task.folder / MANIFEST).exists():
            return _already_there(task, made_from)
        _check_folder(task.folder, made_from)
    _check_source(task, gathering)
    with writing(task.folder):
        task.folder.mkdir(parents=True, exist_ok=True)
    journal = Journal(task.folder, made_from)
    resumed = bool(journal.parts)
    _write_parts(task, gathering, journal, progress)
    _check_any_usable(task, gathering, journal)
    report = finish(task.folder, gathering, journal, _told(task, gathering), made_from)
    return replace(report, state="resumed") if resumed else report


def _made_from(task: _Task, gathering: Gathering) -> dict[str, Any]:
    made_from: dict[str, Any] = {
        "source": str(task.source.local_path()),
        "layout": task.layout,
        "fingerprint": gathering.fingerprint(),
        "language": task.language,
        "licence": task.licence,
        "seed": None,
    }
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
        if published:
            warnings.append(
                f"no official split files ({published}) beside the captions, so pictures were split by "
                "content: scores are not comparable with published ones"
            )
    return {"language": task.language, "licence": task.licence, "splits": splits, "warnings": warnings}


def _already_there(task: _Task, made_from: dict[str, Any]) -> IngestReport:
    there = Dataset.open(task.folder)
    if there.manifest.provenance.get("made_from") != made_from:
        raise DatasetError(
            f"{task.folder} holds another dataset, or one made with other options: "
            "choose another folder, or delete that one"
        )
    (task.folder / JOURNAL).unlink(missing_ok=True)
    return replace(there.report(), state="found")


def _check_folder(folder: Path, made_from: dict[str, Any]) -> None:
    if folder.exists() and not folder.is_dir():
        raise DatasetError(f"{folder} is a file: name a folder for the dataset")
    told = read_journal(folder)
    if told is not None and told[0] != made_from:
        raise DatasetError(
            f"{folder} holds the unfinished ingest of another source, or of this one with other captions or "
            "options: choose another folder, or delete that one"
        )
    # A run that was killed while it wrote the journal's first line leaves that line's half.
    ours = (JOURNAL, f".{JOURNAL}.part")
    if told is None and folder.is_dir() and any(path.name not in ours for path in folder.iterdir()):
        raise DatasetError(f"{folder} is not empty and holds no dataset: choose a new or empty folder")


def _check_source(task: _Task, gathering: Gathering) -> None:
    if not gathering.captioned():
        trouble = next((f"; first trouble: {d.name}, {d.detail}" for d in gathering.defects()), "")
        raise DatasetError(
            f"{task.source} holds no caption that can be used (looked for {READERS[task.layout].LOOKS_FOR})"
            f"{trouble}: check the captions"
        )
    captioned = (entry.image for entry in gathering if entry.captions)
    if not any(place is not None and place.exists() for place in captioned):
        first = next((entry.image for entry in gathering if entry.captions), None)
        raise DatasetError(
            f"none of the {gathering.captioned():,} captioned pictures of {task.source} is there "
            f"(looked for {first}): put the pictures in place"
        )


def _check_any_usable(task: _Task, gathering: Gathering, journal: Journal) -> None:
    if not usable(task.folder, journal):
        for part in journal.parts:
            (task.folder / part.name).unlink(missing_ok=True)
        journal.remove()
        raise DatasetError(
            f"none of the {gathering.captioned():,} captioned pictures of {task.source} can be decoded: check the files"
        )


def _write_parts(task: _Task, gathering: Gathering, journal: Journal, progress: Progress) -> None:
    done, total = sum(part.rows for part in journal.parts), len(gathering)
    writer = PartsWriter(task.folder, journal, task.limits)
    progress(done, total)
    try:
        for entry, picture in _loaded(islice(gathering, done, None)):
            writer.add(_row(task, gathering, entry, picture), reduced=picture.reduced)
            done += 1
            progress(done, total)
        writer.close()
    finally:
        writer.abandon()


def _loaded(entries: Iterable[Gathered]) -> Iterator[tuple[Gathered, Picture]]:
    """Load pictures a few ahead, in a few threads, and yield them in order."""
    waiting: deque[tuple[Gathered, Future[Picture]]] = deque()
    pool = ThreadPoolExecutor(min(4, os.cpu_count() or 1), thread_name_prefix="ingest")
    try:
        for entry in entries:
            waiting.append((entry, pool.submit(_load, entry)))
            if len(waiting) > _AHEAD:
                first, picture = waiting.popleft()
                yield first, picture.result()
        for last, picture in waiting:
            yield last, picture.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _load(entry: Gathered) -> Picture:
    if not entry.captions:
        return Picture("no_captions", "the source has no caption for it")
    return load_picture(entry.image)


def _row(task: _Task, gathering: Gathering, entry: Gathered, picture: Picture) -> dict[str, Any]:
    if gathering.from_source:
        split = entry.split or UNUSED
    else:
        split = seeded_split(picture.sha256 or entry.image_id, task.seed, task.shares)
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
