"""One file a picture: what sidecars and copies have in common, from the collection to a file in its place.

Enters: an order and who makes the files. Leaves: files that are whole or not there, a journal by which the next run
goes on, and what could not be done. Nothing is overwritten that we did not leave as it is, but with `overwrite`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Picture
from mezzetin.errors import FetchError, ImageError, InputError
from mezzetin.publication.claims import Claim, claims_of
from mezzetin.publication.embedding import Embedded
from mezzetin.publication.journal import Journal, Noted, journal_of, stamp_of
from mezzetin.publication.naming import apart, prefixes, relative_name
from mezzetin.publication.order import Exported, Order
from mezzetin.publication.rows import Published, label, published, published_count, published_pages
from mezzetin.records import Progress
from mezzetin.storage.files import file_sha256
from mezzetin.storage.paths import Place, writing

_TOGETHER = 200
_VERSION = "1"
"""Part of every key: raised when the same texts would make another file."""
Claims = dict[int, tuple[Claim, ...]]


@dataclass(frozen=True, slots=True)
class Job:
    """A file to make: the picture of its first page, what is said of which page, where it goes.

    `state` is free (nothing is there), ours (what an earlier run left) or taken; `noted` is the journal's row.
    """

    picture: Picture
    claims: Claims
    place: Place
    name: str
    state: str
    noted: Noted | None


class Maker(Protocol):
    """Makes the files of one format."""

    name: str

    def file_name(self, name: str) -> str:
        """What the file of a picture of this name is called."""

    def beside(self, picture: Picture) -> Place:
        """Where the file of a picture goes that is made in place."""

    def pages(self, claims: Claims) -> Claims:
        """Those pages whose texts the format can hold."""

    def make(self, job: Job, part: Path) -> Embedded:
        """Write the file to `part`; with `changed` False and no part written the file that is there stays."""

    def replaced(self, job: Job) -> None:
        """What is to be done once a file is in its place."""


def write_files(collection: Collection, order: Order, done: Exported, maker: Maker) -> None:
    """Make a file of every picture that has a text to publish.

    Raises:
        InputError: the target is no folder.
        EnvironmentProblem: it can't be written, or a store does not answer.

    """
    if order.target is not None and order.target.is_file():
        raise InputError(f"{order.target} is a file: name a folder to write to")
    sources = (row[0] for row in collection.rows("SELECT DISTINCT source FROM pictures"))
    folders, total = prefixes(sources), published_count(collection, order.selection)
    with journal_of(order, collection, maker.name) as journal:
        run = _Run(order, done, maker, journal, folders)
        for pages in _files(collection, order):
            run.take(pages)
            order.report(Progress("export", done.pictures, total))
        if journal is not None:
            _tell_withdrawn(collection, order, done, journal)


def _tell_withdrawn(collection: Collection, order: Order, done: Exported, journal: Journal) -> None:
    """Name the files of earlier runs that hold a text which is published no more; to delete them is for people."""
    for uri, name in journal.files():
        with collection.reading() as reader:
            if published_pages(reader, uri, order.selection):
                continue
            known = reader.one("SELECT 1 FROM pictures WHERE uri = ?", (uri,)) is not None
        place = name if order.in_place else str(_below(order.place(), name))
        done.fail(order, place, "withdrawn", f"{place} holds a text that is published no more: take it away")
        if not known and not order.dry_run:
            # Forgotten, or moved: what was told is enough, and nothing of it stays here.
            journal.drop(uri)


def _files(collection: Collection, order: Order) -> Iterator[list[Published]]:
    """The pages of each file, some hundred pictures a reading, so that no snapshot is held for hours."""
    after = 0
    while True:
        with collection.reading() as reader:
            some = list(islice(published(reader, order.selection, after=after), _TOGETHER))
            files = [
                published_pages(reader, one.picture.uri, order.selection)
                if one.picture.page or one.picture.pages > 1
                else [one]
                for one in some
            ]
        for one, pages in zip(some, files, strict=True):
            if pages and min(page.picture.id for page in pages) == one.picture.id:
                yield pages
        if not some:
            return
        after = some[-1].picture.id


class _Run:
    def __init__(
        self, order: Order, done: Exported, maker: Maker, journal: Journal | None, folders: dict[str, str]
    ) -> None:
        self._order, self._done, self._maker, self._journal = order, done, maker, journal
        self._folders = folders

    def take(self, pages: Sequence[Published]) -> None:
        """Make one file, or say why not."""
        picture = pages[0].picture
        self._done.pictures += len(pages)
        try:
            claims = self._claims(pages)
            if not claims:
                return
            job = self._job(picture, claims)
            key = _key(picture, claims)
            if job.state == "same":
                self._done.files["same"] += 1
                self._maker.replaced(job)
            elif job.state == "taken" and not self._order.overwrite and not self._order.in_place:
                self._fail(picture, "exists", f"{job.place} is there already: --overwrite renews it")
            elif self._order.dry_run or self._journal is None:
                self._done.files["to write"] += 1
            else:
                self._make(job, key, self._journal)
        except (ImageError, FetchError) as error:
            self._fail(picture, error.code, str(error))
        except (FileNotFoundError, InputError) as error:
            message = str(error) if isinstance(error, InputError) else f"{picture.uri} is not there: check its name"
            self._fail(picture, "missing", message)

    def _claims(self, pages: Sequence[Published]) -> Claims:
        """What is to be said of each page, and in the counts."""
        found: Claims = {}
        for one in pages:
            fitting = [text for text in one.texts if text.of_sha256 in (None, one.picture.sha256)]
            if len(fitting) < len(one.texts):
                self._fail(one.picture, "changed", "its text is of another picture that was here: review it first")
            if fitting:
                found[one.picture.page] = claims_of(fitting, self._order.selection.langs)
            self._done.texts += len(fitting)
            self._done.labels.update(label(text) for text in fitting)
        able = self._maker.pages(found)
        for page in found.keys() - able.keys():
            self._fail(pages[0].picture, "page", f"a text of page {page + 1} has no place in a sidecar: embed it")
        return able

    def _job(self, picture: Picture, claims: Claims) -> Job:
        noted = self._journal.at(picture.uri) if self._journal else None
        if self._order.in_place:
            place = self._maker.beside(picture)
            name = str(place)
        else:
            name = noted.name if noted else self._free_name(picture)
            place = _below(self._order.place(), name)
        state, noted = self._state(place, noted, picture.uri, _key(picture, claims))
        return Job(picture, claims, place, name, state, noted)

    def _free_name(self, picture: Picture) -> str:
        name = relative_name(picture, self._folders.get(picture.source, ""))
        chosen = self._maker.file_name(name)
        if self._journal is not None and self._journal.is_taken(chosen, picture.uri):
            chosen = self._maker.file_name(apart(name, picture.id))
        return chosen

    def _state(self, place: Place, noted: Noted | None, uri: str, key: str) -> tuple[str, Noted | None]:
        """How the file's place looks, by the journal; a run that was killed at the worst moment is caught up with."""
        stamp = stamp_of(place)
        if stamp is None:
            return "free", noted
        if noted is None or self._journal is None:
            return "taken", noted
        if stamp != noted.stamp or noted.next_sha256 is not None:
            digest = _digest(place)
            if digest not in (noted.sha256, noted.next_sha256):
                return "taken", noted
            made_of = noted.next_key if digest == noted.next_sha256 else noted.key
            self._journal.done(uri, made_of or "", digest, stamp)
            noted = self._journal.at(uri)
        return "same" if noted and noted.key == key else "ours", noted

    def _make(self, job: Job, key: str, journal: Journal) -> None:
        with _part(job.place) as part:
            made = self._maker.make(job, part)
            for claim in made.kept:
                self._done.keep(self._order, job.picture.uri, f"the file has another {claim.name} ({claim.lang})")
            if not part.exists():
                self._done.files["same"] += 1
                return
            digest = file_sha256(part)
            journal.intend(job.picture.uri, job.name, key, digest)
            with writing(job.place):
                _put(part, job.place)
            journal.done(job.picture.uri, key, digest, stamp_of(job.place) or "")
        self._maker.replaced(job)
        self._done.files["written"] += 1

    def _fail(self, picture: Picture, code: str, message: str) -> None:
        self._done.fail(self._order, picture.uri, code, message)


def _key(picture: Picture, claims: Claims) -> str:
    """Of what a file is made: while this is the same, so is the file."""
    told = [(page, one.name, one.lang, one.text, one.by, one.says) for page, asked in claims.items() for one in asked]
    return hashlib.sha256(repr((_VERSION, picture.sha256 or picture.stamp, told)).encode()).hexdigest()


def _below(folder: Place, name: str) -> Place:
    """A file of the target; a part such as `az:` is a name here, no address."""
    place = folder
    for part in name.split("/"):
        place = place / part
    return place


def _digest(place: Place) -> str:
    with place.content(-1 if place.is_local else 4 << 20) as data:
        return file_sha256(data) if isinstance(data, Path) else hashlib.sha256(data).hexdigest()


@contextmanager
def _part(place: Place) -> Iterator[Path]:
    """A file to write, beside its place where that is on this machine."""
    if place.is_local:
        goal = place.local_path().resolve()
        with writing(place):
            goal.parent.mkdir(parents=True, exist_ok=True)
        part = goal.with_name(f".{hashlib.sha256(goal.name.encode()).hexdigest()[:16]}.part")
        part.unlink(missing_ok=True)
        try:
            yield part
        finally:
            part.unlink(missing_ok=True)
        return
    with tempfile.TemporaryDirectory(prefix="mezzetin-") as scratch:
        yield Path(scratch) / "part"


def _put(part: Path, place: Place) -> None:
    """Put a finished file into its place, synced; what replaces a file keeps its rights and its owner's marks."""
    if not place.is_local:
        place.put(part)
        return
    goal = place.local_path().resolve()
    if goal.exists():
        shutil.copystat(goal, part)
        os.utime(part)
    with part.open("rb+") as stream:
        os.fsync(stream.fileno())
    part.replace(goal)
