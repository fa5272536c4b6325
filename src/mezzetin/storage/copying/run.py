"""Copying between any two places: a file or a folder, resumed where it was cut off, checked by digest.

Enters: a source, on a disk, in a store or on the web, and a target. Leaves: the files at the target, each whole and
checked, and a `StoreReport`. What is there with the same content is left, what is there with other content is a
conflict unless it may be overwritten. Listing streams; so many files and bytes are under way at a time.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import unquote

from mezzetin.errors import InputError, StoreRefused
from mezzetin.records import Progress
from mezzetin.storage.copying.crew import Budget, Crew
from mezzetin.storage.copying.listing import Found, Problem, errands, file_alone, files_below, reason
from mezzetin.storage.copying.names import Names, takes_one_case
from mezzetin.storage.copying.report import NAMED, StoreReport, size
from mezzetin.storage.copying.transfer import Errand, Outcome, Way, carry
from mezzetin.storage.paths import Place, writing
from mezzetin.storage.store import Entry

#: Bytes under way: more than this of one file are never in memory, whole files from store to store lie on the disk.
_UNDER_WAY = 256 << 20
_IN_MEMORY_OF_ONE = 64 << 20
_CONFLICT = "another file of that name is there: --overwrite replaces it"
Report = Callable[[Progress], None]


def _silent(progress: Progress) -> None:
    pass


def store(
    source: str | Path,
    target: str | Path,
    *,
    jobs: int = 8,
    overwrite: bool = False,
    dry_run: bool = False,
    include: str | Iterable[str] | None = None,
    report: Report = _silent,
) -> StoreReport:
    """Copy a file, or what a folder holds, to another place.

    A folder's files keep their paths below `target`. A file becomes `target` itself, or lies in it where it is a folder
    or ends in a slash. `include` is a pattern such as `*.jpg`, or several; `jobs` files go at a time.

    Raises:
        InputError: there is nothing at the source, or the two places overlap.
        EnvironmentProblem: a store refuses or does not answer, or the disk is full; the same call goes on.

    """
    begin, patterns = time.monotonic(), (include,) if isinstance(include, str) else tuple(include or ())
    origin, place = Place.of(source), Place.of(target)
    if place.address.kind == "web":
        raise InputError(f"{place} is a web address, which can't be written to: name a folder, container or bucket")
    found, folder = _found(origin, place, into=str(target).partition("?")[0].endswith("/"))
    tally = _Tally(origin, folder, begin, dry_run, report)
    names, fresh = _prepared(folder, dry_run=dry_run)
    with tempfile.TemporaryDirectory(prefix="mezzetin-", ignore_cleanup_errors=True) as scratch:
        way = Way(overwrite=overwrite, dry_run=dry_run, fresh=fresh, scratch=Path(scratch))
        _run(errands(found, folder, names, patterns), way, jobs, tally)
    if tally.is_empty:
        what = f" that {' or '.join(patterns)} fits" if patterns else ""
        raise InputError(f"{origin} holds no files{what}: check the path")
    return tally.result()


def _found(source: Place, target: Place, *, into: bool) -> tuple[Iterator[Found | Problem], Place]:
    """What is to be copied, and the folder that it goes to."""
    entry = source.entry()
    if entry is None:
        raise InputError(f"{source} is not there: check the path")
    if entry.is_folder:
        _refuse_overlap(source, target, entry)
        return files_below(source), target
    folder, name = _file_target(source, target, into=into)
    _refuse_overlap(source, Place(folder.address.down(name)), entry)
    return file_alone(source, name, entry), folder


@dataclass
class _Tally:
    """The counts while they grow."""

    source: Place
    target: Place
    begin: float
    dry_run: bool
    report: Report
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("copied", "there", "conflict", "failed"), 0))
    links: int = 0
    copied_bytes: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not any(self.counts.values())

    def note(self, errand: Errand, outcome: Outcome) -> None:
        if outcome == "conflict":
            self.add(Problem(errand.name, "conflict", _CONFLICT))
            return
        self.counts[outcome] += 1
        if outcome == "copied":
            self.copied_bytes += errand.entry.size

    def add(self, problem: Problem) -> None:
        if problem.kind == "link":
            self.links += 1
        else:
            self.counts[problem.kind] += 1
        if len(self.problems) < NAMED:
            self.problems.append(problem)

    def show(self, under_way: int) -> None:
        seconds = max(time.monotonic() - self.begin, 0.001)
        came = self.copied_bytes + under_way
        notes = [size(came), f"{size(came / seconds)}/s"]
        troubles = self.counts["conflict"] + self.counts["failed"]
        notes += [f"{troubles:,} not copied"] if troubles else []
        self.report(Progress("store", sum(self.counts.values()), None, ", ".join(notes)))

    def result(self) -> StoreReport:
        return StoreReport(
            source=str(self.source),
            target=str(self.target),
            copied=self.counts["copied"],
            there=self.counts["there"],
            conflicts=self.counts["conflict"],
            failed=self.counts["failed"],
            links=self.links,
            copied_bytes=self.copied_bytes,
            seconds=time.monotonic() - self.begin,
            dry_run=self.dry_run,
            problems=tuple(self.problems),
        )


def _run(work: Iterator[Errand | Problem], way: Way, jobs: int, tally: _Tally) -> None:
    budget = Budget(_UNDER_WAY)

    def weighed(errand: Errand) -> Outcome:
        between_stores = not (errand.source.is_local or errand.target.is_local)
        with budget.spending(errand.entry.size if between_stores else min(errand.entry.size, _IN_MEMORY_OF_ONE)):
            return carry(errand, way)

    crew: Crew[Errand, Outcome] = Crew(weighed, size=jobs, expected=(OSError, InputError), stopped=way.stopped)
    try:
        for done in crew.run(_sorted_out(work, tally)):
            if done is not None:
                errand, outcome = done
                if isinstance(outcome, Exception):
                    tally.add(Problem(errand.name, "failed", reason(outcome)))
                else:
                    tally.note(errand, outcome)
            tally.show(sum(_size(path) for path in list(way.unfinished)))
    finally:
        # What threads left that still wait for a store: they find their files gone, and show none.
        for path in list(way.unfinished):
            path.unlink(missing_ok=True)


def _sorted_out(work: Iterator[Errand | Problem], tally: _Tally) -> Iterator[Errand]:
    for one in work:
        if isinstance(one, Problem):
            tally.add(one)
        else:
            yield one


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _file_target(source: Place, target: Place, *, into: bool) -> tuple[Place, str]:
    """The folder that one file goes to, and its name there."""
    there = target.entry()
    if into or (there is not None and there.is_folder):
        name = unquote(source.address.path.rpartition("/")[2]) if source.address.kind == "web" else source.name
        if not name:
            raise InputError(f"{source} names no file: write the target with the name that it is to have")
        return target, name
    return target.parent, target.name


def _prepared(target: Place, *, dry_run: bool) -> tuple[Names, bool]:
    """Rules for the names at a target that can be written to, and whether it is certain that nothing is there yet."""
    if not target.is_local:
        return Names(None), not _holds_anything(target)
    folder = target.local_path()
    if dry_run:
        return Names(folder), False
    with writing(target):
        folder.mkdir(parents=True, exist_ok=True)
        return Names(folder, one_case=takes_one_case(folder)), not any(folder.iterdir())


def _holds_anything(target: Place) -> bool:
    """Whether files may lie at a store's folder; also where the store does not say, as by a link without List."""
    try:
        if next(target.children(), None) is not None:
            return True
    except FileNotFoundError as error:
        # Azure lists what is under a name that is not there as nothing: then it is the container that lacks.
        if target.address.kind == "azure":
            trouble = f"{target} can't be written to: {error.strerror}, make it first or check its name"
            raise InputError(trouble) from error
    except StoreRefused:
        return True
    return False


def _refuse_overlap(source: Place, target: Place, entry: Entry) -> None:
    one, other = _located(source), _located(target)
    same = one == other
    nested = entry.is_folder and one[0] == other[0] and (_lies_in(one[1], other[1]) or _lies_in(other[1], one[1]))
    if same or nested:
        raise InputError(f"{source} and {target} overlap: copy to a place outside")


def _lies_in(inner: str, outer: str) -> bool:
    return not outer or inner == outer or inner.startswith(outer.rstrip("/") + "/")


def _located(place: Place) -> tuple[tuple[str, ...], str]:
    """A place however it was spelled: its store, and its path there."""
    if place.is_local:
        return ("local",), str(place.local_path().resolve())
    address = place.address
    if address.kind == "azure" and not address.endpoint:
        from mezzetin.storage.azure.credentials import access

        address = replace(address, endpoint=access("", "").endpoint)
    return (address.kind, address.endpoint, address.container), address.path
