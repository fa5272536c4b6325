"""Vectors of pictures that have none yet: those that another captioner described, or that were imported.

Enters: a collection and a captioner that has learned to match words and pictures. Leaves: a vector a picture, read
where it lies, a few at a time, so that memory does not depend on how many there are. Cut off, the next call goes on.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from mezzetin.captioner import BundleCaptioner
from mezzetin.collection import pictures, vectors
from mezzetin.collection.collecting.content import Content, Outcome, ahead, read
from mezzetin.collection.opening import Collection
from mezzetin.collection.rows import Actor, Picture
from mezzetin.collection.sources import SourceRecord, Web
from mezzetin.data.readers.source import Url
from mezzetin.decoding.step import FloatArray
from mezzetin.errors import InputError
from mezzetin.records import ItemError, Progress
from mezzetin.storage.paths import Place
from mezzetin.worker import BATCH, in_batches, processors

_AHEAD = 500
_TOGETHER = 250
_SECONDS = 3.0
_CHANGED = "changed"
Task = tuple[Picture, Content]
Report = Callable[[Progress], None]


@dataclass(slots=True)
class Indexed:
    """What one run made: `pictures` and `texts` count vectors, `failed` pictures by the code of their failure.

    `failed_before` could not be read by `collect` either and are left alone; `put_off` are of hosts that did not
    answer. `examples` holds a message for each failure, `notes` what a search will have to do without.
    """

    pictures: int = 0
    texts: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    failed_before: int = 0
    put_off: int = 0
    examples: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def has_failures(self) -> bool:
        """Whether something did not go as it should, so that an exit code should say so."""
        return bool(self.failed or self.put_off)

    def to_json(self) -> dict[str, Any]:
        """The object of the command line."""
        return {
            "pictures": self.pictures,
            "texts": self.texts,
            "failed": dict(self.failed),
            "failed_before": self.failed_before,
            "put_off": self.put_off,
            "notes": self.notes,
            "seconds": round(self.seconds, 3),
        }


def index_pictures(
    collection: Collection,
    captioner: BundleCaptioner,
    web: Web,
    *,
    sources: Sequence[str] = (),
    result: Indexed,
    report: Report = lambda progress: None,
) -> None:
    """Give every picture its vector in the captioner's space, and tell `result` what was done.

    `sources` are places with the signature that their pictures are read with, which a collection does not keep.

    Raises:
        InputError: the captioner has no such space.
        EnvironmentProblem: a store refuses or does not answer; what was made until then is kept.

    """
    if captioner.space is None:
        raise InputError(f"{captioner.bundle.folder} has not learned to match words and pictures: use another model")
    _Run(collection, captioner, web, [Place.of(source) for source in sources], result, report).go(captioner.space)


class _Run:
    """One run under way."""

    def __init__(
        self,
        collection: Collection,
        captioner: BundleCaptioner,
        web: Web,
        sources: list[Place],
        result: Indexed,
        report: Report,
    ) -> None:
        self._collection, self._captioner, self._web = collection, captioner, web
        self._sources, self._result, self._report = sources, result, report
        self._waiting: list[tuple[Task, FloatArray]] = []
        self._since = time.monotonic()
        self._done, self._total = 0, 0

    def go(self, space: str) -> None:
        self._total = vectors.without_count(self._collection, space)
        try:
            work = self._readable(space)
            for task, vector in in_batches(work, self._vectors, batch=BATCH, workers=processors()):
                if isinstance(vector, ItemError):
                    self._fail(task[0], vector)
                else:
                    self._waiting.append((task, vector))
                if len(self._waiting) >= _TOGETHER or time.monotonic() - self._since > _SECONDS:
                    self._enter(space)
        finally:
            # What is made is kept, whatever ends the run.
            self._enter(space)

    def _readable(self, space: str) -> Iterator[Task]:
        for picture, outcome in ahead(self._todo(space), self._read):
            self._done += 1
            self._report(Progress("index pictures", self._done, self._total))
            if isinstance(outcome, Content):
                if picture.sha256 in (None, outcome.sha256):
                    yield picture, outcome
                else:
                    why = "the file is not the one that was collected: run `mezzetin collect` again"
                    self._fail(picture, ItemError(_CHANGED, why))
            elif isinstance(outcome, ItemError):
                self._fail(picture, outcome)
            else:
                self._result.put_off += 1

    def _todo(self, space: str) -> Iterator[Picture]:
        """Pictures without a vector, some hundred at a time: no snapshot stays open while others write."""
        after = 0
        while True:
            with self._collection.reading() as snapshot:
                chunk = list(islice(vectors.without(snapshot, space, after=after), _AHEAD))
            if not chunk:
                return
            after = chunk[-1].id
            for picture in chunk:
                if picture.status == "failed":
                    self._done += 1
                    self._result.failed_before += 1
                else:
                    yield picture

    def _read(self, picture: Picture) -> Outcome:
        try:
            place = self._place(picture.uri)
        except InputError as error:
            return ItemError("missing", str(error))
        found = Url(picture.uri) if place.address.kind == "web" else place
        return read(SourceRecord(picture=found, uri=picture.uri), self._web)

    def _place(self, uri: str) -> Place:
        """Where a picture lies, with the signature of the source that it lies below."""
        for source in self._sources:
            if not source.is_local and uri.startswith(f"{source}/"):
                inside = "/".join(part for part in (source.address.path, uri.removeprefix(f"{source}/")) if part)
                return Place(source.address.at(inside))
        return Place.of(uri)

    def _vectors(self, tasks: list[Task]) -> list[FloatArray | ItemError]:
        return self._captioner.picture_vectors([content.page(picture.page) for picture, content in tasks])

    def _fail(self, picture: Picture, error: ItemError) -> None:
        self._result.failed[error.code] += 1
        self._result.examples.setdefault(error.code, f"{picture.uri}: {error.message}")

    def _enter(self, space: str) -> None:
        self._since = time.monotonic()
        if not self._waiting:
            return
        with self._collection.writing(Actor.machine(self._captioner.info.name), "index") as writing:
            for (picture, content), vector in self._waiting:
                now = pictures.get(writing, picture.id)
                # Meanwhile it may have been forgotten, or collected anew with other bytes.
                if now is not None and now.sha256 == picture.sha256:
                    vectors.put_picture(writing, picture.id, space, vector, content.sha256)
                    self._result.pictures += 1
        self._waiting.clear()
